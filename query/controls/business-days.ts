import { DAY_US } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';

/** The same time of day, so many days from Monday to Friday (UTC) later; without holidays, which differ by country. */
export function addBusinessDays(at: Micros, days: number): Micros {
  let left = days;
  let moved = at;
  while (left > 0) {
    moved += DAY_US;
    const weekday = new Date(Math.floor(moved / 1_000)).getUTCDay();
    if (weekday !== 0 && weekday !== 6) left -= 1;
  }
  return moved;
}
