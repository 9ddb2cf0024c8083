import type { Micros } from '../../model/time.ts';

/** A stretch of time `[from, to)`, microseconds UTC, and how many events it holds. */
export interface Slice {
  readonly from: Micros;
  readonly to: Micros;
  readonly events: number;
}

/** How many events of a bin begin at `bin` times the width. */
export interface Bin {
  readonly bin: number;
  readonly events: number;
}

/**
 * Neighbouring bins put together while they hold at most `most` events, so that each slice is one bounded piece of work.
 * A bin that holds more stands alone. Slices are in order, do not overlap, and keep within `[from, to)`.
 */
export function slicesOf(
  bins: readonly Bin[],
  widthUs: number,
  period: { readonly from: Micros; readonly to: Micros },
  most: number,
): readonly Slice[] {
  const slices: Slice[] = [];
  let open: { from: Micros; to: Micros; events: number } | undefined;
  for (const { bin, events } of bins) {
    const from = Math.max(period.from, bin * widthUs);
    const to = Math.min(period.to, (bin + 1) * widthUs);
    if (open !== undefined && open.events + events <= most) {
      open.to = to;
      open.events += events;
      continue;
    }
    if (open !== undefined) slices.push(open);
    open = { from, to, events };
  }
  if (open !== undefined) slices.push(open);
  return slices;
}
