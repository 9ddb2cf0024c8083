import { rebuildDerived } from '../ingest/worker/rebuild.ts';
import { createWorker } from '../ingest/worker/worker.ts';
import type { IngestWorker, WorkerDeps } from '../ingest/worker/worker.ts';
import { Problem } from '../model/problem.ts';

/** The one worker of the process. A rebuild needs the derived tables for itself, so it stops the worker and starts another. */
export interface WorkerHolder {
  readonly worker: () => IngestWorker;
  /** Whether queries may be answered: not while derived tables are half there. */
  readonly isRebuilding: () => boolean;
  /** Derives everything again; gives the number of records. A second one at the same time is refused. */
  rebuild(onProgress: (records: number) => void): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the worker. */
export async function createWorkerHolder(deps: WorkerDeps): Promise<WorkerHolder> {
  let worker = createWorker(deps);
  let rebuilding: Promise<number> | undefined;
  await worker.start();
  return {
    worker: () => worker,
    isRebuilding: () => rebuilding !== undefined,
    async rebuild(onProgress) {
      if (rebuilding) throw new Problem('unavailable', 'A rebuild is already running.');
      const work = async (): Promise<number> => {
        await worker.stop();
        try {
          return await rebuildDerived(deps, onProgress);
        } finally {
          worker = createWorker(deps);
          await worker.start();
        }
      };
      rebuilding = work();
      try {
        return await rebuilding;
      } finally {
        rebuilding = undefined;
      }
    },
    async stop() {
      await rebuilding?.catch(() => undefined);
      await worker.stop();
    },
  };
}
