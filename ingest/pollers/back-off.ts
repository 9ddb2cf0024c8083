/** How often one request is tried in a round, and the bounds of the pauses in milliseconds. */
export const TRIES = 7;
const FIRST_MS = 500;
const LONGEST_MS = 60_000;
/** A server that asks for a longer pause is not waited for within a round: the round ends, and the next begins then. */
export const LONGEST_WAIT_MS = 120_000;

/**
 * The pause after a failed try, milliseconds: exponential with full jitter, so that many that failed together do not
 * come back together. `random` gives 0 to 1.
 */
export function backOffMs(tried: number, random: () => number): number {
  return Math.ceil(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** tried));
}

/**
 * What a server says of when to come again, in milliseconds from `nowMs`: `Retry-After` as seconds or as a date (RFC
 * 9110 10.2.3), else the moment of `X-Rate-Limit-Reset` (Okta) or `RateLimit-Reset` (GitLab), seconds of the epoch.
 * Undefined where it says nothing that can be read.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const after = headers.get('retry-after')?.trim();
  if (after !== undefined && /^\d{1,9}$/.test(after)) return Number(after) * 1_000;
  // A date begins with the day of the week; Date.parse alone would read a date into almost anything.
  const date = after !== undefined && /^(?:mon|tue|wed|thu|fri|sat|sun)/i.test(after) ? Date.parse(after) : Number.NaN;
  if (!Number.isNaN(date)) return Math.max(0, date - nowMs);
  const reset = headers.get('x-rate-limit-reset') ?? headers.get('ratelimit-reset');
  if (reset === null || !/^\d{9,11}$/.test(reset)) return undefined;
  return Math.max(0, Number(reset) * 1_000 - nowMs);
}
