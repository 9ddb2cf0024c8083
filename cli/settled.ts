import { REASONS } from '../model/reason.ts';
import type { Reason } from '../model/reason.ts';
import { formatCount } from './progress.ts';

/** How many events ended how: what import and deliver print (design.md 8). */
export interface Settled {
  readonly accepted: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly rejected: Readonly<Record<string, number>>;
}

export function emptySettled(): Settled {
  return { accepted: 0, duplicate: 0, conflict: 0, rejected: {} };
}

/** The sum of two, reason by reason; reasons in order of the alphabet. */
export function addSettled(a: Settled, b: Settled): Settled {
  const reasons = [...new Set([...Object.keys(a.rejected), ...Object.keys(b.rejected)])].toSorted();
  return {
    accepted: a.accepted + b.accepted,
    duplicate: a.duplicate + b.duplicate,
    conflict: a.conflict + b.conflict,
    rejected: Object.fromEntries(
      reasons.map((reason) => [reason, (a.rejected[reason] ?? 0) + (b.rejected[reason] ?? 0)]),
    ),
  };
}

export function rejectedTotal(settled: Settled): number {
  return Object.values(settled.rejected).reduce((sum, count) => sum + count, 0);
}

/** For people: one line of counts, then a line a reason with what can be done about it. */
export function settledText(settled: Settled): string {
  const counts = [
    `${formatCount(settled.accepted)} accepted`,
    `${formatCount(settled.duplicate)} duplicate`,
    `${formatCount(settled.conflict)} conflict`,
    `${formatCount(rejectedTotal(settled))} rejected`,
  ];
  const reasons = Object.entries(settled.rejected).map(
    ([reason, count]) =>
      `  ${reason}: ${formatCount(count)}. ${Object.hasOwn(REASONS, reason) ? REASONS[reason as Reason].remedy : ''}`,
  );
  return `${[counts.join(', '), ...reasons].join('\n')}\n`;
}
