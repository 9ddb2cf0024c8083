import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HEADERS } from '../../../ingest/log/event-log.ts';
import { rebuildDerived } from '../../../ingest/worker/rebuild.ts';
import { startTransformThread } from '../../../ingest/worker/start-thread.ts';
import type { ThreadDeps } from '../../../ingest/worker/start-thread.ts';
import { startTransformPool } from '../../../ingest/worker/transform-pool.ts';
import type { IngestWorker } from '../../../ingest/worker/worker.ts';
import { emptyPolicy } from '../../../model/policy.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../../support/cloudtrail-records.ts';
import { SALT_KEY, dumpDerived, emptyStore, scalar, startInline, testWorker } from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
let worker: IngestWorker | undefined;

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await emptyStore(store);
});
afterAll(async () => {
  await store.close();
  await folder.remove();
});

const TOPIC = 'aws.cloudtrail';
const events = (from: number, to: number): ReturnType<typeof cloudtrailRecord>[] =>
  Array.from({ length: to - from }, (_, index) => cloudtrailRecord(cloudtrailEvent(from + index)));

async function ingest(log: ReturnType<typeof createMemoryLog>, more = {}): Promise<IngestWorker> {
  worker = testWorker(store, log, folder.path, more);
  await worker.start();
  await worker.idle();
  return worker;
}

test('what the log holds becomes records, events, keys and edges', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 700));
  const { progress } = await ingest(log, { maxBatchRecords: 300, startTransformer: startTransformThread });
  expect(progress()[TOPIC]).toEqual({ records: 700, events: 700, ends: { accepted: 700 } });
  expect(await scalar(store, 'SELECT count(), uniqExact(offset), min(offset), max(offset) FROM records')).toBe(
    '700\t700\t0\t699',
  );
  expect(
    await scalar(store, "SELECT count(), countIf(disposition = 'accepted'), countIf(ref = first_ref) FROM events"),
  ).toBe('700\t700\t700');
  expect(Number(await scalar(store, 'SELECT uniqExact(ref) FROM event_keys'))).toBe(700);
  expect(Number(await scalar(store, 'SELECT count() FROM edges'))).toBeGreaterThan(0);
  expect(await scalar(store, 'SELECT count(), sum(records), sum(events) FROM batches')).toBe('3\t700\t700');
  expect(log.commits.at(-1)).toBe(`${TOPIC}/700`);
});

test('the bytes of a record are kept, whatever they are', async () => {
  const log = createMemoryLog();
  const values = [
    Buffer.from([0, 9, 10, 13, 92, 0xff, 0xfe, 0x80]),
    Buffer.from('{"a":"tab\\t ü \u{1f512} \\\\ "}\n'),
    Buffer.alloc(0),
    Buffer.from('\\N'),
  ];
  const headers = { [HEADERS.source]: TOPIC, 'x-tab\t': 'a\tb\nc\\' };
  await log.append(
    TOPIC,
    'a',
    values.map((value, index) => ({ timestampMs: 1_767_225_600_000 + index, key: `k\t${index}\\`, value, headers })),
  );
  await ingest(log);
  const rows = (
    await store.writer.bytes({
      sql: 'SELECT hex(value), hex(key), hex(headers) FROM records ORDER BY offset FORMAT TSVRaw',
      params: {},
    })
  )
    .toString('utf8')
    .trim()
    .split('\n');
  expect(rows.map((row) => row.split('\t').map((cell) => Buffer.from(cell, 'hex')))).toEqual(
    values.map((value, index) => [
      value,
      Buffer.from(`k\t${index}\\`),
      Buffer.from(JSON.stringify({ [HEADERS.source]: TOPIC, 'x-tab\t': 'a\tb\nc\\' })),
    ]),
  );
});

test('fault 29: a repeat is kept and counted once; other content under the same id is a conflict with the first', async () => {
  const log = createMemoryLog();
  const changed = { ...cloudtrailEvent(3), eventName: 'DeleteService' };
  await log.append(TOPIC, 'a', [...events(0, 10), ...events(3, 6), cloudtrailRecord(changed)]);
  await ingest(log, { maxBatchRecords: 4 });
  await log.append(TOPIC, 'a', [...events(0, 10), cloudtrailRecord(changed), cloudtrailRecord(changed)]);
  await worker?.idle();
  await worker?.stop();
  await log.append(TOPIC, 'a', [...events(0, 2), cloudtrailRecord(changed)]);
  await ingest(log);
  expect(
    await scalar(
      store,
      'SELECT groupArray((status, n)) FROM (SELECT toString(status) AS status, count() AS n FROM records GROUP BY status ORDER BY status)',
    ),
  ).toBe("[('accepted',10),('conflict',4),('duplicate',15)]");
  expect(
    await scalar(store, "SELECT count(), uniqExact(event_id), countIf(disposition = 'accepted') FROM events"),
  ).toBe('29\t10\t10');
  expect(
    await scalar(
      store,
      "SELECT uniqExact(first_ref), any(intDiv(first_ref, 4096) % 16777216) FROM events WHERE disposition = 'conflict'",
    ),
  ).toBe('1\t3');
  expect(
    await scalar(
      store,
      "SELECT countIf(e.disposition != 'accepted') FROM event_keys AS k INNER JOIN events AS e ON e.ref = k.ref",
    ),
  ).toBe('0');
});

