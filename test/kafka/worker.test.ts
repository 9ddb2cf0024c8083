import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import type { EventLog } from '../../ingest/log/event-log.ts';
import type { IngestWorker } from '../../ingest/worker/worker.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { emptyStore, scalar, testWorker } from '../support/ingest-harness.ts';
import { describeOnKafka, openTestLog, rawKafka, testTopics, withAdmin } from '../support/kafka-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TOPIC = 'aws.cloudtrail';
const events = (from: number, to: number): ReturnType<typeof cloudtrailRecord>[] =>
  Array.from({ length: to - from }, (_, at) => cloudtrailRecord(cloudtrailEvent(from + at)));

describeOnKafka('the worker on Kafka', { brokers: 1, own: true }, (kafka) => {
  let folder: Awaited<ReturnType<typeof tempFolder>> | undefined;
  let store: Store | undefined;
  const logs: EventLog[] = [];
  const workers: IngestWorker[] = [];
  // One engine a process: the folder stays open over the tests, and is emptied between them.
  const openAll = async (): Promise<{ store: Store; path: string }> => {
    folder ??= await tempFolder();
    store ??= await openStore({ folder: folder.path });
    await emptyStore(store);
    return { store, path: folder.path };
  };
  const openLog = async (topics: ReturnType<typeof testTopics>): Promise<EventLog> => {
    const log = await openTestLog(kafka.addresses(), [TOPIC], { topics });
    logs.push(log);
    return log;
  };
  const start = async (log: EventLog, { store, path }: { store: Store; path: string }): Promise<IngestWorker> => {
    const worker = testWorker(store, log, path, { maxBatchRecords: 400 });
    workers.push(worker);
    await worker.start();
    return worker;
  };
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.stop();
    await Promise.all(logs.splice(0).map((log) => log.close()));
  });
  const counts = (of: Store): Promise<string> =>
    scalar(
      of,
      'SELECT (SELECT count() FROM records), (SELECT uniqExact(partition, offset) FROM records), (SELECT uniqExact(event_id) FROM events), (SELECT count() FROM gaps)',
    );

  test('fault 06: 5,000 records over four partitions, with restarts of the worker: none lost, none twice', async () => {
    const all = await openAll();
    const topics = testTopics({ partitions: 4 });
    const log = await openLog(topics);
    const appending = (async () => {
      for (let from = 0; from < 5_000; from += 50)
        await log.append(TOPIC, `account-${from % 13}`, events(from, from + 50));
    })();
    // Each worker has a log of its own, as a process of its own would: all it goes by is what the store holds.
    for (let round = 0; round < 4; round += 1) {
      const worker = await start(await openLog(topics), all);
      await sleep(1_500);
      await worker.stop();
    }
    await appending;
    const worker = await start(await openLog(topics), all);
    await worker.idle();
    expect(await counts(all.store)).toBe('5000\t5000\t5000\t0');
    expect(worker.faults()).toEqual([]);
  });

  test('fault 19: a broker that is killed and comes back in the middle: none lost, none twice', async () => {
    const all = await openAll();
    const log = await openLog(testTopics());
    const worker = await start(log, all);
    for (let from = 0; from < 1_000; from += 50) await log.append(TOPIC, 'a', events(from, from + 50));
    const [broker] = kafka.cluster().brokers;
    await broker?.stop('SIGKILL');
    await sleep(4_000);
    broker?.start();
    await kafka.cluster().ready();
    for (let from = 1_000; from < 2_000; from += 50) {
      while (!(await log.append(TOPIC, 'a', events(from, from + 50)).catch(() => undefined))) await sleep(200);
    }
    await worker.idle();
    const [records, distinct, ids, gaps] = (await counts(all.store)).split('\t').map(Number);
    expect({ ids, gaps, twice: (records ?? 0) - (distinct ?? 0) }).toEqual({ ids: 2_000, gaps: 0, twice: 0 });
    expect(worker.faults()).toEqual([]);
  });

  test('fault 25, 28, 31: what retention dropped, what was aborted and what cannot be read end as gaps with their reasons', async () => {
    const all = await openAll();
    const topics = testTopics();
    const topic = topics.prefix + TOPIC;
    const log = await openLog(topics);
    await log.append(TOPIC, 'a', events(0, 20));
    const before = await start(log, all);
    await before.idle();
    await before.stop();
    await log.append(TOPIC, 'a', events(20, 100));
    await withAdmin(kafka.addresses(), async (admin) => {
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '40' }] });
    });
    const producer = rawKafka(kafka.addresses()).producer({
      transactionalId: topic,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'never' }] });
    await transaction.abort();
    await producer.disconnect();
    const bomber = rawKafka(kafka.addresses()).producer();
    await bomber.connect();
    await bomber.send({
      topic,
      compression: kafkajs.CompressionTypes.GZIP,
      messages: [{ value: Buffer.alloc(30 * 1_024 * 1_024) }],
    });
    await bomber.disconnect();
    // The brokers write the marker of the transaction after they have answered.
    for (let tries = 0; tries < 200 && (await log.endOffset({ topic: TOPIC, partition: 0 })) < 103; tries += 1) {
      await sleep(50);
    }
    const worker = await start(log, all);
    await worker.idle();
    const gaps = await scalar(
      all.store,
      'SELECT groupArray((first_offset, last_offset, reason)) FROM (SELECT * FROM gaps ORDER BY first_offset)',
    );
    expect(gaps).toBe("[(20,39,'retention_lost'),(100,101,'control_or_aborted'),(102,102,'undecodable')]");
    expect(await scalar(all.store, 'SELECT count() FROM records')).toBe('80');
  });
});
