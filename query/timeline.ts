import { emailKey } from '../model/keys.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { toStoredEvent } from '../store/queries/event-row.ts';
import { findTimeline } from '../store/queries/find-timeline.ts';
import type { StoredEvent } from '../store/stored-event.ts';
import { nameEvents } from './chains/load-events.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import type { Position } from './cursor.ts';
import { expandFilter } from './filter.ts';
import type { Filter } from './filter.ts';
import { createIdentities } from './identity.ts';

export interface TimelineQuestion {
  /** `[from, to)`, microseconds UTC. */
  readonly from: Micros;
  readonly to: Micros;
  readonly filter: Filter;
  readonly asOf?: Micros;
  readonly after?: Position;
  readonly limit: number;
  /** How many events are read at once; 1,000 by default. */
  readonly page?: number;
}

const PAGE = 1_000;

/** A filter in which an actor that the policy file knows stands for all of its accounts. */
export function expandActors(policy: Policy, filter: Filter): Filter {
  const identities = createIdentities(policy, []);
  return expandFilter(filter, 'actor', (name) => {
    const key = name.includes(':') ? name : (emailKey(name)?.key ?? name);
    const person = identities.personOf(key);
    return person === undefined ? [key] : [key, person.person, ...person.aliases];
  });
}

/**
 * Events of a period in order of time, page by page, so that a long list needs no more memory than a short one. An actor
 * that the policy file knows is found by any of its accounts.
 */
export async function* readTimeline(
  reader: Reader,
  policy: Policy,
  question: TimelineQuestion,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  const { tenant } = policy;
  const asOfMs = question.asOf === undefined ? NO_AS_OF_MS : Math.floor(question.asOf / 1_000);
  const conditions = expandActors(policy, question.filter);
  let after = question.after;
  for (let left = question.limit; left > 0;) {
    const limit = Math.min(left, question.page ?? PAGE);
    const { from: fromUs, to: toUs } = question;
    const rows = await reader.read(
      findTimeline({ tenant, fromUs, toUs, asOfMs, conditions, limit, ...(after === undefined ? {} : { after }) }),
    );
    const events = await nameEvents(reader, tenant, rows.map(toStoredEvent), asOfMs);
    if (events.length > 0) yield events;
    const last = events.at(-1);
    if (last === undefined || events.length < limit) return;
    after = { us: last.occurredAt, ref: last.ref };
    left -= events.length;
  }
}
