import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openTreeKeeper } from '../../../ingest/trees/tree-keeper.ts';
import type { TreeKeeper } from '../../../ingest/trees/tree-keeper.ts';
import type { IngestWorker } from '../../../ingest/worker/worker.ts';
import { rootOfLeaves } from '../../../ledger/tree.ts';
import type { Problem } from '../../../model/problem.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { readLastStep, readLastSteps } from '../../../store/trees/steps.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../../support/cloudtrail-records.ts';
import { emptyStore, scalar, testWorker } from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const TOPIC = 'aws.cloudtrail';
const PLACE = { topic: TOPIC, sourceEpoch: 1, partition: 0 };

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
let worker: IngestWorker | undefined;
let keeper: TreeKeeper;
let faults: Problem[] = [];

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
beforeEach(async () => {
  faults = [];
  keeper = await openTreeKeeper({ store, onFault: (_place, problem) => faults.push(problem) });
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await keeper.close();
  await emptyStore(store);
});
afterAll(async () => {
  await store.close();
  await folder.remove();
});

const events = (from: number, to: number): ReturnType<typeof cloudtrailRecord>[] =>
  Array.from({ length: to - from }, (_, index) => cloudtrailRecord(cloudtrailEvent(from + index)));

async function ingest(log: ReturnType<typeof createMemoryLog>, more = {}): Promise<void> {
  worker = testWorker(store, log, folder.path, {
    onCovered: (place, end, epoch) => keeper.covered(place, end, epoch),
    ...more,
  });
  await worker.start();
  await worker.idle();
}

/** The root over all leaves that the store holds, computed here: records and gaps in the order of the log. */
async function rootOfStore(): Promise<string> {
  const sql = `SELECT lower(hex(leaf)) FROM (SELECT offset AS at, leaf FROM records UNION ALL SELECT first_offset AS at, leaf FROM gaps) ORDER BY at FORMAT TSVRaw`;
  const lines = (await store.writer.bytes({ sql, params: {} })).toString('utf8').trim().split('\n');
  return rootOfLeaves(lines.map((hex) => Buffer.from(hex, 'hex'))).toString('hex');
}

test('a tree grows with what is stored, gaps are leaves of it, and it is sealed when somebody asks', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 260));
  log.skip(TOPIC, 4);
  await log.append(TOPIC, 'a', events(260, 600));
  await ingest(log, { maxBatchRecords: 300 });
  await keeper.sealed();
  const last = await readLastStep(store.reader, PLACE);
  expect(last).toMatchObject({ lastOffset: 603, leafTo: 601 });
  expect(last?.root.toString('hex')).toBe(await rootOfStore());
  expect(await scalar(store, "SELECT countIf(kind = 'gap') FROM tree_steps")).toBe('1');
  expect(await scalar(store, 'SELECT count() FROM tree_nodes')).toBe('2');
  const seals = 'SELECT state, first_offset, last_offset, records, gaps, dups, size FROM seals';
  expect(await scalar(store, seals)).toBe('sealed\t0\t603\t600\t1\t0\t601');
  await keeper.sealed();
  expect(await scalar(store, 'SELECT count() FROM seals')).toBe('1');
  expect(faults).toEqual([]);
});

test('a keeper goes on where another stopped, and comes to the same root as one that does all at once', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 333));
  await ingest(log);
  await keeper.sealed();
  await worker?.stop();
  await keeper.close();
  keeper = await openTreeKeeper({ store });
  await log.append(TOPIC, 'a', events(333, 520));
  await ingest(log);
  await keeper.sealed();
  const grown = await readLastStep(store.reader, PLACE);
  expect(grown?.root.toString('hex')).toBe(await rootOfStore());
  for (const table of ['tree_steps', 'tree_nodes', 'seals']) await store.writer.run(`TRUNCATE TABLE ${table}`);
  const fresh = await openTreeKeeper({ store });
  fresh.covered(PLACE, 520, 1);
  await fresh.sealed();
  await fresh.close();
  const [rebuilt] = await readLastSteps(store.reader);
  expect(rebuilt?.root).toEqual(grown?.root);
  expect(rebuilt?.leafTo).toBe(520);
});

const TAMPERINGS: readonly [string, string, string][] = [
  ['a leaf that was changed', 'ALTER TABLE records UPDATE leaf = unhex(repeat(\'ab\', 32)) WHERE offset = 57', 'leaves are not those of the tree'],
  ['a record that was deleted', 'ALTER TABLE records DELETE WHERE offset = 57', 'missing in offsets 0 to 99'],
  ['a record that was added', 'INSERT INTO records SELECT * REPLACE(toUInt64(57) AS offset, unhex(repeat(\'ab\', 32)) AS leaf) FROM records WHERE records.offset = 58', 'leaves are not those of the tree'],
  ['a state that was changed', 'ALTER TABLE tree_steps UPDATE root_after = unhex(repeat(\'ab\', 32)) WHERE last_offset = 99', 'the state of the tree was altered'],
  ['a step that was deleted', 'ALTER TABLE tree_steps DELETE WHERE first_offset = 0', 'leaves out what stands before'],
]; // prettier-ignore

