const LONGEST_PAUSE_MS = 3_600_000;
const LONGEST_ASKED_MS = 86_400_000;

export interface PauseAfter {
  /** Faults one after the other, this one included. */
  readonly failures: number;
  readonly everyMs: number;
  /** What the server asks for, seconds, where it does. */
  readonly askedS: unknown;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Milliseconds until a poll comes again after a fault: longer with each, up to an hour, and no sooner than the server asks for, up to a day. */
export function pauseAfter({ failures, everyMs, askedS, random }: PauseAfter): number {
  const growing = Math.min(LONGEST_PAUSE_MS, everyMs * 2 ** Math.min(failures, 6) * (0.75 + 0.5 * random()));
  return Math.max(growing, Math.min(LONGEST_ASKED_MS, typeof askedS === 'number' ? askedS * 1_000 : 0));
}
