import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import { openStore } from '../../store/clickhouse.ts';
import { fill, mergesDone, runPeer, startWorker, watchMemory, writeFiles } from './ingest-parts.ts';
import type { Memory, Timed, TimedWorker } from './ingest-parts.ts';

const WARM_UP = 150_000;

/**
 * How fast the real worker makes what the log holds queryable (parse, identity, hash, keys, edges, fsync, read-back),
 * against the engine alone inserting the very same rows into equal tables from files. In rounds, worker and engine one
 * after the other, for the speed of a shared machine drifts by the minute; the median of the rounds is the answer.
 * Arguments: records a round (200,000), rounds (3). 150,000 records before them warm up, for compilers take that long.
 */
export async function benchIngest(args: readonly string[]): Promise<void> {
  const size = Number(args[0] ?? 200_000);
  const rounds = Number(args[1] ?? 3);
  const folder = await mkdtemp(join(process.env['BENCH_FOLDER'] ?? '/tmp', 'custody-bench-'));
  const store = await openStore({ folder });
  const log = openEmbeddedLog({ folder });
  const watch = watchMemory();
  const own = await startWorker(store, log, folder);
  try {
    await fill(log, 0, WARM_UP);
    await own.drain();
    console.log(`${availableParallelism()} cores; records a round ${size}; records/s, CPU in us a record`);
    const found: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const from = WARM_UP + round * size;
      own.hold();
      const bytes = await fill(log, from, size);
      await mergesDone(store);
      const worker = await own.drain();
      const files = await writeFiles(store, folder, from, from + size - 1);
      await mergesDone(store);
      const json = await runPeer(store, files, 'JSONEachRow');
      const tsv = await runPeer(store, files, 'TSV');
      found.push({ worker, json, tsv });
      if (round === 0) console.log(`rows ${JSON.stringify(files.rows)}, ${Math.round(bytes / size)} bytes a record`);
      console.log(`round ${round + 1}: ${describe({ worker, json, tsv }, size)}`);
    }
    report(found, size, watch);
    await own.stop(WARM_UP + rounds * size);
  } finally {
    watch.stop();
    await own.stop();
    await log.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Round {
  readonly worker: TimedWorker;
  readonly json: Timed;
  readonly tsv: Timed;
}

function describe({ worker, json, tsv }: Round, size: number): string {
  const of = (name: string, timed: Timed): string =>
    `${name} ${Math.round(size / timed.seconds)} (${(timed.cpu / size).toFixed(0)} us)`;
  const ratio = (json.seconds / worker.seconds).toFixed(2);
  return `${of('worker', worker)}, ${of('engine NDJSON', json)}, ${of('engine TSV', tsv)}, ratio ${ratio}`;
}

function report(rounds: readonly Round[], size: number, memory: Memory): void {
  const median = (of: (round: Round) => number): number =>
    rounds.map(of).toSorted((a, b) => a - b)[rounds.length >> 1] ?? 0;
  const line = (name: string, text: string): void => console.log(`${name.padEnd(19)}${text}`);
  line(
    'log -> queryable',
    `${median(({ worker }) => size / worker.seconds).toFixed(0)} records/s, fsync and read-back on`,
  );
  line(
    'engine, NDJSON',
    `${median(({ json }) => size / json.seconds).toFixed(0)} records/s, INSERT SELECT FROM file() of the same rows`,
  );
  line(
    'engine, TSV',
    `${median(({ tsv }) => size / tsv.seconds).toFixed(0)} records/s, the same in a format that costs it less`,
  );
  const ratio = median(({ worker, json }) => json.seconds / worker.seconds).toFixed(2);
  line(
    'ratio',
    `${ratio} to NDJSON (goal 0.45), ${median(({ worker, tsv }) => tsv.seconds / worker.seconds).toFixed(2)} to TSV`,
  );
  line(
    'CPU',
    `${median(({ worker }) => worker.cpu / size).toFixed(0)} us/record worker, ${median(({ json }) => json.cpu / size).toFixed(0)} NDJSON, ${median(({ tsv }) => tsv.cpu / size).toFixed(0)} TSV`,
  );
  line('longest block', `${Math.max(...rounds.map(({ worker }) => worker.blockMs)).toFixed(0)} ms of the event loop`);
  line('peak memory', `${memory.peak()} MiB (${memory.before} MiB before)`);
}
