import type { Planting } from '../deploy/demo/planting.ts';
import type { CheckResult } from '../model/control.ts';
import { countOf } from './progress.ts';

/** What of the demo was planted on a day, and which exceptions of that day the control tests noted. */
export interface Comparison {
  readonly day: string;
  readonly what: string;
  readonly planted: readonly string[];
  readonly found: readonly string[];
}

/**
 * Compares what was planted with what was found, day by day (UTC): each planting has a day of its own. Exceptions of
 * days on which nothing was planted come last, with an empty `planted`.
 */
export function comparePlanted(check: CheckResult, plantings: readonly Planting[]): readonly Comparison[] {
  const found = new Map<string, string[]>();
  for (const { test, items } of check.tests)
    for (const { verdict, at, attribute } of items)
      if (verdict === 'exception')
        found.set(at.slice(0, 10), [...(found.get(at.slice(0, 10)) ?? []), `${test} ${attribute ?? ''}`]);
  const days = plantings.map(({ at, what, exceptions }): Comparison => {
    const day = new Date(at).toISOString().slice(0, 10);
    const seen = found.get(day) ?? [];
    found.delete(day);
    return { day, what, planted: exceptions.map((one) => one.join(' ')).toSorted(), found: seen.toSorted() };
  });
  const others = [...found].map(([day, seen]): Comparison => ({
    day,
    what: 'nothing was planted on this day',
    planted: [],
    found: seen.toSorted(),
  }));
  return [...days, ...others];
}

/** For people: a line for each thing that was planted, with the exceptions that it became. Ends with a newline. */
export function plantedText(check: CheckResult, plantings: readonly Planting[]): string {
  const days = comparePlanted(check, plantings);
  const lines = days.flatMap(({ day, what, planted, found }) => [
    `${day}  ${what}`,
    ...(found.length > 0 ? [`            ${together(found)}`] : []),
    ...(planted.join() === found.join() ? [] : [`            NOT as planted: ${together(planted)}`]),
  ]);
  const total = days.reduce((sum, { found }) => sum + found.length, 0);
  const wrong = days.filter(({ planted, found }) => planted.join() !== found.join()).length;
  const end =
    wrong === 0
      ? `All that was planted was found, and nothing else: ${countOf(total, 'exception')} of ${countOf(plantings.length, 'occurrence')}.`
      : `${countOf(wrong, 'day differs', 'days differ')} from what was planted. That is a defect: please report it.`;
  return `${[...lines, '', end].join('\n')}\n`;
}

/** "T-01 no_approval, T-38 incomplete_chain (3)". */
function together(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name} (${count})`)).join(', ');
}
