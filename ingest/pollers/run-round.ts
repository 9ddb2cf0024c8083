import type { AppendedRange } from '../log/event-log.ts';
import type { NotedLog } from '../log/local-index.ts';
import type { IntakeDeps } from '../intake/deps.ts';
import { passPage } from '../intake/receive.ts';
import type { Secrets } from '../intake/secrets.ts';
import { createPollHttp } from './poll-http.ts';
import type { PollHttp, PollHttpOptions } from './poll-http.ts';
import type { RegisteredPoll } from './poll-registry.ts';
import { cursorNote, readCursor, readSeen, seenNote } from './poll-state.ts';
import type { Portion } from './poll-source.ts';
import { createProve } from './prove.ts';
import { openSeen } from './seen.ts';
import type { Seen } from './seen.ts';

/** All that running polls needs; tests give clock, sleep and randomness of their own. */
export interface PollDeps extends IntakeDeps {
  /** Where a poll keeps how far it is. */
  readonly notes: NotedLog;
  readonly secrets: Secrets;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
}

/** How a round stands, for whoever watches. */
export type RoundStep =
  | { readonly page: number; readonly records: number; readonly repeats: number }
  | { readonly say: string };

/** How a round ended. `isWhole` is false where it stopped at the number of pages that the policy allows. */
export interface RoundEnd {
  readonly pages: number;
  readonly records: number;
  readonly repeats: number;
  readonly ranges: readonly AppendedRange[];
  readonly isWhole: boolean;
}

/** A poll with what it keeps in memory between rounds: its connection's credential and what it has seen. */
export interface Runner {
  round(signal: AbortSignal, tell: (step: RoundStep) => void): Promise<RoundEnd>;
}

/** Some twelve thousand digests. */
const SEEN_CHARS_A_PAGE = 256 * 1_024;

/** Makes a poll ready to run. Only one round of it may run at a time. */
export function createRunner(deps: PollDeps, registered: RegisteredPoll): Runner {
  const { id } = registered;
  const seen = openSeen(readSeen(deps.notes, id));
  let written = seen.text();
  const connect = connector(deps, registered);
  // A walk that another process began has met what this one does not know of: nothing is forgotten at its end.
  let isFromStart = readCursor(deps.notes, id) === undefined;
  const keepSeen = async (most: number): Promise<void> => {
    const text = seen.text();
    if (text === written || text.length > most) return;
    await deps.notes.remember(seenNote(id, text));
    written = text;
  };
  return {
    async round(signal, tell) {
      const ranges: AppendedRange[] = [];
      const sum = { pages: 0, records: 0, repeats: 0 };
      let isWhole = true;
      const given = {
        ...registered,
        cursor: readCursor(deps.notes, id),
        http: connect(signal, (text) => tell({ say: text })),
        now: Math.floor(deps.now() / 1_000),
        clock: () => Math.floor(deps.now() / 1_000),
        say: (text: string) => tell({ say: text }),
      };
      for await (const portion of registered.source.round(given)) {
        signal.throwIfAborted();
        // Only a page too many tells that there was more. It is left for the next round; a round that ends with the last
        // page it may have is whole, or it would begin at the same place again, at once and for ever.
        if (sum.pages === registered.poll.max_pages) {
          isWhole = false;
          break;
        }
        const taken = await take(deps, registered, seen, portion);
        ranges.push(...taken.ranges);
        // Soon, so that after a kill an overlap does not come again as a whole; what is long waits for the end of the round.
        await keepSeen(SEEN_CHARS_A_PAGE);
        sum.pages += 1;
        sum.records += taken.records;
        sum.repeats += taken.repeats;
        tell({ page: sum.pages, records: sum.records, repeats: sum.repeats });
      }
      if (isWhole && isFromStart && registered.source.reads === 'again') seen.endRound();
      isFromStart ||= isWhole;
      await keepSeen(Infinity);
      return { ...sum, ranges, isWhole };
    },
  };
}

interface Taken {
  readonly ranges: readonly AppendedRange[];
  readonly records: number;
  readonly repeats: number;
}

/** Takes a portion through the door, and moves the cursor with its records. */
async function take(
  deps: PollDeps,
  { id, installation }: RegisteredPoll,
  seen: Seen,
  portion: Portion,
): Promise<Taken> {
  const { source, body, cursor } = portion;
  const note = cursor === undefined ? undefined : cursorNote(id, cursor);
  if (body.length === 0) {
    if (note) await deps.notes.remember(note);
    return { ranges: [], records: 0, repeats: 0 };
  }
  let repeats = 0;
  const isKnown = (value: Buffer): boolean => {
    const known = seen.meets(value);
    if (known) repeats += 1;
    return known;
  };
  const page = { source, body, headers: {}, receivedAt: deps.now(), instance: installation.instance, isKnown };
  try {
    const { ranges, accepted } = await passPage(deps, page, note).commit();
    seen.keep();
    return { ranges, records: accepted, repeats };
  } catch (error) {
    seen.drop();
    throw error;
  }
}

/** How a poll reaches its server. What proves it is kept from round to round, so that a token is used until it expires. */
function connector(
  deps: PollDeps,
  { poll, source }: RegisteredPoll,
): (signal: AbortSignal, say: (text: string) => void) => PollHttp {
  const now = (): number => Math.floor(deps.now() / 1_000);
  let current: Omit<PollHttpOptions, 'origins' | 'prove'> | undefined;
  const anonymous = (): PollHttp => {
    if (!current || poll.auth.kind !== 'oauth') throw new Error('a token is asked for outside a round');
    const origins = [new URL(poll.auth.token_url).origin];
    return createPollHttp({ ...current, origins, prove: async () => ({}) });
  };
  const prove = createProve(poll.auth, deps.secrets, anonymous, now);
  const origins = [new URL(poll.url).origin, ...(source.origins?.(poll) ?? [])];
  return (signal, say) => {
    const { sleep, random } = deps;
    const timeoutMs = poll.timeout_seconds * 1_000;
    current = { timeoutMs, maxBytes: poll.max_page_mib * 1_048_576, signal, sleep, random, now, say };
    return createPollHttp({ ...current, origins, prove });
  };
}
