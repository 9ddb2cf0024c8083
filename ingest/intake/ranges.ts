import type { AppendedRange } from '../log/event-log.ts';

/** Ranges of offsets in order, those that follow one another joined: what is asked of the store is then a few ranges. */
export function joinRanges(ranges: readonly AppendedRange[]): readonly AppendedRange[] {
  const joined: AppendedRange[] = [];
  for (const range of ranges.toSorted(compareRanges)) {
    const last = joined.at(-1);
    if (
      last &&
      last.topic === range.topic &&
      last.partition === range.partition &&
      range.firstOffset <= last.lastOffset + 1
    ) {
      joined[joined.length - 1] = { ...last, lastOffset: Math.max(last.lastOffset, range.lastOffset) };
    } else joined.push(range);
  }
  return joined;
}

function compareRanges(a: AppendedRange, b: AppendedRange): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition || a.firstOffset - b.firstOffset;
}
