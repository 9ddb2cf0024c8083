import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../model/problem.ts';

const FIRST_MS = 500;
const MOST_MS = 30_000;

/**
 * Does work again and again, for ever, while it fails with `unavailable`: a server that is not there yet comes. Waits grow
 * to 30 s, spread by a quarter. `onWait` is told each time. Any other failure, and an abort, end it.
 */
export async function untilThere<T>(
  work: () => Promise<T>,
  onWait: (problem: Problem, waitMs: number) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let wait = FIRST_MS; ; wait = Math.min(MOST_MS, wait * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'unavailable' || signal.aborted) throw error;
      const spread = Math.round(wait * (0.75 + Math.random() / 2));
      onWait(error, spread);
      await sleep(spread, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw error;
    }
  }
}
