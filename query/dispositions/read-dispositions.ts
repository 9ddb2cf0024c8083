import { EXCEPTION_ID, testOfException } from '../../model/exception-id.ts';
import type { ExceptionDispositions, FoundException } from '../../model/disposition.ts';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findDispositions } from '../../store/queries/find-dispositions.ts';
import { findExceptions } from '../../store/queries/find-exceptions.ts';
import type { ExceptionRow } from '../../store/queries/find-exceptions.ts';
import type { Reader } from '../../store/query.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { NO_AS_OF_MS } from '../chains/load-graph.ts';
import { readEventsNamed } from '../chains/read-events.ts';
import { readSightings } from '../identities/accounts.ts';
import { createIdentities, vouchedOf } from '../identity.ts';
import type { Identities } from '../identity.ts';
import { rememberUntilChange } from '../remember.ts';
import { foldDispositions } from './fold-dispositions.ts';
import type { DispositionAct } from './fold-dispositions.ts';

/** More dispositions than people write; a list that reaches it says so as a Problem, rather than leave some out. */
const MAX_DISPOSITIONS = 100_000;
const IDS_A_QUERY = 1_000;
const MAX_ABOUT = 100;

/** Reads exceptions and what was said of them. `asOf` are microseconds UTC; absent: all that is stored. */
export interface DispositionReader {
  /** The exception of this id, as kept checks of this tenant found it; `not_found` where none did. */
  exception(id: string): Promise<FoundException>;
  /** The acts on one exception, in the order of the log. */
  actsOn(id: string, asOf?: Micros): Promise<readonly DispositionAct[]>;
  /** What was said of each of these exceptions; one of which nothing was said is not among them. */
  of(ids: readonly string[], asOf?: Micros): Promise<ReadonlyMap<string, ExceptionDispositions>>;
  /** Whether accounts are one person, by what is known as of a moment. */
  identities(asOf?: Micros): Promise<Identities>;
  /** Accounts of the people who acted in the evidence of an exception. */
  about(exception: FoundException): Promise<readonly string[]>;
}

/** A reader over the store of one tenant. */
export function createDispositionReader(reader: Reader, policy: Policy): DispositionReader {
  const { tenant } = policy;
  const identities = rememberUntilChange(reader, async (asOf) => {
    const { sightings, changes } = await readSightings(reader, tenant, millis(asOf));
    return createIdentities(policy, vouchedOf(sightings, changes));
  });
  async function acts(ids: readonly string[], asOf?: Micros): Promise<ReadonlyMap<string, readonly DispositionAct[]>> {
    const found = new Map<string, DispositionAct[]>();
    for (let at = 0; at < ids.length; at += IDS_A_QUERY) {
      const some = ids.slice(at, at + IDS_A_QUERY);
      const rows = await reader.read(findDispositions(tenant, some, millis(asOf), MAX_DISPOSITIONS + 1));
      if (rows.length > MAX_DISPOSITIONS) throw new Problem('too_large', 'More dispositions than one answer can hold.');
      for (const event of rows.map(toStoredEvent)) {
        const told = event.facts.disposition;
        if (!told) continue;
        const list = found.get(told.exception);
        if (list) list.push(actOf(event, told.said));
        else found.set(told.exception, [actOf(event, told.said)]);
      }
    }
    return found;
  }
  return {
    identities,
    async exception(id) {
      const isId = EXCEPTION_ID.test(id);
      const query = findExceptions(tenant, { id, tests: [testOfException(id)] }, 1);
      const [found] = isId ? await reader.read(query) : [];
      if (found) return shownException(found);
      throw new Problem(
        'not_found',
        'No kept check found an exception of this id. `custody dispositions list` shows those that there are.',
      );
    },
    actsOn: async (id, asOf) => (await acts([id], asOf)).get(id) ?? [],
    async of(ids, asOf) {
      const found = await acts(ids, asOf);
      if (found.size === 0) return new Map();
      const known = await identities(asOf);
      return new Map([...found].map(([id, list]) => [id, foldDispositions(id, list, known)]));
    },
    async about({ evidence }) {
      const events = await readEventsNamed(reader, tenant, evidence, NO_AS_OF_MS);
      const people = events.flatMap(({ actor }) =>
        actor.key === '' || actor.kind === 'service' || actor.kind === 'system' ? [] : [actor.key],
      );
      return [...new Set(people)].toSorted().slice(0, MAX_ABOUT);
    },
  };
}

/** An exception as it is shown. */
export function shownException({ id, test, attribute, item, at_us: at, finding, evidence }: ExceptionRow): FoundException {
  return { id, test, attribute, item, at: formatMicros(at), finding, evidence };
} // prettier-ignore

/** What there is to say of an exception of which nothing was said. */
export function nothingSaid(id: string): ExceptionDispositions {
  return { exception: id, state: 'open', classification: { state: 'none' }, history: [] };
}

function actOf(event: StoredEvent, said: DispositionAct['said']): DispositionAct {
  const about = event.keys.filter(({ role }) => role === 'target').map(({ key }) => key);
  return { id: event.nativeId, at: event.occurredAt, actor: event.actor, about, said };
}

function millis(asOf: Micros | undefined): number {
  return asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
}
