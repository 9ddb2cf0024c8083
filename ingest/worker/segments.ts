import type { LogBatch, LoggedRecord } from '../log/event-log.ts';

/** A stretch of the log: records without a hole between them, or offsets that hold none. */
export type Segment =
  | { readonly kind: 'records'; readonly records: readonly LoggedRecord[] }
  | { readonly kind: 'gap'; readonly firstOffset: number; readonly lastOffset: number; readonly reason: GapReason };

/**
 * Why offsets give no record (reliability.md 1.5): the log had dropped them, they never held one (control, aborted), or
 * what they hold cannot be read.
 */
export type GapReason = 'retention_lost' | 'control_or_aborted' | 'undecodable';

/**
 * Cuts a batch into stretches that cover it from `expected` on without a hole, in order. They are stored in this order,
 * so that the highest covered offset is the position. What lies before `expected` is stored already and left out.
 * `start` is the first offset that the log still holds. Gives `seek` instead where the batch begins too late although
 * the log may hold what lies before: that is to be fetched, not declared lost.
 */
export function cutBatch(
  batch: LogBatch,
  expected: number,
  start: number,
): { readonly segments: readonly Segment[]; readonly seek?: number } {
  const segments: Segment[] = [];
  let next = expected;
  const gapTo = (last: number, reason: GapReason): void => {
    if (last < next) return;
    segments.push({ kind: 'gap', firstOffset: next, lastOffset: last, reason });
    next = last + 1;
  };
  gapTo(Math.min(start, batch.firstOffset) - 1, 'retention_lost');
  if (batch.firstOffset > next) return { segments, seek: next };
  let run: LoggedRecord[] = [];
  const endRun = (): void => {
    if (run.length > 0) segments.push({ kind: 'records', records: run });
    run = [];
  };
  const unread = [...(batch.undecodable ?? [])];
  const gapBefore = (offset: number): void => {
    for (let range = unread[0]; range && range.firstOffset < offset; range = unread[0]) {
      gapTo(range.firstOffset - 1, 'control_or_aborted');
      gapTo(range.lastOffset, 'undecodable');
      unread.shift();
    }
    gapTo(offset - 1, 'control_or_aborted');
  };
  for (const record of batch.records) {
    if (record.offset < next) continue;
    if (record.offset > next) endRun();
    gapBefore(record.offset);
    run.push(record);
    next = record.offset + 1;
  }
  endRun();
  gapBefore(batch.lastOffset + 1);
  return { segments };
}