test('threads side by side find the repeats that one alone finds', async () => {
  const log = createMemoryLog();
  // Each batch of forty repeats half of the one before it, and every fifth repeat says something else.
  for (let from = 0; from < 100; from += 20) {
    const repeats = Array.from({ length: 20 }, (_, index) =>
      cloudtrailRecord(cloudtrailEvent(from + index, index % 5 === 0 && from % 40 === 0 ? { eventName: 'Other' } : {})),
    );
    await log.append(TOPIC, 'a', [...events(from, from + 20), ...repeats]);
    await log.append(TOPIC, 'a', events(Math.max(0, from - 20), from + 5));
  }
  await ingest(log, { maxBatchRecords: 15 });
  const alone = await dumpDerived(store, 'ingested_at');
  await worker?.stop();
  await emptyStore(store);
  await ingest(log, { maxBatchRecords: 15, startTransformer: (deps: ThreadDeps) => startTransformPool(deps, 2) });
  expect(await dumpDerived(store, 'ingested_at')).toEqual(alone);
  expect(await scalar(store, "SELECT countIf(disposition = 'accepted'), uniqExact(event_id) FROM events")).toBe(
    '100\t100',
  );
});

test('every record that is no event ends with a reason', async () => {
  const log = createMemoryLog();
  const base = cloudtrailRecord(cloudtrailEvent(1));
  const withHeaders = (headers: Record<string, string>): typeof base => ({
    ...base,
    headers: { ...base.headers, ...headers },
  });
  const late = cloudtrailEvent(2, { eventTime: '2026-01-05T00:20:00Z' });
  const { eventID: _, ...nameless } = cloudtrailEvent(4);
  await log.append(TOPIC, 'a', [
    withHeaders({ [HEADERS.unreadable]: 'unreadable: line 3' }),
    withHeaders({ [HEADERS.unreadable]: 'too_deep: 40 levels' }),
    withHeaders({ [HEADERS.source]: 'no.such' }),
    { ...base, value: Buffer.from('{"a":') },
    { ...cloudtrailRecord(late), timestampMs: Date.parse('2026-01-05T00:09:59Z') },
    { ...cloudtrailRecord(late), timestampMs: Date.parse('2026-01-05T00:10:01Z') },
    { ...base, value: Buffer.from(JSON.stringify(nameless)) },
    { ...base, value: Buffer.from('{"__proto__":{"polluted":1},' + base.value.toString('utf8').slice(1)) },
  ]);
  await ingest(log);
  const rows = await scalar(
    store,
    "SELECT arrayStringConcat(groupArray(concat(toString(status), ' ', reason)), ',') FROM (SELECT * FROM records ORDER BY offset)",
  );
  expect(rows.split(',').map((row) => row.trim())).toEqual([
    'rejected unreadable',
    'rejected too_deep',
    'rejected unknown_source',
    'rejected unreadable',
    'rejected future_timestamp',
    'accepted',
    'rejected missing_required_fields',
    'accepted',
  ]);
  expect(await scalar(store, 'SELECT count() FROM events')).toBe('2');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('fault 25, 28: offsets that the log skipped or lost are covered by gaps with a reason and a leaf', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 3));
  log.skip(TOPIC, 2);
  await log.append(TOPIC, 'a', events(3, 5));
  await ingest(log);
  await worker?.stop();
  await log.append(TOPIC, 'a', events(5, 9));
  log.trim(TOPIC, 9);
  log.skip(TOPIC, 1);
  await ingest(log);
  const gaps = await scalar(
    store,
    'SELECT groupArray((first_offset, last_offset, reason, length(leaf))) FROM (SELECT * FROM gaps ORDER BY first_offset)',
  );
  expect(gaps).toBe("[(3,4,'control_or_aborted',32),(7,8,'retention_lost',32),(11,11,'control_or_aborted',32)]");
  expect(
    await scalar(store, 'SELECT count(), groupArray(offset) FROM (SELECT offset FROM records ORDER BY offset)'),
  ).toBe('7\t[0,1,2,5,6,9,10]');
});

test('fault 26: a log that ends before what is stored stops the partition', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 5));
  await ingest(log);
  await worker?.stop();
  const other = createMemoryLog();
  await other.append(TOPIC, 'a', events(0, 2));
  worker = testWorker(store, other, folder.path);
  await worker.start();
  await expect(worker.idle()).rejects.toMatchObject({ code: 'internal' });
  expect(worker.faults()).toHaveLength(1);
  expect(await scalar(store, 'SELECT count() FROM records')).toBe('5');
});

test('a rebuild gives the same derived tables to the byte', async () => {
  const log = createMemoryLog();
  const changed = { ...cloudtrailEvent(7), eventName: 'DeleteService' };
  await log.append(TOPIC, 'a', [
    ...events(0, 400),
    ...events(100, 150),
    cloudtrailRecord(changed),
    { ...cloudtrailRecord(changed), value: Buffer.from('no') },
  ]);
  await ingest(log, { maxBatchRecords: 90 });
  await worker?.stop();
  const before = await dumpDerived(store);
  expect(before['event_keys']?.length).toBeGreaterThan(1_000);
  const seen: number[] = [];
  expect(
    await rebuildDerived(
      { store, folder: folder.path, policy: emptyPolicy(), saltKey: SALT_KEY, startTransformer: startInline },
      (records) => seen.push(records),
    ),
  ).toBe(452);
  expect(seen.at(-1)).toBe(452);
  expect(await dumpDerived(store)).toEqual(before);
});
