import type { LogStamp } from './event-log.ts';

/**
 * When a record counts as received, milliseconds UTC: when its door says, but no later than the log had it, if the log
 * stamps what it takes. Door and reader must come to the same, for it stands in the leaf.
 */
export function receivedAt(claimedMs: number, stampedMs: number | undefined): number {
  return stampedMs === undefined ? claimedMs : Math.min(claimedMs, stampedMs);
}

/** The stamp of each of so many records; none where the log gave none. Undefined where the stamps are not theirs. */
export function stampsOf(
  stamps: readonly LogStamp[] | undefined,
  count: number,
): readonly (number | undefined)[] | undefined {
  if (!stamps) return Array.from({ length: count }, () => undefined);
  const each = stamps.flatMap(({ records, atMs }) => Array.from({ length: records }, () => atMs));
  return each.length === count ? each : undefined;
}
