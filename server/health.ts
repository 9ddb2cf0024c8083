import type { FaultListener } from '../ingest/worker/faults.ts';
import { nameOf } from '../ingest/worker/faults.ts';
import type { TopicPartition } from '../ingest/log/event-log.ts';

/** Why a process cannot do its work now. A closed list: it stands in `/readyz`, which needs no credential. */
export type Hindrance =
  | 'starting'
  | 'store_unavailable'
  | 'store_disk_full'
  | 'log_unavailable'
  | 'inbound_unavailable'
  | 'partition_stopped'
  | 'signing_stopped'
  | 'data_disk_nearly_full'
  | 'access_log_full';

/** What is known of how a process fares, gathered where it happens. */
export interface Health {
  readonly onFault: FaultListener;
  /** A partition has gone on. */
  went(partition: TopicPartition): void;
  /** A partition is no longer ours: what hindered it is no hindrance of ours. */
  readonly left: (partition: TopicPartition) => void;
  set(hindrance: Hindrance, is: boolean): void;
  /** In the order of the list, each once; empty if nothing hinders. */
  readonly hindrances: () => readonly Hindrance[];
  /** How many partitions wait for the store, and how many have stopped. */
  partitions(): { readonly waiting: number; readonly stopped: number };
}

const ORDER: readonly Hindrance[] = [
  'starting',
  'store_unavailable',
  'store_disk_full',
  'log_unavailable',
  'inbound_unavailable',
  'partition_stopped',
  'signing_stopped',
  'data_disk_nearly_full',
  'access_log_full',
];

/** All well, so far. */
export function createHealth(): Health {
  const flags = new Set<Hindrance>();
  const waiting = new Map<string, Hindrance>();
  const stopped = new Set<string>();
  return {
    onFault({ partition, problem, fatal }) {
      const name = nameOf(partition);
      if (fatal) stopped.add(name);
      else waiting.set(name, problem.facts['failure'] === 'disk_full' ? 'store_disk_full' : 'store_unavailable');
      if (fatal) waiting.delete(name);
    },
    went: (partition) => void waiting.delete(nameOf(partition)),
    left(partition) {
      waiting.delete(nameOf(partition));
      stopped.delete(nameOf(partition));
    },
    set(hindrance, is) {
      if (is) flags.add(hindrance);
      else flags.delete(hindrance);
    },
    hindrances() {
      const all = new Set<Hindrance>([...flags, ...waiting.values()]);
      if (stopped.size > 0) all.add('partition_stopped');
      return ORDER.filter((hindrance) => all.has(hindrance));
    },
    partitions: () => ({ waiting: waiting.size, stopped: stopped.size }),
  };
}
