import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createCompare } from '../../../ingest/pollers/compare.ts';
import { pollsOf } from '../../../ingest/pollers/poll-registry.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { rebuildDerived } from '../../../ingest/worker/rebuild.ts';
import { startTransformPool } from '../../../ingest/worker/transform-pool.ts';
import { policySchema } from '../../../model/policy.ts';
import { createTracer } from '../../../query/trace.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { SHARED, readLines } from '../../support/adapter-input.ts';
import { SALT_KEY, dumpDerived, emptyStore, scalar, startInline, testWorker } from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { seeded } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';

// Threads and an engine, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 });

const HOST = 'sso.acme.example';
const BASE = Date.UTC(2026, 7, 20, 9, 15, 40);
const REALM = '0f3e0000-0000-4000-8000-0000000000a1';
const policy = (realms: Readonly<Record<string, string>>, more = {}) =>
  policySchema.parse({ sources: [{ family: 'keycloak', instance: HOST, realms, utc_offset: '+00:00', ...more }] });
const ACME = policy({ [REALM]: 'acme' });

// The log and the REST API of one server, through the worker into the real store.
let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
afterEach(() => emptyStore(store));
afterAll(async () => {
  await store.close();
  await folder.remove();
});

function recordOf(json: unknown): Parameters<ReturnType<typeof createMemoryLog>['append']>[2][number] {
  const headers = { 'x-custody-source': 'keycloak.event', 'x-custody-instance': HOST };
  return { key: HOST, timestampMs: Date.UTC(2026, 11, 1), headers, value: Buffer.from(JSON.stringify(json)) };
}

interface Said {
  readonly at: number;
  readonly user: string;
}

const rest = ({ at, user }: Said, id = `rest-${at}-${user}`): unknown => ({
  id, time: BASE + at, type: 'LOGIN_ERROR', realmId: REALM, clientId: 'cli', ipAddress: '192.0.2.9', error: 'user_not_found', details: { auth_method: 'openid-connect', username: user },
}); // prettier-ignore
const line = ({ at, user }: Said, late = 10): unknown => ({
  timestamp: new Date(BASE + at + late).toISOString(),
  sequence: at + 1,
  loggerName: 'org.keycloak.events',
  message: `type="LOGIN_ERROR", realmId="${REALM}", realmName="acme", clientId="cli", userId="null", ipAddress="192.0.2.9", error="user_not_found", auth_method="openid-connect", username="${user}"`,
});

async function ingest(portions: readonly (readonly unknown[])[], more = {}): Promise<Readonly<Record<string, number>>> {
  const log = createMemoryLog();
  const worker = testWorker(store, log, folder.path, { topics: ['keycloak'], policy: ACME, ...more });
  await worker.start();
  for (const portion of portions) {
    await log.append('keycloak', HOST, portion.map(recordOf));
    await worker.idle();
  }
  const { ends } = worker.progress()['keycloak'] ?? {};
  await worker.stop();
  return ends as Readonly<Record<string, number>>;
}

