import type { BatchHandler, TopicPartition } from '../log/event-log.ts';
import { nameOf, placeOfName } from './faults.ts';
import type { Faults } from './faults.ts';
import { createLoading } from './open-transform.ts';
import type { OpenTransform } from './open-transform.ts';
import type { Pace } from './pace.ts';
import { createPartition } from './partition.ts';
import type { Partition, PartitionDeps } from './partition.ts';
import type { IngestWorker, WorkerDeps } from './worker.ts';

/** The partitions that are ours now, each with the offset below which all is stored. */
export function positionsOf(
  partitions: ReadonlyMap<string, Partition>,
  ours: ReadonlySet<string>,
): ReturnType<IngestWorker['positions']> {
  return [...partitions].flatMap(([name, partition]) =>
    ours.has(name) ? [{ ...placeOfName(name), storedTo: partition.storedTo() }] : [],
  );
}

/** What a worker's handler works with. */
export interface HandlerParts {
  readonly partitions: Map<string, Partition>;
  readonly complete: Set<string>;
  readonly ours: Set<string>;
  readonly faults: Faults;
  readonly pace: Pace;
  readonly shared: PartitionDeps;
  readonly opened: OpenTransform;
  readonly changed: () => void;
}

/** What the log's reader is given: partitions as they come and go, and their batches. */
export function handlerOf(deps: Pick<WorkerDeps, 'known' | 'onLeft'>, parts: HandlerParts): BatchHandler {
  const { partitions, complete, ours, faults, pace, shared } = parts;
  const loading = createLoading(deps, parts.opened);
  const partitionOf = (place: TopicPartition): Partition => {
    const found =
      partitions.get(nameOf(place)) ?? createPartition(shared, { topic: place.topic, partition: place.partition });
    partitions.set(nameOf(place), found);
    return found;
  };
  return {
    async assigned(place) {
      if (deps.known === 'assigned') await faults.retrying(place, () => loading.load(place));
      const position = await partitionOf(place).assigned();
      complete.add(nameOf(place));
      ours.add(nameOf(place));
      parts.changed();
      return position;
    },
    batch: async (batch) => {
      await partitionOf(batch).batch(batch);
      await pace.took(batch, batch.records.length);
    },
    // What is in flight is finished first: the next owner's position must not be asked before.
    async revoked(place) {
      const name = nameOf(place);
      ours.delete(name);
      deps.onLeft?.(place);
      try {
        await partitionOf(place).settled();
      } catch (error) {
        // It stopped here, perhaps because another took it. Should it come back, its place is asked of the store again.
        partitions.delete(name);
        throw error;
      } finally {
        faults.forget(name);
      }
    },
    // The log gave up on a partition (it was replaced, or cut off): it has stopped, and must be seen to have.
    failed: faults.stop,
  };
}
