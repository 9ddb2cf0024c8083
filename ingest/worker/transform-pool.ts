import { availableParallelism } from 'node:os';
import { startTransformThread } from './start-thread.ts';
import type { ThreadDeps } from './start-thread.ts';
import type { Transformer } from './transform.ts';

/** More threads than this would wait for the engine, which takes the rows of one batch at a time. */
const MAX_THREADS = 2;

/** A batch that is with a thread, or waits to be stored. */
interface Live {
  readonly thread: Transformer;
  /** How many batches had been released when it was last begun: those it could know. */
  since: number;
  accepted: Uint8Array;
}

interface Released {
  readonly index: number;
  readonly thread: Transformer;
  /** Sorted. */
  readonly accepted: Float64Array;
}

/**
 * Transforms batches in several threads at once. A thread knows what the store holds and what it did itself, not what
 * another is doing; so what each brought is compared when it is to be stored (`overlaps`), and the rare batch that
 * repeats its neighbour is done once more. A batch stays with its thread.
 */
export async function startTransformPool(
  deps: ThreadDeps,
  size = Math.min(MAX_THREADS, availableParallelism()),
): Promise<Transformer> {
  const threads = await Promise.all(Array.from({ length: Math.max(1, size) }, () => startTransformThread(deps)));
  const live = new Map<number, Live>();
  let released: Released[] = [];
  let count = 0;

  const prune = (): void => {
    const oldest = Math.min(count, ...[...live.values()].map(({ since }) => since));
    released = released.filter(({ index }) => index >= oldest);
  };

  return {
    addKnown: (ids) => threads.forEach((thread) => thread.addKnown(ids)),
    async transform(job, block) {
      const batch = live.get(job.id) ?? {
        thread: threadFor(threads, job.id),
        since: count,
        accepted: new Uint8Array(),
      };
      batch.since = count;
      live.set(job.id, batch);
      const result = await batch.thread.transform(job, block);
      batch.accepted = result.accepted;
      return result;
    },
    overlaps(id) {
      const batch = live.get(id);
      if (!batch) return false;
      const others = released.filter(({ index, thread }) => index >= batch.since && thread !== batch.thread);
      if (others.length === 0) return false;
      const keys = keysOf(batch.accepted);
      return others.some(({ accepted }) => haveCommon(keys, accepted));
    },
    release(id) {
      const batch = live.get(id);
      live.delete(id);
      if (!batch) return;
      // The ids come before any later batch, for a thread takes its messages in turn.
      for (const thread of threads) if (thread !== batch.thread) thread.addKnown(Buffer.from(batch.accepted));
      batch.thread.release(id);
      if (threads.length > 1) released.push({ index: count, thread: batch.thread, accepted: keysOf(batch.accepted) });
      count += 1;
      prune();
    },
    close: async () => void (await Promise.all(threads.map((thread) => thread.close()))),
  };
}

function threadFor(threads: readonly Transformer[], id: number): Transformer {
  const thread = threads[id % threads.length];
  if (!thread) throw new RangeError('a pool has at least one thread');
  return thread;
}

// 53 bits of each id (known-ids.ts, packIds), sorted: two that agree by chance cost one batch a second look, no more.
function keysOf(accepted: Uint8Array): Float64Array {
  const ids = Buffer.from(accepted.buffer, accepted.byteOffset, accepted.byteLength);
  const keys = new Float64Array(ids.length / 16);
  for (let index = 0; index < keys.length; index += 1)
    keys[index] = ids.readUInt32LE(index * 16 + 4) * 2 ** 21 + (ids.readUInt32LE(index * 16 + 8) >>> 11);
  return keys.sort();
}

function haveCommon(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const difference = (a[i] ?? 0) - (b[j] ?? 0);
    if (difference === 0) return true;
    if (difference < 0) i += 1;
    else j += 1;
  }
  return false;
}