test.each(TAMPERINGS)(
  'fault 17: %s behind our back breaks the next seal, which names the range',
  async (_name, sql, words) => {
    const log = createMemoryLog();
    await log.append(TOPIC, 'a', events(0, 100));
    await keeper.close();
    // Seals only when asked, so that what is altered is in the tree and not sealed yet.
    keeper = await openTreeKeeper({
      store,
      growMs: 20,
      sealMs: 1e9,
      onFault: (_place, problem) => faults.push(problem),
    });
    await ingest(log);
    await expect.poll(async () => (await readLastStep(store.reader, PLACE))?.leafTo, { timeout: 20_000 }).toBe(100);
    await log.append(TOPIC, 'a', events(100, 150));
    await worker?.idle();
    await expect.poll(async () => (await readLastStep(store.reader, PLACE))?.leafTo, { timeout: 20_000 }).toBe(150);
    await store.writer.run(`${sql}${sql.startsWith('ALTER') ? ' SETTINGS mutations_sync = 2' : ''}`);
    await expect(keeper.sealed()).rejects.toMatchObject({ code: 'unavailable', facts: { integrity: true } });
    expect(faults.map(({ message }) => message).join()).toContain(words);
    expect(keeper.broken()).toMatchObject([{ firstOffset: 0, lastOffset: 149 }]);
    await expect(keeper.sealed()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await scalar(store, "SELECT countIf(state = 'broken'), countIf(state = 'sealed') FROM seals")).toBe('1\t0');
  },
);

test('fault 17: a hole that nobody explained stops the tree before it, and says where it is', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 100));
  await ingest(log);
  await store.writer.run('ALTER TABLE records DELETE WHERE offset BETWEEN 40 AND 44 SETTINGS mutations_sync = 2');
  await expect(keeper.sealed()).rejects.toMatchObject({
    facts: { integrity: true, first_offset: 40, last_offset: 44 },
  });
  expect(await readLastStep(store.reader, PLACE)).toBeUndefined();
});

test('fault 04: second copies of a fenced writer are found by the seal, recorded, and never counted', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 100));
  await ingest(log);
  const counts = await scalar(
    store,
    'SELECT (SELECT count() FROM events), (SELECT count() FROM event_keys), (SELECT count() FROM edges)',
  );
  for (const table of ['records', 'events', 'event_keys', 'edges']) {
    const range =
      table === 'records' ? 'offset BETWEEN 30 AND 39' : 'bitShiftRight(ref, 12) % pow(2, 36) BETWEEN 30 AND 39';
    const epoch = table === 'records' ? ', toUInt64(99) AS writer_epoch' : '';
    await store.writer.run(
      `INSERT INTO ${table} SELECT * REPLACE(ingested_at + INTERVAL 5 SECOND AS ingested_at${epoch}) FROM ${table} WHERE ${range}`,
    );
  }
  expect(await scalar(store, 'SELECT count() FROM records')).toBe('110');
  await keeper.sealed();
  expect(
    await scalar(store, 'SELECT count(), min(offset), max(offset), any(writer_epoch), sum(copies) FROM dups'),
  ).toBe('10\t30\t39\t99\t10');
  expect(await scalar(store, 'SELECT state, records, dups FROM seals')).toBe('sealed\t100\t10');
  expect(
    await scalar(
      store,
      'SELECT (SELECT count() FROM events), (SELECT count() FROM event_keys), (SELECT count() FROM edges)',
    ),
  ).toBe(counts);
  const { countTables, countEnds } = await import('../../../store/queries/count-ends.ts');
  expect(await store.reader.read(countTables())).toMatchObject([{ records: 100 }]);
  const ends = countEnds([{ topic: TOPIC, partition: 0, firstOffset: 0, lastOffset: 99 }]);
  expect(await store.reader.read(ends)).toEqual([{ status: 'accepted', reason: '', count: 100 }]);
  expect((await readLastStep(store.reader, PLACE))?.leafTo).toBe(100);
});

test('fault 04: a copy that was stamped first and stored last, without its events, takes no events away', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 100));
  await ingest(log);
  await store.writer.run(
    'INSERT INTO records SELECT * REPLACE(ingested_at - INTERVAL 5 SECOND AS ingested_at, toUInt64(0) AS writer_epoch) FROM records WHERE offset BETWEEN 30 AND 39',
  );
  await keeper.sealed();
  expect(await scalar(store, 'SELECT sum(copies) FROM dups')).toBe('10');
  expect(await scalar(store, 'SELECT count(), uniqExact(event_id) FROM events')).toBe('100\t100');
});

test('fault 03: a process that dies between any two writes leaves a tree that the next one completes to the same root', async () => {
  const log = createMemoryLog();
  await log.append(TOPIC, 'a', events(0, 300));
  log.skip(TOPIC, 3);
  await log.append(TOPIC, 'a', events(300, 320));
  worker = testWorker(store, log, folder.path);
  await worker.start();
  await worker.idle();
  for (const [write, end] of [['tree_nodes', 303], ['tree_steps', 323], ['seals', 323]] as const) {
    const run: Store['writer']['run'] = async (sql, params) => {
      if (sql.startsWith(`INSERT INTO ${write}`)) throw new Error('killed');
      await store.writer.run(sql, params);
    };
    const dying = await openTreeKeeper({ store: { ...store, writer: { ...store.writer, run } } });
    dying.covered(PLACE, end, 1);
    await expect(dying.sealed()).rejects.toMatchObject({ code: 'internal' });
    await dying.close();
  }
  keeper.covered(PLACE, 323, 1);
  await keeper.sealed();
  const last = await readLastStep(store.reader, PLACE);
  expect(last?.leafTo).toBe(321);
  expect(last?.root.toString('hex')).toBe(await rootOfStore());
  expect(await scalar(store, 'SELECT uniqExact(level, place), uniqExact(level, place, hash) FROM tree_nodes')).toBe('1\t1');
  expect(await scalar(store, "SELECT state, first_offset, last_offset FROM seals WHERE state = 'sealed'")).toBe('sealed\t0\t322');
}); // prettier-ignore
