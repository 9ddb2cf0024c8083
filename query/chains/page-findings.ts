import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findEventsNaming } from '../../store/queries/find-events.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Identities } from '../identity.ts';
import { exchangedFrom, findActBreaks } from './act-chain.ts';

/** Something that the reader of an event must be told beside it. */
export interface EventFinding {
  readonly kind: string;
  readonly detail: string;
}

/** Events that may have made a token; more than one only where an issuer tells the same thing twice. */
const BIRTHS_A_TOKEN = 8;

/**
 * What must be told beside the events of a page, by place in the log: what their own records say (forged metadata, a raw
 * log) and what comes of another event (a broken chain of actors). One query a page, none where nothing was exchanged.
 */
export async function findingsOfPage(
  reader: Reader,
  tenant: string,
  events: readonly StoredEvent[],
  asOfMs: number,
  identities: Identities,
): Promise<ReadonlyMap<string, readonly EventFinding[]>> {
  const found = new Map<string, readonly EventFinding[]>();
  for (const event of events) if (event.facts.findings) found.set(event.ref, event.facts.findings);
  const tokens = new Set(events.map(exchangedFrom).filter((token) => token !== undefined));
  if (tokens.size === 0) return found;
  const wanted = { keys: [], begun: [...tokens], refs: [] };
  const births = new Map<string, StoredEvent[]>();
  for (const row of await reader.read(findEventsNaming(tenant, wanted, asOfMs, BIRTHS_A_TOKEN))) {
    const event = toStoredEvent(row);
    const token = event.facts.credential?.key;
    if (token !== undefined) births.set(token, [...(births.get(token) ?? []), event]);
  }
  for (const [ref, detail] of findActBreaks(events, (token) => births.get(token) ?? [], identities))
    found.set(ref, [...(found.get(ref) ?? []), { kind: 'act_chain_broken', detail }]);
  return found;
}
