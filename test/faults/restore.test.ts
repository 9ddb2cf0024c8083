import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { auditStore, readWhole } from '../support/fault-audit.ts';
import { eventsOf, until } from '../support/fault-scenario.ts';
import { scalar, testWorker } from '../support/ingest-harness.ts';
import { describeOnKafka, openTestLog, testTopics, withAdmin } from '../support/kafka-fixture.ts';
import type { KafkaForTests } from '../support/kafka-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TOPIC = 'aws.cloudtrail';
let folder: Awaited<ReturnType<typeof tempFolder>>;
beforeEach(async () => {
  folder = await tempFolder('custody-fault-');
});
afterEach(() => folder.remove());

describe('a store and its disk, on the embedded log', () => {
  defineRestore(undefined);
  defineDisk(undefined);
});
describeOnKafka('a store and its disk, on Kafka', { brokers: 1, own: true }, (kafka) => {
  defineRestore(kafka);
  defineDisk(kafka);
});

const openLog = (kafka: KafkaForTests | undefined, topics: ReturnType<typeof testTopics>): Promise<EventLog> =>
  kafka
    ? openTestLog(kafka.addresses(), [TOPIC], { topics })
    : Promise.resolve(openEmbeddedLog({ folder: folder.path }));

async function carried(store: Store, log: EventLog): Promise<void> {
  const worker = testWorker(store, log, folder.path, { maxBatchRecords: 50, restMs: 0 });
  try {
    await worker.start();
    await worker.idle();
  } finally {
    await worker.stop();
  }
}

function defineRestore(kafka: KafkaForTests | undefined): void {
  const path = (): string => join(folder.path, 'store');

  /** A store of 150 records that is put back to what it was at 60. */
  async function restored(log: EventLog): Promise<Store> {
    await log.append(TOPIC, 'a', eventsOf(0, 60));
    let store = await openStore({ folder: folder.path });
    await carried(store, log);
    await store.close();
    await cp(path(), join(folder.path, 'backup'), { recursive: true });
    await log.append(TOPIC, 'a', eventsOf(60, 150));
    store = await openStore({ folder: folder.path });
    await carried(store, log);
    expect(await scalar(store, 'SELECT count() FROM records')).toBe('150');
    await store.close();
    await rm(path(), { recursive: true });
    await rename(join(folder.path, 'backup'), path());
    return openStore({ folder: folder.path });
  }

  test('fault 16: a store that was restored from a backup fetches again what it does not hold', async () => {
    const log = await openLog(kafka, testTopics());
    const store = await restored(log);
    try {
      expect(await scalar(store, 'SELECT count() FROM records')).toBe('60');
      await carried(store, log);
      expect(await scalar(store, 'SELECT count() FROM records')).toBe('150');
      expect(await auditStore(store, log)).toEqual([]);
    } finally {
      await store.close();
      await log.close();
    }
  });

  if (kafka)
    test('fault 16: where retention has passed meanwhile, what is gone is a gap of the tree', async () => {
      const topics = testTopics();
      const log = await openLog(kafka, topics);
      const before = await restored(log);
      try {
        const kept = ((await readWhole(log, TOPIC)).get(0) ?? []).slice(0, 60);
        await withAdmin(kafka.addresses(), async (admin) => {
          const topic = topics.prefix + TOPIC;
          await admin.fetchTopicOffsets(topic);
          await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '100' }] });
        });
        await carried(before, log);
        expect(await scalar(before, 'SELECT count() FROM records')).toBe('110');
        const gaps = { 0: [[60, 99, 'retention_lost']] } as const;
        expect(await auditStore(before, log, { gaps, kept: { 0: kept } })).toEqual([]);
        expect(await scalar(before, "SELECT sum(gaps), countIf(state = 'broken') FROM seals")).toBe('1\t0');
      } finally {
        await before.close();
        await log.close();
      }
    });
}

/** Whether this process may mount; where it may not, no disk can be made that is small enough to fill. */
function canMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

function defineDisk(kafka: KafkaForTests | undefined): void {
  test.skipIf(!canMount())('fault 14: a disk that is full: nothing partial, an alarm, and all is stored when there is room (skipped where nothing may be mounted)', async () => {
    const disk = join(folder.path, 'store');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
    try {
      const log = await openLog(kafka, testTopics());
      const store = await openStore({ folder: folder.path });
      const random = randomBytes(3_000 * 8_000).toString('hex');
      for (let from = 0; from < 3_000; from += 100)
        await log.append(TOPIC, 'a', Array.from({ length: 100 }, (_, at) => cloudtrailRecord(cloudtrailEvent(from + at, { noise: random.slice((from + at) * 16_000, (from + at + 1) * 16_000) }))));
      const said = new Set<string>();
      const worker = testWorker(store, log, join(folder.path), { maxBatchRecords: 200, restMs: 0, backoffMs: 100, onFault: ({ problem }) => said.add(problem.message) });
      await worker.start();
      await until(() => said.size > 0);
      const held = Number(await scalar(store, 'SELECT count() FROM records'));
      expect(held).toBeLessThan(3_000);
      // Batches of 200, and none of them in part; on Kafka the end of a fetch cuts one earlier.
      expect(await scalar(store, 'SELECT uniqExact(offset) = count() AND (count() = 0 OR max(offset) + 1 = count()) FROM records')).toBe('1');
      if (!kafka) expect(held % 200).toBe(0);
      expect([...said]).toContain('The disk of the store is full. Nothing is dropped: the log keeps what comes until there is room again.');
      execFileSync('mount', ['-o', 'remount,size=400m', disk]);
      await worker.idle();
      await worker.stop();
      expect(worker.faults()).toEqual([]);
      expect(await auditStore(store, log)).toEqual([]);
      await store.close();
      await log.close();
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  }, 240_000); // prettier-ignore
}
