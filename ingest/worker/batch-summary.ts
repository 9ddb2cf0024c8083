import type { Disposition, Reason } from '../../model/reason.ts';
import type { UnpackedRecord } from './pack.ts';

/** How records ended: `accepted`, `duplicate`, `conflict`, and each reason for a rejection, by count. */
export type Ends = Readonly<Partial<Record<Exclude<Disposition, 'rejected'> | Reason, number>>>;

/** How one record ended. `reason` is empty unless it was rejected. */
export interface RecordEnd {
  readonly status: Disposition;
  readonly reason: Reason | '';
  readonly detail: string;
  readonly events: number;
}

/** A batch in numbers. Stamps of ingest are microseconds since 1970. */
export interface BatchSummary {
  readonly records: number;
  readonly events: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly ingestedFromUs: number;
  readonly ingestedToUs: number;
  readonly ends: Ends;
}

/** Gathers a summary, record by record, in the order of the log. */
export function createSummary(): { add(record: UnpackedRecord, end: RecordEnd): void; result(): BatchSummary } {
  const ends: Partial<Record<keyof Ends, number>> = {};
  let [records, events, firstOffset, lastOffset, ingestedFromUs, ingestedToUs] = [
    0,
    0,
    -1,
    -1,
    Number.MAX_SAFE_INTEGER,
    0,
  ];
  return {
    add(record, end) {
      const word = end.status === 'rejected' ? end.reason || 'adapter_failed' : end.status;
      ends[word] = (ends[word] ?? 0) + 1;
      if (records === 0) firstOffset = record.offset;
      lastOffset = record.offset;
      records += 1;
      events += end.events;
      ingestedFromUs = Math.min(ingestedFromUs, record.ingestedAtUs);
      ingestedToUs = Math.max(ingestedToUs, record.ingestedAtUs);
    },
    result: () => ({ records, events, firstOffset, lastOffset, ingestedFromUs, ingestedToUs, ends }),
  };
}
