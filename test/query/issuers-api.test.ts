import { randomBytes } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEvent } from '../../model/event.ts';
import { policySchema } from '../../model/policy.ts';
import { qualityOf } from '../../query/issuer-quality.ts';
import type { IssuerQuality } from '../../query/issuer-quality.ts';
import { createQueryApi } from '../../query/query-api.ts';
import { answerProblems } from '../../server/problem-reply.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { fillStore } from '../support/fill-store.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { told } from '../support/worked-chains.ts';

const [GOOD, POOR, SILENT, UNKNOWN] = ['https://good.example', 'https://poor.example', 'https://silent.example', 'https://unknown.example']; // prettier-ignore
const MARA = 'idp:user:https://idp.example/mara';
const EXPIRES = { expires_at: Date.UTC(2026, 7, 20, 10) * 1_000 };
const policy = policySchema.parse({
  tenant: 'acme',
  sources: [GOOD, POOR, SILENT].map((instance) => ({ family: 'ce', instance, lateness_s: 60 })),
});

function event(
  issuer: string,
  sequence: number | undefined,
  more: Partial<AuditEvent> & { late?: number } = {},
): AuditEvent {
  const { late = 0, ...rest } = more;
  const at = new Date(Date.UTC(2026, 7, 20, 9, 0, 0) + (sequence ?? 0) * 1_000).toISOString();
  const base = told({ id: `${issuer}-${sequence ?? rest.nativeId}`, family: 'ce', at, action: 'token.issue', actor: { kind: 'human', key: MARA }, keys: [] }); // prettier-ignore
  const key = `token:jti:${issuer}/${sequence}`;
  LATE.set(base.nativeId, late);
  return {
    ...base,
    instance: issuer,
    credential: { kind: 'jwt', key },
    facts: { credential: { key, ...EXPIRES } },
    ...(sequence === undefined ? {} : { sequence: String(sequence).padStart(20, '0') }),
    ...rest,
  };
}
const LATE = new Map<string, number>();

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
let app: FastifyInstance;
const ask = async (query = ''): Promise<{ status: number; body: string }> => {
  const { statusCode: status, body } = await app.inject({ url: `/v1/issuers${query}` });
  return { status, body };
};
const issuers = async (query = ''): Promise<readonly IssuerQuality[]> =>
  (JSON.parse((await ask(query)).body) as { issuers: readonly IssuerQuality[] }).issuers;

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
  const byHash = { kind: 'jwt', key: 'token:sha256:abc' };
  const stranger = { kind: 'human', key: 'gitlab:user:git.example/77' } as const;
  const events = [
    ...[1, 2, 3, 4].map((number) => event(GOOD, number)),
    event(POOR, 11, { late: 300 }),
    event(POOR, 12, { credential: byHash, facts: { credential: { key: byHash.key } } }),
    // 13 never came.
    event(POOR, 14, { actor: stranger }),
    event(POOR, undefined, { action: 'access.request' }),
    event(UNKNOWN, 1),
  ];
  const received = (one: AuditEvent): number => one.occurred.at + (LATE.get(one.nativeId) ?? 0) * 1_000_000;
  await fillStore(store, events, { tenant: 'acme', folder: folder.path, received });
  app = fastify();
  answerProblems(app);
  await app.register(createQueryApi({ reader: store.reader, policy, authorize: () => Promise.resolve(), cursorKey: randomBytes(32), version: 'test' })); // prettier-ignore
}, 60_000);
afterAll(async () => {
  await app.close();
  await store.close();
  await folder.remove();
});

test('each issuer has a score, and each lack its share, its words and its remedy', async () => {
  const all = await issuers();
  expect(all.map(({ issuer, registered, events, score }) => [issuer, registered, events, score])).toEqual([
    [GOOD, true, 4, 100],
    [POOR, true, 4, 75],
    [SILENT, true, 0, undefined],
    [UNKNOWN, false, 1, 100],
  ]);
  const [lacks = []] = all.filter(({ issuer }) => issuer === POOR).map((one) => one.lowered_by);
  expect(lacks.map(({ what, count, of, points }) => [what, count, of, points])).toEqual([
    ['sequence_gap', 1, 4, 7.5],
    ['missing_jti', 1, 3, 6.7],
    ['unresolved_identity', 1, 4, 3.8],
    ['missing_expiry', 1, 3, 3.3],
    ['late', 1, 4, 2.5],
    ['no_sequence', 1, 4, 1.3],
  ]);
  const text = (await ask('?format=text')).body;
  expect(text).toContain('1 of 4 numbers of its sequence never came');
  expect(text).toContain('gitlab:user:git.example/77');
  expect(text).toContain('Name each token by iss and jti');
  expect(text).toContain(`${UNKNOWN}  (not in the policy file)`);
  expect(text).toContain(`${SILENT}\n  sent nothing in this time`);
});

test('one issuer, a period, and what was known at a moment', async () => {
  expect((await issuers(`?issuer=${encodeURIComponent(GOOD)}`)).map(({ issuer }) => issuer)).toEqual([GOOD]);
  const [part] = await issuers(`?issuer=${encodeURIComponent(POOR)}&from=2026-08-20T09:00:11Z&to=2026-08-20T09:00:13Z`);
  expect(part).toMatchObject({ events: 2, lowered_by: [{ what: 'missing_jti', of: 2 }, { what: 'late' }, { what: 'missing_expiry' }] }); // prettier-ignore
  const [early] = await issuers(`?issuer=${encodeURIComponent(POOR)}&as_of=2026-08-20T09:01:00Z`);
  expect(early?.events).toBe(3);
  expect((await ask('?issuer=https%3A%2F%2Fnobody.example')).status).toBe(404);
  expect((await ask('?from=2026-08-21T00:00:00Z&to=2026-08-20T00:00:00Z')).status).toBe(400);
  expect((await ask("?issuer=' OR 1=1 --")).status).toBe(404);
});

test('a score is never below nothing, however large the hole', () => {
  const row = { instance: 'x', events: 2, conflicts: 98, late: 2, born: 2, without_jti: 2, without_expiry: 2, numbered: 2, numbers: 2, least: '1', most: '18446744073709551615', actors: [''], actor_events: [2] }; // prettier-ignore
  const { score = -1, lowered_by: lowered } = qualityOf(row, true, () => true);
  expect(score).toBeGreaterThanOrEqual(0);
  expect(score).toBeLessThan(6);
  expect(lowered.find(({ what }) => what === 'unresolved_identity')?.examples).toEqual(['nobody is named']);
});
