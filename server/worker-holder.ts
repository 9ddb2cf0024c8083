import { setTimeout as sleep } from 'node:timers/promises';
import { rebuildDerived } from '../ingest/worker/rebuild.ts';
import { createWorker } from '../ingest/worker/worker.ts';
import type { IngestWorker, WorkerDeps } from '../ingest/worker/worker.ts';
import { Problem } from '../model/problem.ts';

/** What carries records from the log into the store, as the API sees it: a worker in this process, or others elsewhere. */
export interface Carrier {
  readonly worker: () => Pick<IngestWorker, 'drained' | 'idle' | 'faults'>;
  /** Whether derived tables and records agree, so that queries may be answered: not in a rebuild, nor after one that broke off. */
  readonly isWhole: () => boolean;
  /** The same for one who waits for an answer: rejects with `unavailable` in a rebuild, or where it takes long. */
  wholeSoon(): Promise<void>;
  /** Derives everything again; gives the number of records. A second one at the same time is refused. */
  rebuild(onProgress: (records: number) => void): Promise<number>;
}

/** The one worker of the process. A rebuild needs the derived tables for itself, so it stops the worker and starts another. */
export interface WorkerHolder extends Carrier {
  readonly worker: () => IngestWorker;
  /** Resolves when derived tables and records agree; rejects with the fault that keeps them from it. */
  whole(): Promise<void>;
  /** Finishes what is in flight for some seconds. A rebuild is broken off: the next start completes it. */
  stop(): Promise<void>;
}

// With the seconds that requests get, less than the ten in which a service must be down.
const STOP_MS = 4_000;
const SOON_MS = 10_000;

/** Starts the worker. */
export async function createWorkerHolder(options: WorkerDeps): Promise<WorkerHolder> {
  const deps: WorkerDeps = { stopMs: STOP_MS, ...options };
  const stopping = new AbortController();
  let worker = createWorker(deps);
  let rebuilding: Promise<number> | undefined;
  let isWhole = false;
  const start = async (): Promise<void> => {
    await worker.start();
    const started = worker;
    started.whole().then(
      () => (isWhole = worker === started),
      () => undefined,
    );
  };

  async function rebuild(onProgress: (records: number) => void): Promise<number> {
    isWhole = false;
    await worker.stop();
    try {
      return await rebuildDerived(deps, onProgress, stopping.signal);
    } finally {
      worker = createWorker(deps);
      if (!stopping.signal.aborted) {
        await start();
        await worker.whole();
      }
    }
  }

  await start();
  return {
    worker: () => worker,
    isWhole: () => isWhole,
    async whole() {
      await rebuilding;
      await worker.whole();
    },
    async wholeSoon() {
      if (isWhole) return;
      const late = new AbortController();
      const soon = rebuilding
        ? Promise.resolve()
        : Promise.race([worker.whole(), sleep(SOON_MS, undefined, { signal: late.signal })]);
      await soon.catch(() => undefined);
      late.abort();
      if (!isWhole)
        throw new Problem('unavailable', 'The derived tables are being made complete. Try again when that is done.');
    },
    async rebuild(onProgress) {
      if (rebuilding) throw new Problem('unavailable', 'A rebuild is already running.');
      rebuilding = rebuild(onProgress);
      try {
        return await rebuilding;
      } finally {
        rebuilding = undefined;
      }
    },
    async stop() {
      stopping.abort();
      await rebuilding?.catch(() => undefined);
      await worker.stop();
    },
  };
}
