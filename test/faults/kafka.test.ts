import { mkdirSync, readFileSync, openSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { EventLog, LogRecord } from '../../ingest/log/event-log.ts';
import { createLeases } from '../../ingest/trees/leases.ts';
import type { IngestWorker } from '../../ingest/worker/worker.ts';
import type { Problem } from '../../model/problem.ts';
import { auditStore } from '../support/fault-audit.ts';
import { onKafka } from '../support/fault-lanes.ts';
import type { Lane } from '../support/fault-lanes.ts';
import { eventsOf, until } from '../support/fault-scenario.ts';
import { scalar } from '../support/ingest-harness.ts';
import { rawKafka, withAdmin } from '../support/kafka-fixture.ts';

const TOPIC = 'aws.cloudtrail';
/** How long rebalances go on; reliability.md says ten minutes: CUSTODY_FAULT_SECONDS=600. */
const REBALANCING_MS = Number(process.env['CUSTODY_FAULT_SECONDS'] ?? 40) * 1_000;
const nameOf = (lane: Lane): string => lane.topics().prefix + TOPIC;
const addressesOf = (lane: Lane): readonly string[] => lane.kafka?.addresses() ?? [];

/** Appends until the log has it, as a sender does that is told to come again; a repeat is counted once. */
async function appendSurely(log: EventLog, key: string, records: readonly LogRecord[]): Promise<void> {
  while (!(await log.append(TOPIC, key, records).catch(() => undefined))) await sleep(200);
}

const eventsHeld = async (lane: Lane): Promise<number> =>
  Number(await scalar(lane.store(), "SELECT uniqExact(event_id) FROM events WHERE disposition = 'accepted'"));

onKafka(
  'one broker',
  (lane) => {
    test('fault 26: a topic that was made again halts its partition: two histories are never mixed', async () => {
      const log = await lane.log();
      await log.append(TOPIC, 'a', eventsOf(0, 50));
      const before = await lane.worker();
      await before.idle();
      await before.stop();
      const topic = nameOf(lane);
      await withAdmin(addressesOf(lane), async (admin) => {
        await admin.deleteTopics({ topics: [topic] });
        await until(async () => !(await admin.listTopics()).includes(topic));
      });
      const again = await lane.again();
      await again.append(TOPIC, 'a', eventsOf(500, 520));
      const faults: Problem[] = [];
      const worker = await lane.worker({ onFault: ({ problem }) => faults.push(problem) }, again);
      await expect(worker.idle()).rejects.toMatchObject({ code: 'internal' });
      expect(faults.map(({ message }) => message).join()).toContain('The log ends before what the store holds');
      expect(await scalar(lane.store(), 'SELECT count(), max(offset) FROM records')).toBe('50\t49');
    });

    test('fault 27: partitions that are added are read from their beginning, without a restart', async () => {
      const log = await lane.log();
      await log.append(TOPIC, 'a', eventsOf(0, 20));
      const worker = await lane.worker();
      await worker.idle();
      const topic = nameOf(lane);
      await withAdmin(addressesOf(lane), (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }));
      // Before any consumer knows of it, and the place of none of them.
      const producer = rawKafka(addressesOf(lane)).producer();
      await producer.connect();
      const messages = eventsOf(20, 50).map(({ key, value, headers }) => ({ key, value, headers: { ...headers }, partition: 1 }));
      await until(async () =>
        producer.send({ topic, messages }).then(
          () => true,
          () => false,
        ),
      );
      await producer.disconnect();
      await until(async () => (await eventsHeld(lane)) === 50, 200_000);
      expect(await scalar(lane.store(), 'SELECT min(offset), count() FROM records WHERE partition = 1')).toBe('0\t30');
      expect(await auditStore(lane.store(), await lane.again())).toEqual([]);
    }, 300_000); // prettier-ignore

    test('fault 30: a batch that is damaged on the disk of the broker is a gap that says so; its neighbours are read', async () => {
      const log = await lane.log();
      for (const [from, to] of [[0, 10], [10, 20], [20, 30]] as const) await log.append(TOPIC, 'a', eventsOf(from, to)); // prettier-ignore
      const data = lane.kafka?.cluster().brokers[0]?.data ?? '';
      const file = join(data, `${nameOf(lane)}-0`, '00000000000000000000.log');
      const bytes = readFileSync(file);
      // The second batch begins behind the length that the first one states (bytes 8 to 11 of it).
      const second = bytes.readInt32BE(8) + 12;
      expect(bytes.readBigInt64BE(second)).toBe(10n);
      const at = second + 200;
      const handle = openSync(file, 'r+');
      writeSync(handle, Buffer.from([(bytes[at] ?? 0) ^ 0xff]), 0, 1, at);
      closeSync(handle);
      const worker = await lane.worker();
      await worker.idle();
      expect(await scalar(lane.store(), 'SELECT count() FROM records')).toBe('20');
      expect(await auditStore(lane.store(), log, { gaps: { 0: [[10, 19, 'undecodable']] } })).toEqual([]);
    });
  },
  { brokers: 1 },
);

