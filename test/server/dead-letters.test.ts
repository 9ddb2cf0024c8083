import { join } from 'node:path';
import fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { openLogStore, readRecords } from '../../ingest/log/log-store.ts';
import { createReplayApi } from '../../server/replay-api.ts';
import type { DeadLetter, ReplayResult } from '../../model/dead-letter.ts';
import { policySchema } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { DEAD_LETTERS } from '../../model/source.ts';
import { answerProblems } from '../../server/problem-reply.ts';
import { openCustody } from '../../server/open-custody.ts';
import { deadLetterSchema } from '../../query/openapi/dead-letter-paths.ts';
import type { Custody } from '../../server/open-custody.ts';
import { ownStore } from '../support/own-store.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TOKEN = ['glpat', 'x7Kq2mVb9Zr4tWn8Lp3s'].join('-');
const logout = (user: string, more = ''): string =>
  JSON.stringify({ log: `2026-08-20 09:15:40,117 INFO  [org.keycloak.events] (executor-thread-3) type="LOGOUT", realmId="r", realmName="acme", clientId="cli", userId="${user}", sessionId="n2Yq8Kz0mWb1aaaaaaaaaaaa", ipAddress="203.0.113.40"${more}` }); // prettier-ignore

const source = { family: 'keycloak', instance: '/acme' };
const broken = policySchema.parse({ tenant: 'acme', sources: [source] });
const mended = policySchema.parse({ tenant: 'acme', sources: [{ ...source, jwt_issuer: 'https://sso.acme.example/realms/acme' }] }); // prettier-ignore

let folder: Awaited<ReturnType<typeof tempFolder>>;
let custody: Custody;

