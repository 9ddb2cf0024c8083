import type { Settle, Settled } from '../ingest/intake/deps.ts';
import type { IngestWorker } from '../ingest/worker/worker.ts';
import { Problem } from '../model/problem.ts';
import type { Reason } from '../model/reason.ts';
import { countEnds } from '../store/queries/count-ends.ts';
import type { Reader } from '../store/query.ts';

// An import of a large file is many ranges; the engine bounds how much one statement may carry.
const RANGES_A_QUERY = 1_000;

/** Waits until the worker has stored the ranges, then asks the store how they ended: counts come from what is held. */
export function createSettle(worker: () => Pick<IngestWorker, 'drained'>, reader: Reader): Settle {
  return async (ranges, signal) => {
    for (const range of ranges) await abortable(worker().drained(range), signal);
    const settled = { accepted: 0, duplicate: 0, conflict: 0 };
    const rejected = new Map<Reason, number>();
    for (let at = 0; at < ranges.length; at += RANGES_A_QUERY) {
      for (const { status, reason, count } of await reader.read(countEnds(ranges.slice(at, at + RANGES_A_QUERY)))) {
        if (status === 'rejected') rejected.set(reason as Reason, (rejected.get(reason as Reason) ?? 0) + count);
        else settled[status] += count;
      }
    }
    return {
      ...settled,
      rejected: Object.fromEntries([...rejected].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    } satisfies Settled;
  };
}

async function abortable(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  await Promise.race([
    work,
    new Promise<never>((_resolve, reject) => {
      const stop = (): void => reject(new Problem('unavailable', 'The caller went away.'));
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    }),
  ]);
}