onKafka(
  'three workers',
  (lane) => {
    test(
      'fault 22: a rebalance every five seconds',
      async () => {
        const log = await lane.log();
        const faults: string[] = [];
        const workers: { worker: IngestWorker; log: EventLog }[] = [];
        let names = 0;
        const enter = async (): Promise<void> => {
          const own = await lane.again({ sessionTimeoutMs: 6_000 });
          const leases = createLeases({ session: lane.store().writer, holder: `w-${(names += 1)}`, now: () => Date.now() * 1_000 }); // prettier-ignore
          const onFault = ({ problem, fatal }: { problem: Problem; fatal: boolean }): void => void (fatal && problem.code !== 'conflict' && faults.push(problem.message)); // prettier-ignore
          // Each process has a data folder of its own, and one who stops empties its scratch.
          const folder = join(lane.folder(), `of-w-${names}`);
          mkdirSync(folder);
          const worker = await lane.worker(
            { folder, leases, known: 'assigned', maxBatchRecords: 40, restMs: 0, onFault },
            own,
          );
          workers.push({ worker, log: own });
        };
        for (const _ of [1, 2, 3]) await enter();
        let sent = 0;
        const sending = { on: true };
        const appending = (async () => {
          for (; sending.on; sent += 20) {
            await appendSurely(log, `account-${(sent / 20) % 11}`, eventsOf(sent, sent + 20));
            await sleep(40);
          }
        })();
        let rebalances = 0;
        for (const end = Date.now() + REBALANCING_MS; Date.now() < end; rebalances += 1) {
          await sleep(5_000);
          const leaving = workers.shift();
          await leaving?.worker.stop();
          await leaving?.log.close();
          await enter();
        }
        sending.on = false;
        await appending;
        await until(async () => (await eventsHeld(lane)) === sent);
        expect(rebalances).toBeGreaterThan(2);
        expect(faults).toEqual([]);
        expect(await auditStore(lane.store(), log)).toEqual([]);
      },
      REBALANCING_MS + 400_000,
    );
  },
  { brokers: 1, partitions: 6 },
);

onKafka(
  'three brokers',
  (lane) => {
    /** Kills the broker that `find` names while records come in, and starts it again. */
    async function killOne(
      find: (leaders: { readonly ofTopic: number; readonly ofGroup: number }) => number,
    ): Promise<void> {
      const log = await lane.log();
      const worker = await lane.worker({ maxBatchRecords: 40, restMs: 0 });
      await appendSurely(log, 'a', eventsOf(0, 100));
      await worker.idle();
      const groupId = `${lane.topics().prefix}custody-worker`;
      const leaders = await withAdmin(addressesOf(lane), async (admin) => {
        const topics = [nameOf(lane), '__consumer_offsets'];
        const { topics: found } = await admin.fetchTopicMetadata({ topics });
        const leaderOf = (topic: string, partition: number): number =>
          found.find(({ name }) => name === topic)?.partitions.find(({ partitionId }) => partitionId === partition)?.leader ?? 0;
        const groups = found.find(({ name }) => name === '__consumer_offsets')?.partitions.length ?? 1;
        return { ofTopic: leaderOf(nameOf(lane), 0), ofGroup: leaderOf('__consumer_offsets', javaHash(groupId) % groups) };
      }); // prettier-ignore
      const victim = lane.kafka?.cluster().brokers[find(leaders) - 1];
      const appending = (async () => {
        for (let from = 100; from < 900; from += 50) await appendSurely(log, 'a', eventsOf(from, from + 50));
      })();
      await victim?.stop('SIGKILL');
      await appending;
      await until(async () => (await eventsHeld(lane)) === 900);
      victim?.start();
      await lane.kafka?.cluster().ready();
      await appendSurely(log, 'a', eventsOf(900, 1_000));
      await until(async () => (await eventsHeld(lane)) === 1_000);
      expect(worker.faults()).toEqual([]);
      expect(await auditStore(lane.store(), log)).toEqual([]);
    }

    test('fault 20: the leader of the partition is killed, another takes its place', () => killOne(({ ofTopic }) => ofTopic), 300_000); // prettier-ignore

    test('fault 21: the coordinator of the group is killed, another takes its place', () => killOne(({ ofGroup }) => ofGroup), 300_000); // prettier-ignore
  },
  { brokers: 3 },
);

/** The hash by which Kafka finds the partition of a group (String.hashCode of Java, made positive). */
function javaHash(text: string): number {
  let hash = 0;
  for (const char of text) hash = (Math.imul(31, hash) + char.charCodeAt(0)) | 0;
  return hash & 0x7fffffff;
}
