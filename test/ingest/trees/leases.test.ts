import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLeases } from '../../../ingest/trees/leases.ts';
import type { Leases } from '../../../ingest/trees/leases.ts';
import type { IngestWorker } from '../../../ingest/worker/worker.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../../support/cloudtrail-records.ts';
import { scalar, testWorker } from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
afterAll(async () => {
  await store.close();
  await folder.remove();
});

const leasesOf = (holder: string): Leases =>
  createLeases({ session: store.writer, holder, now: () => Date.now() * 1_000 });
const place = (partition: number) => ({ topic: 'okta.log', sourceEpoch: 1, partition });

test('the last to take a partition has it, and only that partition', async () => {
  const [a, b] = [leasesOf('a'), leasesOf('b')];
  expect(await a.take(place(0))).toBe(1);
  await a.check(place(0), 1);
  expect(await b.take(place(0))).toBe(2);
  await b.check(place(0), 2);
  await expect(a.check(place(0), 1)).rejects.toMatchObject({ code: 'conflict', facts: { highest: 2 } });
  expect(await a.take(place(1))).toBe(1);
  // The same process again, after a stop, is another writer.
  expect(await b.take(place(0))).toBe(3);
  await expect(b.check(place(0), 2)).rejects.toMatchObject({ code: 'conflict' });
});

test('of several that take it at once one has it, and all epochs that were given differ', async () => {
  const holders = ['c', 'd', 'e'].map(leasesOf);
  const epochs = await Promise.all(holders.map((one) => one.take(place(7))));
  expect(new Set(epochs).size).toBe(3);
  const checks = await Promise.allSettled(holders.map((one, index) => one.check(place(7), epochs[index] ?? 0)));
  expect(checks.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('fault 23: a worker whose partition was taken stops writing it, and the new one carries on with its own epoch', async () => {
  const log = createMemoryLog();
  const events = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => cloudtrailRecord(cloudtrailEvent(from + index)));
  await log.append('aws.cloudtrail', 'a', events(0, 20));
  const first = testWorker(store, log, folder.path, { leases: leasesOf('first') });
  let second: IngestWorker | undefined;
  try {
    await first.start();
    await first.idle();
    await leasesOf('second').take({ topic: 'aws.cloudtrail', sourceEpoch: 1, partition: 0 });
    await log.append('aws.cloudtrail', 'a', events(20, 30));
    await expect(first.idle()).rejects.toMatchObject({ code: 'conflict' });
    expect(await scalar(store, 'SELECT count() FROM records')).toBe('20');
    await first.stop();
    second = testWorker(store, log, folder.path, { leases: leasesOf('third') });
    await second.start();
    await second.idle();
    expect(await scalar(store, 'SELECT count(), uniqExact(offset), max(writer_epoch) FROM records')).toBe('30\t30\t3');
  } finally {
    await first.stop();
    await second?.stop();
  }
});
