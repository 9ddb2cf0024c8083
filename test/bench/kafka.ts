import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import { createTopics } from '../../ingest/log/kafka-topics.ts';
import { partitionOf } from '../../ingest/log/partition-of.ts';
import { DEAD_LETTERS } from '../../model/source.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { startBrokers } from '../support/kafka-brokers.ts';
import { testTopics, withAdmin } from '../support/kafka-clients.ts';
import type { ChildAnswer, ChildTask } from './kafka-child.ts';
import type { Percentiles } from './kafka-latency.ts';
import { TOPIC } from './kafka-worker.ts';
import type { LeftOut, RunFigures } from './kafka-worker.ts';

const RATES = [1_000, 10_000];

/**
 * How fast the worker makes what a real broker holds queryable, against ClickHouse's own Kafka engine inside chdb on the
 * same topic, into the same tables with the same columns and keys, in one run; what read-back and fsync cost; and how
 * long an event takes from the producer to a reader. Arguments: records (350,000; compilers settle in the first 150,000),
 * rounds (2, the better one counts), partitions (1), seconds of each latency (15).
 */
export async function benchKafka(args: readonly string[]): Promise<void> {
  const [count = 350_000, rounds = 2, partitions = 1, seconds = 15] = args.map(Number);
  const warmUp = Math.floor((count * 3) / 7);
  const cluster = await startBrokers(1, (text) => console.error(text));
  try {
    const topics = testTopics({ partitions });
    await withAdmin(cluster.addresses, (admin) => createTopics(admin, [TOPIC, DEAD_LETTERS], topics));
    const bytes = await fill(cluster.addresses, topics, count);
    const base = { brokers: cluster.addresses, topics, count, warmUp, rates: [], seconds } as const;
    const workers: ChildAnswer[] = [];
    const engines: ChildAnswer[] = [];
    const run = async (
      what: ChildTask['what'],
      leftOut: LeftOut,
      rates: readonly number[] = [],
    ): Promise<ChildAnswer> => {
      const answer = await runChild({ ...base, what, leftOut, rates });
      console.log(line(leftOut === 'nothing' ? what : `without ${leftOut}`, answer.figures));
      return answer;
    };
    console.log(
      `${count} records of ${Math.round(bytes / count)} bytes, ${partitions} partition(s), ${availableParallelism()} cores, ${warmUp} to warm up`,
    );
    for (let round = 0; round < rounds; round += 1) {
      engines.push(await run('engine', 'nothing'));
      workers.push(await run('worker', 'nothing'));
    }
    const blind = await run('worker', 'read-back');
    const lax = await run('worker', 'fsync');
    const [own, peer] = [best(workers), best(engines)];
    const others = Object.keys(own.contents).filter((name) => own.contents[name] !== peer.contents[name]);
    if (others.length > 0) throw new Error(`the engine made other rows than the worker: ${others.join(', ')}`);
    const rows = Object.entries(own.contents).filter(([name]) => !name.includes('.'));
    console.log(
      `rows               ${rows.map(([table, sum]) => `${table} ${sum.split(' ')[0]}`).join(', ')}: the same in both`,
    );
    console.log(
      `ratio              ${(own.figures.rate / peer.figures.rate).toFixed(2)} of the engine's rate (goal 0.80), ${(own.figures.cpuUs / peer.figures.cpuUs).toFixed(2)} of its CPU a record`,
    );
    console.log(`cost of read-back  ${costOf(own.figures, blind.figures)}`);
    console.log(`cost of fsync      ${costOf(own.figures, lax.figures)}`);
    // Last, because it makes the topic longer.
    const { latency } = await run('worker', 'nothing', RATES);
    for (const { asked, reached, samples, acknowledged, queryable } of latency)
      console.log(
        `at ${String(asked).padStart(6)} events/s  reached ${reached.toFixed(0)}; acknowledged ${times(acknowledged)}; queryable ${times(queryable)} (${samples} samples)`,
      );
  } finally {
    await cluster.stop();
  }
}

async function fill(brokers: readonly string[], topics: ChildTask['topics'], count: number): Promise<number> {
  const log = await openKafkaLog({ brokers, topics, families: [TOPIC] });
  const keys = Array.from({ length: topics.partitions }, (_, partition) => {
    for (let at = 0; ; at += 1) if (partitionOf(`bench-${at}`, topics.partitions) === partition) return `bench-${at}`;
  });
  let bytes = 0;
  for (let from = 0; from < count; from += 1_000) {
    const records = Array.from({ length: Math.min(1_000, count - from) }, (_, at) =>
      cloudtrailRecord(cloudtrailEvent(from + at)),
    );
    bytes += records.reduce((sum, { value }) => sum + value.length, 0);
    await log.append(TOPIC, keys[(from / 1_000) % keys.length] ?? '', records);
  }
  await log.close();
  return bytes;
}

async function runChild(task: ChildTask): Promise<ChildAnswer> {
  const child = fork(new URL('./kafka-child.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  child.send(task);
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a run ended with ${String(code)}`)));
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [ChildAnswer];
  return answer;
}

function best(answers: readonly ChildAnswer[]): ChildAnswer {
  return answers.reduce((a, b) => (a.figures.rate >= b.figures.rate ? a : b));
}

function costOf(own: RunFigures, without: RunFigures): string {
  const share = (a: number, b: number): string => `${((1 - a / b) * 100).toFixed(1)} %`;
  return `${share(own.rate, without.rate)} of the rate, ${share(without.cpuUs, own.cpuUs)} of the CPU`;
}

function line(
  name: string,
  { rate, seconds, cpuUs, others, startRss, peakRss, blockMs }: ChildAnswer['figures'],
): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const block = blockMs === undefined ? '' : `, longest block ${blockMs.toFixed(0)} ms`;
  return `${name.padEnd(18)} ${rate.toFixed(0)} records/s (${seconds.toFixed(1)} s), ${cpuUs.toFixed(1)} us of CPU a record, memory ${mib(startRss)} to ${mib(peakRss)}${block}; ${others.toFixed(2)} cores busy with other things`;
}

function times({ p50, p95, p99 }: Percentiles): string {
  return `p50 ${p50.toFixed(0)} p95 ${p95.toFixed(0)} p99 ${p99.toFixed(0)} ms`;
}
