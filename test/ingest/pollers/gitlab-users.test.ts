import { afterEach, describe, expect, test } from 'vitest';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { limitsOf } from '../../../ingest/intake/scan-types.ts';
import { gitlabUsers } from '../../../ingest/sources/gitlab-users.ts';
import { Problem } from '../../../model/problem.ts';
import { inputOf } from '../../support/adapter-input.ts';
import { POLL_NOW, createPollHarness, pollSource } from '../../support/poll-harness.ts';
import type { PollHarness } from '../../support/poll-harness.ts';
import { seeded } from '../../support/random.ts';
import { externUid, gitlabUser, gitlabUsersApi } from '../../support/scripted-users.ts';
import { BADLY_BEHAVED, WELL_BEHAVED, json, startScriptedServer } from '../../support/scripted-server.ts';
import type { ScriptedServer } from '../../support/scripted-server.ts';

let server: ScriptedServer;
afterEach(() => server.close());

const ID = 'gitlab.users/gitlab.acme.example';
type Row = Record<string, unknown>;
const statements = ({ log }: PollHarness): readonly Row[] =>
  log.all().map((record) => JSON.parse(record.value.toString('utf8')) as Row);
const saml = (uid: string): object => ({ provider: 'saml', extern_uid: uid, saml_provider_id: null });
const uidsOf = (row: Row): readonly string[] => (row['identities'] as readonly { extern_uid: string }[]).map((one) => one.extern_uid).toSorted(); // prettier-ignore

/** What all statements together say is so now: the last of each account, those that are tied to nothing left out. */
function told(rows: readonly Row[]): ReadonlyMap<number, readonly string[]> {
  const state = new Map<number, readonly string[]>();
  for (const row of rows) state.set(Number(row['id']), uidsOf(row));
  return new Map([...state].filter(([, uids]) => uids.length > 0).toSorted(([a], [b]) => a - b));
}

/** The same of the server's own list. */
function truth(users: readonly Row[]): ReadonlyMap<number, readonly string[]> {
  return told(users.toSorted((a, b) => Number(a['id']) - Number(b['id'])));
}

async function untilRead(harness: PollHarness): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    try {
      return (await harness.service.once(ID, () => undefined)).records;
    } catch (error) {
      // A server that failed seven times in a row: the next round goes on where this one was.
      if (tries === 5) throw error;
    }
  }
}

