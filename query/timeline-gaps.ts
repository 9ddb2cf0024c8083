import type { SourceGap, SourceState } from '../model/control.ts';
import { parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { printable } from './escape.ts';

/** A gap of a source as it stands among events. */
export interface MarkedGap extends SourceGap {
  readonly family: string;
  readonly instance: string;
}

const MAX_MARKS = 200;

/** The gaps that touch `[from, to)`, in order of their beginning; at most 200, the longest of them. */
export function gapsBetween(sources: readonly SourceState[], from: Micros, to: Micros): readonly MarkedGap[] {
  return sources
    .flatMap(({ family, instance, gaps }) => gaps.map((gap) => ({ family, instance, ...gap })))
    .filter((gap) => micros(gap.from) < to && micros(gap.to) >= from)
    .toSorted((a, b) => lengthOf(b) - lengthOf(a))
    .slice(0, MAX_MARKS)
    .toSorted((a, b) => (a.from < b.from ? -1 : 1));
}

/** A gap as a line between events, hatched so that it is not taken for one. */
export function gapLine(gap: MarkedGap): string {
  const time = (text: string): string => text.replace('T', ' ').slice(0, 19);
  return `${time(gap.from).padEnd(23)}  ////////// gap of ${gap.family} ${printable(gap.instance)} until ${time(gap.to)}: ${printable(gap.reason)}\n`;
}

function lengthOf(gap: SourceGap): Micros {
  return micros(gap.to) - micros(gap.from);
}

function micros(text: string): Micros {
  return parseStamp(text)?.at ?? Number.NaN;
}
