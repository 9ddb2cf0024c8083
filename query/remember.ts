import type { Micros } from '../model/time.ts';
import { readStoreVersion } from '../store/queries/store-version.ts';
import type { Reader } from '../store/query.ts';

/** For so many moments an answer is kept: a report traces hundreds of chains as of one. */
const MOMENTS_KEPT = 4;

/**
 * A question whose answer is the same until something new is stored: an answer is given again as long as the store has
 * not changed, for the last four moments as of which it was asked (none is a moment too). One that failed is not kept.
 */
export function rememberUntilChange<Answer>(
  reader: Reader,
  load: (asOf: Micros | undefined) => Promise<Answer>,
): (asOf?: Micros) => Promise<Answer> {
  let held = { version: '', answers: new Map<Micros | undefined, Promise<Answer>>() };
  return async (asOf) => {
    const version = (await reader.read(readStoreVersion()))[0]?.version ?? '';
    if (held.version !== version) held = { version, answers: new Map() };
    const { answers } = held;
    const answer = answers.get(asOf) ?? load(asOf);
    // Taken out and put in again, so that the one that was not asked for longest is the first to go.
    answers.delete(asOf);
    answers.set(asOf, answer);
    answer.catch(() => answers.get(asOf) === answer && answers.delete(asOf));
    for (const oldest of answers.keys()) if (answers.size > MOMENTS_KEPT) answers.delete(oldest);
    return answer;
  };
}
