import type { Reason } from '../../model/reason.ts';
import { Problem } from '../../model/problem.ts';
import type { Reader } from '../../store/query.ts';
import { readEnds } from '../../store/stored-records.ts';
import type { Settle, Settled } from '../intake/deps.ts';
import { SOURCE_EPOCH } from './worker.ts';
import type { IngestWorker } from './worker.ts';

/**
 * What an import waits for: that the worker has stored every record of the ranges; then counts from the store how they
 * ended. Rejects with `unavailable` when the worker has stopped or the signal aborts.
 */
export function createSettle(worker: Pick<IngestWorker, 'drained'>, reader: Reader): Settle {
  return async (ranges, signal) => {
    const ends = { accepted: 0, duplicate: 0, conflict: 0 };
    const rejected: Partial<Record<Reason, number>> = {};
    for (const range of ranges) {
      if (range.lastOffset < range.firstOffset) continue;
      await unlessAborted(worker.drained(range), signal);
      const place = { topic: range.topic, partition: range.partition, sourceEpoch: SOURCE_EPOCH };
      for (const { status, reason, records } of await readEnds(reader, place, range.firstOffset, range.lastOffset)) {
        if (status === 'rejected') rejected[reason as Reason] = (rejected[reason as Reason] ?? 0) + records;
        else ends[status as keyof typeof ends] += records;
      }
    }
    return { ...ends, rejected } satisfies Settled;
  };
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  const aborted = new Promise<never>((_, reject) => {
    const refuse = (): void => reject(new Problem('unavailable', 'The wait was given up.'));
    if (signal.aborted) refuse();
    signal.addEventListener('abort', refuse, { once: true });
  });
  return Promise.race([work, aborted]);
}
