import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { IngestWorker } from '../../ingest/worker/worker.ts';
import type { Store } from '../../store/clickhouse.ts';
import { openStore } from '../../store/clickhouse.ts';
import { openServerReader, openServerStore } from '../../store/server-store.ts';
import type { StoreServer } from '../../store/settings.ts';
import { problemOf } from '../contracts/store.ts';
import type { ServerFault } from '../support/clickhouse-faults.ts';
import { startClickHouse } from '../support/clickhouse-fixture.ts';
import type { TestClickHouse } from '../support/clickhouse-fixture.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { dumpDerived, dumpRecords, emptyStore, scalar, testWorker } from '../support/ingest-harness.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import type { MemoryLog } from '../support/memory-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TOPIC = 'aws.cloudtrail';
const EVENTS = 120;
const anything = z.record(z.string(), z.unknown());
let folder: Awaited<ReturnType<typeof tempFolder>>;
let clickhouse: TestClickHouse;
let store: Store;
/** The same server for one who does not wait long. */
let hasty: Store;
let log: MemoryLog;
let expected: { records: string; derived: Record<string, string> };
const workers: IngestWorker[] = [];

beforeAll(async () => {
  folder = await tempFolder();
  log = createMemoryLog();
  const records = Array.from({ length: EVENTS }, (_, index) => cloudtrailRecord(cloudtrailEvent(index)));
  await log.append(TOPIC, 'a', records);
  // What the engine in the process makes of the log is what the server must hold.
  const inProcess = await openStore({ folder: folder.path });
  const worker = testWorker(inProcess, log, folder.path);
  await worker.start();
  await worker.idle();
  await worker.stop();
  expected = await dump(inProcess);
  await inProcess.close();
  clickhouse = await startClickHouse(folder.path);
  store = await open();
  hasty = await open({ silenceMs: 3_000 });
});
beforeEach(async () => {
  await clickhouse.fault();
  await emptyStore(store);
  await clickhouse.fault();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(async () => {
  await hasty.close();
  await store.close();
  await clickhouse.stop();
  await folder.remove();
});

const open = (more: Partial<StoreServer> = {}, startWithinMs = 3_000): Promise<Store> =>
  openServerStore({ server: clickhouse.server(more), startWithinMs });

async function dump(of: Store): Promise<typeof expected> {
  return { records: await dumpRecords(of), derived: await dumpDerived(of, 'ingested_at') };
}

async function carried(of: Store = store): Promise<IngestWorker> {
  const worker = testWorker(of, log, folder.path, { maxBatchRecords: 50, backoffMs: 50 });
  workers.push(worker);
  await worker.start();
  await worker.idle();
  return worker;
}

const insertsInto = async (table: string): Promise<number> =>
  (await clickhouse.statements()).filter(({ sql }) => sql.startsWith(`INSERT INTO ${table} (`)).length;

test('the worker gives the same rows over HTTP as in the process', async () => {
  await carried();
  expect(await dump(store)).toEqual(expected);
  const inserts = (await clickhouse.statements()).filter(({ sql }) => sql.includes('FROM input('));
  expect(inserts.map(({ fault }) => fault)).toEqual(inserts.map(() => undefined));
  expect(inserts.length).toBe(9);
  for (const { settings, queryId, bodyBytes } of inserts) {
    expect(settings).toMatchObject({ async_insert: '0', wait_end_of_query: '1' });
    expect(queryId).toMatch(/^custody-[0-9a-f-]{36}$/);
    expect(bodyBytes).toBeGreaterThan(500);
  }
});

describe('over HTTP, an insert whose end is not told', () => {
  const insert = (table: string, fault: Omit<ServerFault, 'match' | 'times'>, times = 1): ServerFault => ({
    match: `^INSERT INTO ${table} \\(`,
    times,
    ...fault,
  });

  test.each([
    ['the connection goes before it', { kind: 'drop_before' }, 4],
    ['the connection goes after it', { kind: 'drop_after' }, 3],
    ['half an answer', { kind: 'half' }, 3],
    ['a page of a proxy', { kind: 'status', code: 502 }, 4],
    ['an error of the engine', { kind: 'refuse', code: 252 }, 4],
    ['an answer later than we wait', { kind: 'slow', ms: 6_000 }, 3],
  ] as const)('fault 08, 09: %s: it is read back, and sent again only if nothing is there', async (_name, fault, inserts) => {
    await clickhouse.fault(insert('records', fault), insert('events', fault));
    const worker = await carried(fault.kind === 'slow' ? hasty : store);
    expect(await insertsInto('records')).toBe(inserts);
    expect(await dump(store)).toEqual(expected);
    expect(worker.faults()).toEqual([]);
  });

  test('fault 10: that is still at work is waited for, not sent beside it', async () => {
    // It hangs until it was asked for often enough, and no time of ours decides when that is: a machine that stands still
    // for some seconds must not make a time-out of the worker's out of it.
    await clickhouse.fault(insert('records', { kind: 'hang', ms: 600_000 }));
    const carrying = carried(hasty);
    const looks = async (): Promise<number> =>
      (await clickhouse.statements()).filter(({ sql }) => sql.includes('system.processes')).length;
    await vi.waitUntil(async () => (await looks()) > 5, { timeout: 60_000, interval: 50 });
    await clickhouse.release();
    await carrying;
    const seen = await clickhouse.statements();
    const [hung, next] = seen.filter(({ sql }) => sql.startsWith('INSERT INTO records ('));
    expect(hung).toMatchObject({ fault: 'hang', ended: 'ok' });
    const between = hung && next ? seen.slice(seen.indexOf(hung), seen.indexOf(next)) : [];
    expect(between.filter(({ sql }) => sql.includes('system.processes')).length).toBeGreaterThan(5);
    expect(await insertsInto('records')).toBe(3);
    expect(await dump(store)).toEqual(expected);
  });

  test('fault 10: that hangs is killed, and then sent again', async () => {
    await clickhouse.fault(insert('records', { kind: 'hang', ms: 60_000 }));
    await carried(hasty);
    const seen = await clickhouse.statements();
    expect(seen.find(({ fault }) => fault === 'hang')).toMatchObject({ ended: 'killed' });
    expect(seen.some(({ sql }) => sql.startsWith('KILL QUERY WHERE query_id IN'))).toBe(true);
    expect(await insertsInto('records')).toBe(4);
    expect(await dump(store)).toEqual(expected);
  });

  test('fault 10: that was long on its way does nothing when it arrives', async () => {
    const strict = await open({ silenceMs: 3_000 }, 2_000);
    await clickhouse.fault(insert('records', { kind: 'transit', ms: 7_000 }));
    await carried(strict);
    expect(await insertsInto('records')).toBe(4);
    const arrived = async (): Promise<unknown> =>
      (await clickhouse.statements()).find(({ fault }) => fault === 'transit')?.ended;
    await vi.waitUntil(async () => (await arrived()) === 'ok', { timeout: 20_000, interval: 100 });
    expect(await dump(store)).toEqual(expected);
    await strict.close();
  });

  test('fault 08, 09: with every seventh statement lost, before or after it was done', async () => {
    for (const kind of ['drop_before', 'drop_after'] as const) {
      await emptyStore(store);
      const faults = Array.from({ length: 12 }, (): ServerFault[] => [
        { kind: 'slow', ms: 0, match: '.', times: 6 },
        { kind, match: '.', times: 1 },
      ]);
      await clickhouse.fault(...faults.flat());
      await carried();
      expect((await clickhouse.statements()).filter(({ fault }) => fault === kind).length).toBeGreaterThan(3);
      await clickhouse.fault();
      expect(await dump(store)).toEqual(expected);
    }
  });
});

describe('over HTTP, an answer to a question', () => {
  const rows = (of: Pick<Store, 'reader'>): Promise<unknown[]> =>
    of.reader.read({ sql: 'SELECT number AS asked FROM numbers(1000)', params: {}, row: anything });

  test.each([
    [{ kind: 'half' }],
    [{ kind: 'late_error' }],
    [{ kind: 'drop_after' }],
    [{ kind: 'status', code: 503 }],
    [{ kind: 'slow', ms: 6_000 }],
  ] as const)('that breaks by %o is no answer, and the next one is whole', async (fault) => {
    await clickhouse.fault({ match: 'AS asked', times: 1, ...fault });
    expect((await problemOf(rows(hasty))).code).toBe('unavailable');
    expect(await rows(hasty)).toHaveLength(1_000);
  });
});

describe('over HTTP, a server that goes away', () => {
  test('fault 12: and comes back: nothing is lost, nothing twice', async () => {
    const seen: string[] = [];
    const worker = testWorker(store, log, folder.path, {
      maxBatchRecords: 10,
      backoffMs: 50,
      onFault: ({ problem }) => seen.push(problem.code),
    });
    workers.push(worker);
    await worker.start();
    await clickhouse.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await clickhouse.start();
    await worker.idle();
    expect(new Set(seen)).toEqual(new Set(['unavailable']));
    expect(await dump(store)).toEqual(expected);
    expect(await scalar(store, 'SELECT count(), uniqExact(offset) FROM records')).toBe(`${EVENTS}\t${EVENTS}`);
  });
});

describe('over HTTP, opening', () => {
  test('with a wrong password says what to look at, without the password', async () => {
    const problem = await problemOf(open({ password: 'hunter2-is-wrong' }));
    expect(problem.code).toBe('configuration');
    expect(problem.message).toContain('refuses the user writer');
    expect(JSON.stringify([problem.message, problem.facts])).not.toContain('hunter2');
  });

  test('where nobody listens is `unavailable`, so that it can be tried again', async () => {
    const problem = await problemOf(open({ url: 'http://127.0.0.1:9' }));
    expect(problem).toMatchObject({
      code: 'unavailable',
      message: 'ClickHouse at http://127.0.0.1:9 does not answer.',
    });
  });

  test('a reader changes nothing, and sends readonly with every query', async () => {
    const reading = await openServerReader({ server: clickhouse.server() });
    await clickhouse.fault();
    await reading.reader.read({ sql: 'SELECT 1 AS a', params: {}, row: anything });
    const [asked] = await clickhouse.statements();
    expect(asked?.settings).toMatchObject({ readonly: '1', max_result_rows: '5000000', async_insert: '0' });
    await reading.close();
  });

  test('fault 14: a disk that is full is told as such, and waited out', async () => {
    const seen = new Set<string>();
    await clickhouse.fault({ kind: 'refuse', code: 243, match: '^INSERT INTO records \\(', times: 6 });
    const worker = testWorker(store, log, folder.path, {
      backoffMs: 10,
      onFault: ({ problem }) => seen.add(problem.message),
    });
    workers.push(worker);
    await worker.start();
    await worker.idle();
    expect(await dump(store)).toEqual(expected);
    expect([...seen]).toEqual([
      'The disk of the store is full. Nothing is dropped: the log keeps what comes until there is room again.',
    ]);
  });
});
