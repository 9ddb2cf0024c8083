import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { FastifyBaseLogger } from 'fastify';
import { createLeases } from '../ingest/trees/leases.ts';
import { openTreeKeeper } from '../ingest/trees/tree-keeper.ts';
import type { TreeKeeper } from '../ingest/trees/tree-keeper.ts';
import { SOURCE_EPOCH } from '../ingest/worker/worker.ts';
import type { WorkerDeps } from '../ingest/worker/worker.ts';
import { Problem } from '../model/problem.ts';
import type { Store } from '../store/clickhouse.ts';
import type { StoredPartition } from '../store/log-state.ts';
import { tellTreeFault } from './backing.ts';

/** The trees of the partitions that a worker of a cluster has, and the leases by which it may write them. */
export interface IngestTrees {
  /** What the worker is made with. */
  readonly worker: Pick<WorkerDeps, 'leases' | 'onCovered'>;
  readonly left: NonNullable<WorkerDeps['onLeft']>;
  readonly seals: TreeKeeper['seals'];
  /** Adds and seals what is there, for some seconds at most. */
  close(): Promise<void>;
}

/** Opens them. Nothing is signed here: the key of the log is not for every worker (server/README.md). */
export async function openIngestTrees(store: Store, logger: FastifyBaseLogger): Promise<IngestTrees> {
  const holder = `${hostname()}/${process.pid}/${randomUUID()}`;
  const leases = createLeases({ session: store.writer, holder, now: () => Date.now() * 1_000 });
  const epochs = new Map<string, number>();
  const keeper = await openTreeKeeper({
    store,
    async mayWrite(place) {
      const writerEpoch = epochs.get(nameOf(place));
      if (writerEpoch === undefined)
        throw new Problem('conflict', 'This partition is not ours any more.', { ...place });
      await leases.check(place, writerEpoch);
    },
    onFault: (place, problem) => tellTreeFault(logger, problem, place),
  });
  return {
    worker: {
      leases,
      onCovered(place, end, writerEpoch) {
        epochs.set(nameOf(place), writerEpoch);
        keeper.covered(place, end, writerEpoch);
      },
    },
    left({ topic, partition }) {
      const place = { topic, partition, sourceEpoch: SOURCE_EPOCH };
      epochs.delete(nameOf(place));
      keeper.left(place);
    },
    seals: keeper.seals,
    close: () => keeper.close(),
  };
}

function nameOf({ topic, sourceEpoch, partition }: StoredPartition): string {
  return `${topic}/${sourceEpoch}/${partition}`;
}