describe('one happening in the log and in the REST API', () => {
  const said = Array.from({ length: 40 }, (_, index): Said => ({ at: index * 100, user: `u${index % 3}` }));
  const lines = said.map((one) => line(one));
  const rows = said.map((one) => rest(one));

  test('the comparison of both sees pairs, and what only one told, whichever came first and however often', async () => {
    const own = line({ at: 9_000, user: 'only-log' });
    const other = rest({ at: 9_500, user: 'only-rest' }, 'only-rest');
    await ingest([[...lines, own], [...rows, other], lines, rows.slice(0, 5)]);
    const [registered] = pollsOf(policy({ [REALM]: 'acme' }, { poll: { url: 'https://sso.acme.example', auth: { kind: 'bearer', secret: 'x' } } })); // prettier-ignore
    if (!registered) throw new Error('no poll');
    const compare = createCompare({
      reader: store.reader,
      policy: ACME,
      adapterFor,
      now: () => (BASE + 600_000) * 1_000,
    });
    expect(await compare(registered)).toEqual({
      matched: 40,
      only_in_log: 1,
      only_in_rest: 1,
      examples: [expect.stringContaining('log:'), 'only-rest'],
    });
  });

  test.each([
    ['the log first', [lines, rows]],
    ['the REST API first', [rows, lines]],
    ['newest first, as the REST API lists', [lines, rows.toReversed()]],
    ['both in one batch', [[...lines, ...rows]]],
    ['turn by turn', [said.flatMap((one) => [rest(one), line(one)])]],
    ['again and again', [lines, rows, rows, lines, rows]],
  ])('%s: is one event, its second telling a duplicate under the same id', async (_, portions) => {
    const records = portions.reduce((sum, portion) => sum + portion.length, 0);
    expect(await ingest(portions)).toEqual({ accepted: 40, duplicate: records - 40 });
    expect(await scalar(store, 'SELECT uniqExact(event_id), uniqExact(first_ref), count() FROM events')).toBe(`40\t40\t${records}`); // prettier-ignore
    // Each with the one that it belongs to: no line before its event, none with another's.
    const apart = "SELECT max(abs(dateDiff('millisecond', one.occurred_at, other.occurred_at))) FROM events AS one INNER JOIN events AS other ON one.first_ref = other.ref"; // prettier-ignore
    expect(await scalar(store, apart)).toBe('10');
  });

  test.each([
    ['the log first', [lines, rows]],
    ['the REST API first', [rows, lines]],
  ])('%s: the event is found by the name of either telling, and is one', async (_, portions) => {
    await ingest(portions);
    const name = (rows[7] as { id: string }).id;
    const told = await scalar(store, `SELECT arraySort(groupArray(native_id)) FROM events WHERE first_ref IN (SELECT first_ref FROM events WHERE native_id = '${name}')`); // prettier-ignore
    const names = told.match(/[^[\]',]+/g) ?? [];
    expect(names).toHaveLength(2);
    const tracer = createTracer(store.reader, ACME);
    const [one, other] = await Promise.all(names.map((id) => tracer.trace(`event:keycloak/${id}`)));
    expect(one?.events.map((event) => event.event)).toHaveLength(1);
    expect(other?.events).toEqual(one?.events);
    expect(names.map((id) => `event:keycloak/${id}`)).toContain(one?.events[0]?.event);
    expect(one?.id).toBe(other?.id);
  });

  test('threads side by side and a rebuild come to the same', async () => {
    const shuffled = [...lines, ...rows].map((one, index) => ({ one, at: seeded(index + 7)() })).toSorted((a, b) => a.at - b.at).map(({ one }) => one); // prettier-ignore
    const more = { maxBatchRecords: 5, startTransformer: (deps: never) => startTransformPool(deps, 2) };
    expect(await ingest([shuffled], more)).toEqual({ accepted: 40, duplicate: 40 });
    const first = await dumpDerived(store, 'ingested_at');
    await rebuildDerived({
      store,
      folder: folder.path,
      policy: ACME,
      saltKey: SALT_KEY,
      startTransformer: startInline,
    });
    expect(await dumpDerived(store, 'ingested_at')).toEqual(first);
  });

  test('what only one tells, or tells at another time, stays an event of its own', async () => {
    const alone = { at: 90_000, user: 'only-rest' };
    const late = { at: 5_000, user: 'late' };
    const both = [
      lines,
      [...rows, rest(alone), rest(late)],
      [line(late, 1_500), line({ at: 80_000, user: 'only-log' })],
    ];
    expect(await ingest(both)).toEqual({ accepted: 44, duplicate: 40 });
  });

  test('a row that changed under its id is a conflict, not a repeat', async () => {
    const [one = { at: 0, user: '' }] = said;
    const grown = { ...(rest(one) as object), details: { auth_method: 'openid-connect', username: 'u0', redirect_uri: 'https://evil.example/?a' } }; // prettier-ignore
    expect(await ingest([[rest(one)], [grown]])).toEqual({ accepted: 1, conflict: 1 });
  });

  test('an act on a user is not merged into a line that does not say in which realm the user is', async () => {
    const act = { id: 'a1', time: BASE, realmId: REALM, authDetails: { realmId: 'm', clientId: 'c', userId: 'u', ipAddress: '192.0.2.1' }, operationType: 'CREATE', resourceType: 'REALM_ROLE_MAPPING', resourcePath: 'users/9a1c/role-mappings/realm', representation: '[{"name":"deployer"}]' }; // prettier-ignore
    const told = (mdc: object): unknown => ({
      timestamp: new Date(BASE + 5).toISOString(),
      sequence: 1,
      loggerName: 'org.keycloak.events',
      mdc,
      message:
        'operationType="CREATE", realmId="m", realmName="master", clientId="c", userId="u", ipAddress="192.0.2.1", resourceType="REALM_ROLE_MAPPING", resourcePath="users/9a1c/role-mappings/realm", representation="[{\\"name\\":\\"deployer\\"}]"',
    });
    const realms = policy({ [REALM]: 'acme', m: 'master' });
    expect(await ingest([[told({})], [act]], { policy: realms })).toEqual({ accepted: 2 });
    await emptyStore(store);
    expect(await ingest([[told({ 'kc.realmName': 'acme' })], [act]], { policy: realms })).toEqual({ accepted: 1, duplicate: 1 }); // prettier-ignore
    await emptyStore(store);
    expect(await ingest([[act], [told({})]], { policy: realms })).toEqual({ accepted: 1, duplicate: 1 });
  });
});

const REAL = join(SHARED, 'corpus/keycloak/keycloak-26.7.3');

describe.skipIf(!existsSync(REAL))('a real Keycloak (needs ../shared/corpus)', () => {
  test.each([
    ['log first', true],
    ['REST first', false],
  ])('%s: what both tell stands once in the store', async (_, isLogFirst) => {
    const names = JSON.parse(readFileSync(join(REAL, 'realm-ids.json'), 'utf8')) as Record<string, string>;
    const realms = Object.fromEntries(['master', 'acme', 'corp'].map((name) => [names[name] ?? '', name]));
    const file = (name: string): readonly unknown[] => readLines(join(REAL, name)) ?? [];
    const log = file('events-json-log.ndjson.gz');
    const rows = [...file('rest-events.ndjson.gz'), ...file('rest-admin-events.ndjson.gz')];
    const ends = await ingest(isLogFirst ? [log, rows] : [rows, log], { policy: policy(realms) });
    process.stdout.write(`keycloak in the store, ${isLogFirst ? 'log' : 'REST'} first: ${JSON.stringify(ends)}\n`);
    // 336 lines and 291 rows, of which 289 are the same happenings. Not merged: where the log came first, acts on users,
    // of which only the row says in which realm; where REST did, impersonations, of which only the line says by whose session;
    // in both, the making of a realm, which takes longer than the two are looked for.
    const expected = isLogFirst ? { accepted: 377, duplicate: 250 } : { accepted: 342, duplicate: 285 };
    expect(ends).toEqual({ ...expected, ambiguous: 2 });
    const rest = await scalar(store, "SELECT countIf(disposition = 'accepted' AND type LIKE '%:%' AND NOT match(type, 'USER|MEMBERSHIP|ROLE_MAPPING|REALM$')) FROM events WHERE NOT startsWith(native_id, 'log:')"); // prettier-ignore
    if (isLogFirst) expect(rest).toBe('0');
  });
});