describe('the users of a GitLab', () => {
  test.each([1, 2, 3])('0 lost and 0 twice against a server that misbehaves, seed %i', async (seed) => {
    const { events: users, script } = gitlabUsersApi(700, seed);
    const random = seeded(seed);
    server = await startScriptedServer(script, { seed, misbehaviour: BADLY_BEHAVED });
    const harness = createPollHarness([pollSource('gitlab.users', server.url, { max_pages: 5 })]);
    await untilRead(harness);
    expect(statements(harness)).toHaveLength(700);
    let changes = 700;
    for (let round = 1; round <= 3; round += 1) {
      harness.at(POLL_NOW + round * 3_600_000);
      // Some lose their identity, some get another, some a second one, some go, some come; all sign in.
      for (const user of users.slice()) {
        user['last_sign_in_at'] = new Date(POLL_NOW + round * 3_600_000).toISOString();
        const chance = random();
        const held = user['identities'] as object[];
        if (chance >= 0.05) continue;
        if (chance < 0.01 && held.length === 0) continue;
        changes += chance < 0.02 && held.length === 0 ? 0 : 1;
        if (chance < 0.01) user['identities'] = [];
        else if (chance < 0.02) users.splice(users.indexOf(user), 1);
        else if (chance < 0.035) user['identities'] = [saml(`moved-${round}-${String(user['id'])}`)];
        else user['identities'] = [saml(`second-${round}-${String(user['id'])}`), ...held.toReversed()];
      }
      for (let more = 0; more < 6; more += 1) {
        const id = 1_000 * round + more;
        users.push(gitlabUser(id, more % 2 === 0 ? [saml(externUid(id))] : []));
        changes += more % 2 === 0 ? 1 : 0;
      }
      await untilRead(harness);
      expect(told(statements(harness))).toEqual(truth(users));
      expect(statements(harness)).toHaveLength(changes);
    }
    server.behave(WELL_BEHAVED);
    expect(await untilRead(harness)).toBe(0);
    for (const name of ['throttles', 'fails', 'drops', 'cuts'] as const) expect(server.counts[name]).toBeGreaterThan(0);
    expect(harness.service.views()).toMatchObject([{ records: changes, cursor: { accounts: truth(users).size } }]);
  });

  test('what was told is known after a restart; a link that GitLab forgot is no loss', async () => {
    const api = gitlabUsersApi(300, 4);
    server = await startScriptedServer(api.script);
    const harness = createPollHarness([pollSource('gitlab.users', server.url, { max_pages: 2 })]);
    // One round of two pages, then a server that has forgotten where the next begins.
    const steps: unknown[] = [];
    const stop = new AbortController();
    const tell = (step: object): void => {
      steps.push(step);
      if ('page' in step && step.page === 2) stop.abort();
    };
    await harness.service.once(ID, tell, stop.signal).catch((error: unknown) => error);
    expect(statements(harness)).toHaveLength(100);
    api.forgets();
    await harness.restart().once(ID, (step) => steps.push(step));
    expect(JSON.stringify(steps)).toContain('reading the users from the first');
    expect(statements(harness)).toHaveLength(300);
    expect(told(statements(harness))).toEqual(truth(api.events));
    expect((await harness.restart().once(ID, () => undefined)).records).toBe(0);
  });

  test('an account that a page leaves out by mistake is asked for, and is not said to be gone', async () => {
    const { script } = gitlabUsersApi(120, 5);
    let hidden: number | undefined;
    server = await startScriptedServer((request) => {
      const answer = script(request);
      const isList = request.url.pathname === '/api/v4/users' && answer.status === undefined;
      if (!isList) return answer;
      const rows = (JSON.parse(String(answer.body)) as Row[]).filter((row) => row['id'] !== hidden);
      return json(rows, answer.headers);
    });
    const harness = createPollHarness([pollSource('gitlab.users', server.url)]);
    await untilRead(harness);
    hidden = 60;
    harness.at(POLL_NOW + 3_600_000);
    expect(await untilRead(harness)).toBe(0);
    expect(server.requests.map(({ url }) => url.pathname)).toContain('/api/v4/users/60');
  });

  test('of a person only what ties the account to a provider is taken in, in every form of an extern_uid', async () => {
    const { script } = gitlabUsersApi(40, 6);
    server = await startScriptedServer(script);
    const harness = createPollHarness([pollSource('gitlab.users', server.url)]);
    await untilRead(harness);
    const rows = statements(harness);
    expect([...new Set(rows.flatMap((row) => Object.keys(row)))].toSorted()).toEqual(['id', 'identities', 'observed_at', 'scim_identities', 'username']); // prettier-ignore
    expect(told(rows)).toEqual(new Map(Array.from({ length: 40 }, (_, at) => [at + 1, [externUid(at + 1)]])));
    expect(JSON.stringify([rows, harness.service.views()])).not.toMatch(/Person Number|cello|Lisbon|home\.example|198\.51|parental|glpat-/); // prettier-ignore
    for (const row of rows) expect(gitlabUsers.parse(inputOf(row, { instance: 'gitlab.acme.example' }))).toMatchObject({ ok: true, events: [{ action: 'identity.state', unread: [], facts: { identity: { accounts: [[`gitlab:user:gitlab.acme.example/${String(row['id'])}`, `idp:user:https://gitlab.acme.example/${String(row['id'])}`], [`gitlab:identity:gitlab.acme.example/saml/${externUid(Number(row['id']))}`]] } } }] }); // prettier-ignore
  });

  test('whoever sends whole users to the door leaves nothing of a person there either', () => {
    const { containers, redact } = gitlabUsers;
    const user = gitlabUser(5, [
      { provider: 'saml', extern_uid: '00u5', saml_provider_id: 3, last_login: 'on Monday' },
    ]);
    const body = Buffer.from(JSON.stringify([{ ...user, observed_at: '2026-08-20T09:00:00Z' }]));
    const scanned = scanDelivery(body, { containers, redact, limits: limitsOf('gitlab.users'), secrets: 'redact', format: 'detect' }); // prettier-ignore
    const [text = ''] = scanned.ok ? scanned.elements.map(({ value }) => value.toString('utf8')) : [];
    expect(text).toContain('"identities":[{"provider":"saml","extern_uid":"00u5","saml_provider_id":3,"last_login":"[REDACTED:not_needed]"}]'); // prettier-ignore
    expect(text).not.toMatch(/Person Number|cello|Lisbon|example|198\.51|parental|Monday/);
  });

  test("a token that is no administrator's is a fault that says so: a list without identities is not a list of nobody", async () => {
    const { script } = gitlabUsersApi(30, 7);
    let isAdmin = true;
    server = await startScriptedServer((request) => {
      const answer = script(request);
      if (isAdmin) return answer;
      return json((JSON.parse(String(answer.body)) as Row[]).map((row) => ({ ...row, identities: undefined })), answer.headers);
    }); // prettier-ignore
    const harness = createPollHarness([pollSource('gitlab.users', server.url)]);
    await untilRead(harness);
    isAdmin = false;
    harness.at(POLL_NOW + 3_600_000);
    const fault: unknown = await harness.service.once(ID, () => undefined).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Problem);
    expect(fault).toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('no administrator') as string,
    });
    expect(statements(harness)).toHaveLength(30);
  });
});
