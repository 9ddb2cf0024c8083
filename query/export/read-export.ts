import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import { countBins } from '../../store/queries/count-bins.ts';
import type { Reader } from '../../store/query.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Filter } from '../filter.ts';
import { expandActors, readTimeline } from '../timeline.ts';
import { slicesOf } from './slices.ts';
import type { Slice } from './slices.ts';

/** What is exported: accepted events of `[from, to)` that were received by `asOf`; all microseconds UTC. */
export interface ExportQuestion {
  readonly from: Micros;
  readonly to: Micros;
  readonly filter: Filter;
  readonly asOf: Micros;
}

/** Events that are read, sorted and held at once. */
export const EXPORT_PAGE = 5_000;

// An hour, ten seconds, a tenth of a second: a bin that holds more than a page is counted again by the next.
const WIDTHS_US = [3_600_000_000, 10_000_000, 100_000] as const;

export interface Export {
  /** How many events will come. */
  readonly total: number;
  readonly pages: AsyncGenerator<readonly StoredEvent[], void, undefined>;
}

/**
 * All events of a question in order of time, a page at a time. The period is counted first and then read in stretches of
 * at most a page, because a page by cursor alone would sort all that is left of the period again and again. What arrives
 * while it runs is not part of it.
 */
export async function openExport(reader: Reader, policy: Policy, question: ExportQuestion): Promise<Export> {
  const slices = await countSlices(reader, policy, question, 0);
  return {
    total: slices.reduce((sum, slice) => sum + slice.events, 0),
    pages: readSlices(reader, policy, question, slices, 0),
  };
}

async function* readSlices(
  reader: Reader,
  policy: Policy,
  question: ExportQuestion,
  slices: readonly Slice[],
  level: number,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  for (const { from, to, events } of slices) {
    const within = { ...question, from, to };
    if (events > EXPORT_PAGE && level + 1 < WIDTHS_US.length) {
      const finer = await countSlices(reader, policy, within, level + 1);
      yield* readSlices(reader, policy, question, finer, level + 1);
    } else {
      yield* readTimeline(reader, policy, { ...within, limit: Number.MAX_SAFE_INTEGER, page: EXPORT_PAGE });
    }
  }
}

async function countSlices(
  reader: Reader,
  policy: Policy,
  question: ExportQuestion,
  level: number,
): Promise<readonly Slice[]> {
  const width = WIDTHS_US[level] ?? 100_000;
  const { from: fromUs, to: toUs, asOf, filter } = question;
  const conditions = expandActors(policy, filter);
  const asOfMs = Math.floor(asOf / 1_000);
  const bins = await reader.read(countBins({ tenant: policy.tenant, fromUs, toUs, asOfMs, conditions }, width));
  return slicesOf(bins, width, question, EXPORT_PAGE);
}