async function open(policy: typeof broken): Promise<void> {
  custody = await openCustody({ folder: join(folder.path, 'data'), policy, secrets: secretsFrom({}), oidc: undefined, version: '0', logTo: 'nowhere' }); // prettier-ignore
  await custody.settled();
}
async function ask(method: 'GET' | 'POST', url: string, payload?: string | object, token = custody.token): Promise<{ status: number; text: string; json: () => unknown }> {
  const answer = await custody.app.inject({ method, url, headers: { host: 'localhost', authorization: `Bearer ${token}` }, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, text: answer.payload, json: () => JSON.parse(answer.payload) as unknown };
} // prettier-ignore
const letters = async (query = ''): Promise<readonly DeadLetter[]> =>
  ((await ask('GET', `/v1/dead-letters${query}`)).json() as { letters: readonly DeadLetter[] }).letters;
const replay = async (body: object): Promise<readonly ReplayResult[]> => {
  const answer = await ask('POST', '/v1/dead-letters/replay', body);
  expect(answer.status, answer.text).toBe(200);
  return (answer.json() as { results: readonly ReplayResult[] }).results;
};
async function value(sql: string): Promise<string> {
  return (await ownStore(custody).writer.bytes({ sql: `${sql} FORMAT TSVRaw`, params: {} })).toString('utf8').trim();
}

beforeAll(async () => {
  folder = await tempFolder();
  await open(broken);
}, 60_000);
afterAll(async () => {
  await custody.close();
  await folder.remove();
});

describe('dead letters', () => {
  test('with none: says so', async () => {
    expect(await letters()).toEqual([]);
    expect((await ask('GET', '/v1/dead-letters?format=text')).text).toBe('No dead letters: no record that arrived was rejected.\n'); // prettier-ignore
    expect((await ask('GET', '/v1/dead-letters?reason=bad_timestamp&format=text')).text).toContain('No dead letter matches'); // prettier-ignore
  });

  test('what is rejected is listed, shown and filtered, and no secret comes back', async () => {
    const lines = [logout('u1'), logout('u2', `, redirect_uri="https://x/?token=${TOKEN}"`), logout('u1'), '[1]'];
    const answer = await ask('POST', '/v1/imports?source=keycloak.event&instance=%2Facme', `${lines.join('\n')}\n`);
    expect(answer.text).toContain('"rejected":{"missing_required_fields":3');
    const found = await letters();
    expect(z.array(deadLetterSchema.strict()).safeParse(found).success).toBe(true);
    expect(found.map(({ id, replay: state }) => `${id} ${state}`)).toEqual([
      'keycloak/0/3 none',
      'keycloak/0/2 none',
      'keycloak/0/1 none',
      'keycloak/0/0 none',
    ]);
    expect(found[3]).toMatchObject({ source: 'keycloak.event', instance: '/acme', delivery: 'import', replay_attempts: 0 }); // prettier-ignore
    expect(found[3]?.announced_at).toMatch(/^2\d{3}-/);
    expect(found[3]?.remedy).not.toBe('');
    expect(await letters('?offset=1..2')).toHaveLength(2);
    expect(await letters('?source=keycloak&reason=missing_required_fields&instance=%2Facme&from=2020-01-01T00:00:00Z')).toHaveLength(3); // prettier-ignore
    for (const none of ['source=okta.log', 'instance=x', 'to=2020-01-01T00:00:00Z', 'replay=accepted', 'offset=9'])
      expect(await letters(`?${none}`), none).toEqual([]);
    const shown = await ask('GET', '/v1/dead-letters/keycloak/0/1');
    expect(shown.json()).toMatchObject({ encoding: 'utf8', value_cut: false, key: '/acme', replays: [] });
    const text = (await ask('GET', '/v1/dead-letters/keycloak%2F0%2F1?format=text')).text;
    expect(text).toContain('not replayed');
    expect(`${shown.text}${text}${JSON.stringify(found)}`).not.toContain(TOKEN);
  });

  test('pages by cursor, each letter once; a cursor of another question is refused', async () => {
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const page = (await ask('GET', `/v1/dead-letters?limit=3${cursor}`)).json() as { letters: DeadLetter[]; next: string | null }; // prettier-ignore
      seen.push(...page.letters.map(({ id }) => id));
      if (page.next !== null) expect((await ask('GET', `/v1/dead-letters?source=keycloak&cursor=${page.next}`)).status).toBe(400); // prettier-ignore
      next = page.next;
    }
    expect(seen).toEqual(['keycloak/0/3', 'keycloak/0/2', 'keycloak/0/1', 'keycloak/0/0']);
  });

  test.each([
    ['GET', '/v1/dead-letters/keycloak/0/99', 404],
    ['GET', '/v1/dead-letters/nonsense', 400],
    ['GET', '/v1/dead-letters/keycloak/0/007', 400],
    ['GET', '/v1/dead-letters?reason=because', 400],
    ['GET', "/v1/dead-letters?instance=' OR 1=1 --", 200],
    ['POST', '/v1/dead-letters/replay', 400],
  ] as const)('%s %s: %i', async (method, url, status) => {
    expect((await ask(method, url, method === 'POST' ? {} : undefined)).status).toBe(status);
  });

  test.each(['/v1/dead-letters', '/v1/dead-letters/keycloak/0/0'])('%s needs a credential', async (url) => {
    expect((await ask('GET', url, undefined, 'wrong')).status).toBe(401);
    expect((await ask('POST', '/v1/dead-letters/replay', { all: true }, 'wrong')).status).toBe(401);
  });
});

