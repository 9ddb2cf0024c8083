import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import type { KafkaLogOptions } from '../../ingest/log/kafka-log.ts';
import type { IngestWorker, WorkerDeps } from '../../ingest/worker/worker.ts';
import type { Family } from '../../model/source.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { emptyStore, testWorker } from './ingest-harness.ts';
import { describeOnKafka, openTestLog, testTopics } from './kafka-fixture.ts';
import type { KafkaForTests } from './kafka-fixture.ts';
import { tempFolder } from './temp-folder.ts';

/** Where a fault is tried: a log of one of the two kinds, a store over the real engine, and workers between them. */
export interface Lane {
  readonly kind: 'embedded' | 'kafka';
  /** The broker, where the log is on Kafka. */
  readonly kafka: KafkaForTests | undefined;
  /** The store, empty at the begin of each test. */
  store(): Store;
  folder(): string;
  /** The log of this test, opened at the first call. */
  log(): Promise<EventLog>;
  /** The same log as another process would open it. What was opened before is closed where there may be only one. */
  again(more?: Partial<KafkaLogOptions>): Promise<EventLog>;
  /** The names of this test's topics on Kafka. */
  topics(): ReturnType<typeof testTopics>;
  /** A worker that is stopped at the end of the test; `store` stands in for the store where a fault is put before it. */
  worker(more?: Partial<WorkerDeps>, log?: EventLog): Promise<IngestWorker>;
}

export interface LaneOptions {
  readonly brokers?: 1 | 3;
  readonly partitions?: number;
  readonly families?: readonly Family[];
}

/** Defines the same tests on the embedded log and on a real broker. */
export function onBothLogs(name: string, define: (lane: Lane) => void, options: LaneOptions = {}): void {
  describe(`${name}, on the embedded log`, () => define(openLane('embedded', undefined, options)));
  onKafka(name, define, options);
}

/** Defines tests on a real broker. */
export function onKafka(name: string, define: (lane: Lane) => void, options: LaneOptions = {}): void {
  describeOnKafka(`${name}, on Kafka`, { brokers: options.brokers ?? 1, own: true }, (kafka) =>
    define(openLane('kafka', kafka, options)),
  );
}

function openLane(kind: Lane['kind'], kafka: KafkaForTests | undefined, options: LaneOptions): Lane {
  const families = options.families ?? (['aws.cloudtrail'] as const);
  const replication = options.brokers ?? 1;
  const settings = { partitions: options.partitions ?? 1, replication, minInsync: replication === 1 ? 1 : 2 };
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let store: Store;
  let logFolder = '';
  let topics = testTopics(settings);
  let logs: EventLog[] = [];
  const workers: IngestWorker[] = [];
  const stopAll = async (): Promise<void> => {
    for (const worker of workers.splice(0)) await worker.stop();
    await Promise.all(logs.splice(0).map((log) => log.close()));
  };
  beforeAll(async () => {
    folder = await tempFolder('custody-fault-');
    store = await openStore({ folder: folder.path });
  });
  beforeEach(async () => {
    await emptyStore(store);
    logFolder = join(folder.path, randomUUID());
    await mkdir(logFolder);
    topics = testTopics(settings);
  });
  afterEach(stopAll);
  afterAll(async () => {
    await store.close();
    await folder.remove();
  });
  const open = async (more: Partial<KafkaLogOptions>): Promise<EventLog> =>
    kafka
      ? openTestLog(kafka.addresses(), families, { topics, ...more })
      : openEmbeddedLog({ folder: logFolder, partitions: options.partitions ?? 1 });
  const again: Lane['again'] = async (more = {}) => {
    if (!kafka) await stopAll();
    const log = await open(more);
    logs = [...logs, log];
    return log;
  };
  const log = async (): Promise<EventLog> => logs[0] ?? again();
  return {
    kind,
    kafka,
    store: () => store,
    folder: () => folder.path,
    log,
    again,
    topics: () => topics,
    async worker(more = {}, used) {
      const worker = testWorker(store, used ?? (await log()), folder.path, { topics: families, ...more });
      workers.push(worker);
      await worker.start();
      return worker;
    },
  };
}
