import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import type { TopicSettings } from '../../ingest/log/kafka-topics.ts';
import { openStore } from '../../store/clickhouse.ts';
import { contentsOf, runEngine } from './kafka-engine.ts';
import { measureLatency } from './kafka-latency.ts';
import type { LatencyFigures } from './kafka-latency.ts';
import { TOPIC, runWorker } from './kafka-worker.ts';
import type { LeftOut, RunFigures } from './kafka-worker.ts';

// One run of the benchmark in a process of its own, so that its memory and its compilers are its own.

export interface ChildTask {
  readonly what: 'worker' | 'engine';
  readonly leftOut: LeftOut;
  readonly brokers: readonly string[];
  readonly topics: TopicSettings;
  readonly count: number;
  readonly warmUp: number;
  /** Rates at which latency is measured after the run, events a second. */
  readonly rates: readonly number[];
  readonly seconds: number;
}

export interface ChildAnswer {
  readonly figures: RunFigures & { readonly blockMs?: number };
  readonly contents: Readonly<Record<string, string>>;
  readonly latency: readonly LatencyFigures[];
}

async function work(task: ChildTask): Promise<ChildAnswer> {
  const folder = await mkdtemp(join(process.env['BENCH_FOLDER'] ?? '/tmp', 'custody-bench-'));
  const store = await openStore({ folder });
  try {
    if (task.what === 'engine') {
      const { brokers, topics, count } = task;
      const figures = await runEngine(store, brokers.join(','), topics.prefix + TOPIC, count, topics.partitions);
      return { figures, contents: await contentsOf(store, 'peer_'), latency: [] };
    }
    const log = await openKafkaLog({ brokers: task.brokers, topics: task.topics, families: [TOPIC] });
    const { figures, worker } = await runWorker(store, log, { folder, ...task });
    const contents = await contentsOf(store, '');
    const latency: LatencyFigures[] = [];
    let from = task.count;
    for (const asked of task.rates) {
      const measured = await measureLatency(store, log, { asked, seconds: task.seconds, from });
      from = measured.next;
      latency.push(measured);
    }
    await worker.stop();
    await log.close();
    return { figures, contents, latency };
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

process.once('message', (task: ChildTask) => {
  work(task).then(
    (answer) => process.send?.(answer, () => process.exit(0)),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(1));