describe('replay', () => {
  test('is for operators: who may only read is refused before anything is looked at', async () => {
    const app = fastify();
    answerProblems(app);
    const never = (): never => {
      throw new Error('must not be used');
    };
    const asked: string[] = [];
    const authorize = (_: string | undefined, permission: string): Promise<never> =>
      Promise.reject(asked.push(permission) && new Problem('forbidden', 'This needs the permission "operate".'));
    const deps = {
      authorize,
      cursorKey: Buffer.alloc(32),
      policy: broken,
      adapterFor: never,
      now: never,
      settle: never,
    };
    await app.register(createReplayApi({ ...deps, log: { append: never }, reader: { read: never } }));
    const answer = await app.inject({ method: 'POST', url: '/v1/dead-letters/replay', payload: { all: true } });
    expect([answer.statusCode, asked]).toEqual([403, ['operate']]);
    await app.close();
  });

  test('what would be refused again is not appended', async () => {
    const results = await replay({ all: true });
    expect(results.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 4 }, () => 'still_rejected'));
    expect(await value('SELECT count() FROM records')).toBe('4');
  });

  test('after the policy was mended, each is accepted once, and says so when asked again', async () => {
    await custody.close();
    await open(mended);
    expect(await replay({ ids: ['keycloak/0/0'], dry_run: true })).toMatchObject([{ outcome: 'would_be_replayed' }]);
    expect(await value('SELECT count() FROM records')).toBe('4');
    const at = { source: 'keycloak', offset: '0..2' };
    // Two calls at once: the second sees what the first did.
    const [first, second] = await Promise.all([replay(at), replay(at)]);
    expect(Object.fromEntries(first.map(({ id, outcome }) => [id, outcome]))).toEqual({
      'keycloak/0/2': 'duplicate', // the same line as 0, which came first
      'keycloak/0/1': 'accepted',
      'keycloak/0/0': 'accepted',
    });
    expect(second.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 3 }, () => 'already_replayed'));
    expect(await replay({ ids: ['keycloak/0/3', 'okta.log/0/1'] })).toMatchObject([
      { outcome: 'still_rejected' },
      { outcome: 'not_found' },
    ]);
    expect(await value("SELECT countIf(status = 'rejected'), countIf(status = 'accepted'), countIf(status = 'duplicate') FROM records")).toBe('4\t2\t1'); // prettier-ignore
    expect(await letters('?replay=accepted')).toHaveLength(2);
    const shown = (await ask('GET', '/v1/dead-letters/keycloak/0/1')).json() as { replays: object[]; reason: string };
    expect(shown).toMatchObject({ reason: 'missing_required_fields', replay: 'accepted', replays: [{ status: 'accepted', by: 'local (local)' }] }); // prettier-ignore
    const [repeat] = (await value("SELECT headers FROM records WHERE delivery = 'replay' AND status = 'duplicate'")).split('\n'); // prettier-ignore
    expect(JSON.parse(repeat ?? '')).toMatchObject({ 'x-custody-replay-of': 'keycloak/0/2', 'x-custody-replayed-by': 'local (local)' }); // prettier-ignore
  }, 120_000);

  test('a rebuild, which derives the letters too, counts every event once', async () => {
    expect((await ask('POST', '/v1/rebuild')).text).toContain('"result"');
    expect(await value("SELECT countIf(disposition = 'accepted'), uniqExact(event_id) FROM events")).toBe('2\t2');
  }, 120_000);

  test('letters were announced once each, in order, and no announcement became an event', async () => {
    expect(await value('SELECT sum(letters), uniqExact(topic) FROM announcements')).toBe('4\t1');
    expect(await value("SELECT count() FROM records WHERE topic != 'keycloak'")).toBe('0');
    await custody.close();
    const log = openLogStore(join(folder.path, 'data', 'log', 'log'), undefined);
    const told = readRecords(log, { topic: DEAD_LETTERS, partition: 0 }, 0, 10, { records: 10, bytes: 1e6 });
    await log.close();
    expect(told.map(({ headers }) => headers['x-source'])).toEqual(['keycloak/0/0', 'keycloak/0/1', 'keycloak/0/2', 'keycloak/0/3']); // prettier-ignore
    expect(told[0]?.headers).toMatchObject({ 'x-reason': 'missing_required_fields', 'x-custody-instance': '/acme' });
    expect(told[0]?.headers['x-leaf']).toMatch(/^[0-9a-f]{64}$/);
    expect(told[0]?.value.toString()).toContain('LOGOUT');
    expect(JSON.stringify(told.map(({ value: bytes }) => bytes.toString()))).not.toContain(TOKEN);
    await open(mended);
  }, 120_000);
});
