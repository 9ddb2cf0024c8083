import type { Micros } from '../model/time.ts';
import { readStoreVersion } from '../store/queries/store-version.ts';
import type { Reader } from '../store/query.ts';

/**
 * A question whose answer is the same until something new is stored: the last answer is given again as long as the store
 * has not changed. As of a moment it is asked each time. An answer that failed is not kept.
 */
export function rememberUntilChange<Answer>(
  reader: Reader,
  load: (asOf: Micros | undefined) => Promise<Answer>,
): (asOf?: Micros) => Promise<Answer> {
  let held: { readonly version: string; readonly answer: Promise<Answer> } | undefined;
  return async (asOf) => {
    if (asOf !== undefined) return load(asOf);
    const version = (await reader.read(readStoreVersion()))[0]?.version ?? '';
    if (held?.version !== version) {
      const answer = load(undefined);
      held = { version, answer };
      answer.catch(() => (held = undefined));
    }
    return held.answer;
  };
}
