import type { Consumer, TopicPartition } from '../log/event-log.ts';
import { nameOf } from './faults.ts';

/** Keeps small batches apart, so that a trickle of records does not become a stream of tiny inserts. */
export interface Pace {
  /** A batch was taken: after a small one the partition rests, unless somebody waits for it. */
  took(place: TopicPartition, records: number): Promise<void>;
  /** Somebody waits for the partition from now on; gives how to say that it is over. */
  hurry(place: TopicPartition): Promise<() => void>;
}

/** Every batch costs about nine statements, whatever its size: below this many rows they are most of its price. */
const SMALL_BATCH = 2_000;

/**
 * A pace over a consumer. The first record after a quiet time goes through at once; what comes within the next `restMs`
 * goes together. Records rest in the log, where they are durable, so a stop or a crash meanwhile costs nothing.
 */
export function createPace(consumer: () => Promise<Pick<Consumer, 'pause' | 'resume'>>, restMs: number): Pace {
  const waiting = new Map<string, number>();
  const resting = new Map<string, NodeJS.Timeout>();

  async function wake(place: TopicPartition): Promise<void> {
    const timer = resting.get(nameOf(place));
    if (timer === undefined) return;
    clearTimeout(timer);
    resting.delete(nameOf(place));
    (await consumer()).resume(place);
  }

  return {
    async took(place, records) {
      const name = nameOf(place);
      if (records >= SMALL_BATCH || restMs === 0) return;
      const reader = await consumer();
      if (waiting.has(name) || resting.has(name)) return;
      reader.pause(place);
      resting.set(name, setTimeout(() => void wake(place), restMs).unref());
    },
    async hurry(place) {
      const name = nameOf(place);
      waiting.set(name, (waiting.get(name) ?? 0) + 1);
      await wake(place);
      return () => {
        const others = (waiting.get(name) ?? 1) - 1;
        if (others === 0) waiting.delete(name);
        else waiting.set(name, others);
      };
    },
  };
}
