import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../../model/problem.ts';
import { EXPORT_COLUMNS } from '../../../query/export/columns.ts';
import { EXPORT_PAGE } from '../../../query/export/read-export.ts';
import { createQueryApi } from '../../../query/query-api.ts';
import { answerProblems } from '../../../server/problem-reply.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { fillStore } from '../../support/fill-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { chainA, MARA, told, workedPolicy } from '../../support/worked-chains.ts';

// More in one tenth of a second than is read at once, so that every level of counting is gone through.
const CROWD = EXPORT_PAGE + 700;
const policy = workedPolicy();
const crowd = Array.from({ length: CROWD }, (_, index) =>
  told({ id: `crowd-${index}`, family: 'ce', at: `2026-09-01T10:00:00.0${String(10_000 + (index % 80_000)).slice(0, 5)}Z`, action: 'token.use', keys: [] }),
); // prettier-ignore
const events = [...chainA(), ...crowd];
const ALL = 'from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z';

let store: Store;
let app: FastifyInstance;
let folder: { readonly path: string; readonly remove: () => Promise<void> };
const get = (url: string): Promise<{ statusCode: number; rawPayload: Buffer; payload: string; headers: Record<string, unknown> }> =>
  app.inject({ method: 'GET', url, headers: { authorization: 'Bearer good' } }); // prettier-ignore
const rowsOf = (payload: string): Record<string, unknown>[] =>
  payload.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
  await fillStore(store, events, { tenant: policy.tenant, folder: folder.path });
  app = fastify();
  answerProblems(app);
  const authorize = (authorization: string | undefined): Promise<void> =>
    authorization === 'Bearer good' ? Promise.resolve() : Promise.reject(new Problem('unauthenticated', 'No.'));
  await app.register(createQueryApi({ reader: store.reader, policy, authorize, cursorKey: randomBytes(32), version: '1' })); // prettier-ignore
});
afterAll(async () => {
  await app.close();
  await store.close();
  await folder.remove();
});

describe('GET /v1/export', () => {
  test('streams every event once, in order of time, and says how many beforehand', async () => {
    const answer = await get(`/v1/export?format=ndjson&${ALL}`);
    const rows = rowsOf(answer.payload);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['custody-total-events']).toBe(String(events.length));
    expect(new Set(rows.map((row) => row['event'])).size).toBe(events.length);
    expect(rows).toHaveLength(events.length);
    const times = rows.map((row) => String(row['occurred_at']));
    expect(times).toEqual(times.toSorted());
  });

  test('filters as the timeline does', async () => {
    const where = encodeURIComponent(`actor=${MARA.key} outcome=success`);
    const rows = rowsOf((await get(`/v1/export?format=ndjson&${ALL}&where=${where}`)).payload);
    const timeline = rowsOf((await get(`/v1/events?format=ndjson&${ALL}&where=${where}`)).payload);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map((row) => row['event'])).toEqual(timeline.map((row) => row['event']));
    expect(rows.every((row) => row['person'] === MARA.key)).toBe(true);
  });

  test('OCSF has one line an event and the same ids', async () => {
    const where = `where=${encodeURIComponent('family!=ce')}`;
    const ocsf = rowsOf((await get(`/v1/export?format=ocsf&${ALL}&${where}`)).payload);
    const plain = rowsOf((await get(`/v1/export?format=ndjson&${ALL}&${where}`)).payload);
    expect(ocsf.map((row) => (row['metadata'] as { uid: string }).uid)).toEqual(plain.map((row) => row['event_id']));
  });

  test('the engine reads the Parquet file back as what NDJSON says, to the microsecond', async () => {
    const answer = await get(`/v1/export?format=parquet&${ALL}`);
    expect(answer.headers['content-type']).toBe('application/vnd.apache.parquet');
    const file = join(folder.path, 'export.parquet');
    await writeFile(file, answer.rawPayload);
    const names = EXPORT_COLUMNS.map((column) => (column.kind === 'time' ? `toString(toTimeZone(${column.name}, 'UTC'))` : `ifNull(${column.name}, '')`)); // prettier-ignore
    const back = await store.writer.read({
      sql: `SELECT ${names.map((name, index) => `${name} AS c${index}`).join(', ')} FROM file({file:String}, 'Parquet')`,
      params: { file },
      row: z.record(z.string(), z.string().nullable()),
    });
    const plain = rowsOf((await get(`/v1/export?format=ndjson&${ALL}`)).payload);
    const expected = plain.map((row) =>
      EXPORT_COLUMNS.map(({ name, kind }) => {
        const value = row[name];
        if (kind === 'time') return typeof value === 'string' ? value.replace('T', ' ').replace('Z', '') : null;
        return kind === 'json' && value !== undefined ? JSON.stringify(value) : (value ?? '');
      }),
    );
    const found = back.map((row) => EXPORT_COLUMNS.map((_, index) => row[`c${index}`]));
    expect(found.map((row) => JSON.stringify(row))).toEqual(expected.map((row) => JSON.stringify(row)));
  });

  test('an empty period is an answer without events, in Parquet a file with columns', async () => {
    const none = 'from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z';
    expect((await get(`/v1/export?format=ocsf&${none}`)).payload).toBe('');
    const file = join(folder.path, 'empty.parquet');
    await writeFile(file, (await get(`/v1/export?format=parquet&${none}`)).rawPayload);
    const [count] = await store.writer.read({
      sql: `SELECT count() AS n, countIf(isNotNull(event)) AS named FROM file({file:String}, 'Parquet')`,
      params: { file },
      row: z.object({ n: z.string(), named: z.string() }),
    });
    expect(count).toEqual({ n: '0', named: '0' });
  });

  test.each([
    ['no period', 'format=ocsf', 'from'],
    ['a period that ends before it begins', 'format=ocsf&from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'before'],
    ['another format', `format=xml&${ALL}`, 'format'],
    ['a filter that is none', `format=ocsf&${ALL}&where=tenant%3Dother`, 'tenant'],
    ['SQL', `format=ocsf&${ALL}&where=${encodeURIComponent("actor=x') OR 1=1 --")}`, 'filter'],
  ])('refuses %s', async (_, query, word) => {
    const answer = await get(`/v1/export?${query}`);
    expect(answer.statusCode).toBe(400);
    expect((JSON.parse(answer.payload) as { detail: string }).detail).toContain(word);
  });

  test('needs a credential', async () => {
    expect((await app.inject({ method: 'GET', url: `/v1/export?format=ocsf&${ALL}` })).statusCode).toBe(401);
  });
});
