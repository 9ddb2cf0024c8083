import type { Micros } from '../../model/time.ts';

/** A length of time for a sentence: "42 s", "131 s", "367 min", "26 h". Exact below ten minutes, else rounded down. */
export function spell(us: Micros): string {
  const seconds = Math.abs(us) / 1_000_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 600) return `${Math.floor(seconds)} s`;
  return seconds < 86_400 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}

/** A limit in seconds as it is printed among the parameters. */
export function spellSeconds(seconds: number): string {
  return `${seconds} s`;
}
