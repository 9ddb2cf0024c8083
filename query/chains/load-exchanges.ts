import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findEventsAround } from '../../store/queries/find-events-around.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { GraphBuilder } from './graph.ts';
import { inferExchanges } from './infer-exchanges.ts';

/** A token is exchanged within its life: a day each way covers every session that a person keeps open. */
const AROUND_US = 86_400_000_000;
/** Events that are looked at for a session or a subject, and for how many of those. */
const EVENTS_A_KEY = 2_000;
const KEYS_A_LOAD = 1_000;

/**
 * Adds the edges from tokens to what was exchanged from them where the record of the exchange does not name its parent
 * (Keycloak, sources.md 1.7.1), graded inferred, and gives the keys that are new to the graph. Looks only around events
 * that tell for whom a token was made: where no source leaves the parent out, it asks nothing. `done` is what was looked
 * at already.
 */
export async function addInferredExchanges(
  reader: Reader,
  tenant: string,
  graph: GraphBuilder,
  asOfMs: number,
  done: Set<string>,
): Promise<readonly string[]> {
  const open = [...graph.events.values()].filter((event) => !done.has(event.ref) && isTold(event));
  for (const event of open) done.add(event.ref);
  const keys = new Set(open.flatMap(keyAround));
  if (keys.size === 0) return [];
  // A load with more sessions is that of a period, which holds the tokens of all of them already.
  const rows = keys.size > KEYS_A_LOAD ? [] : await reader.read(around(tenant, [...keys], open, asOfMs));
  const near = new Map(rows.map(toStoredEvent).map((event) => [event.ref, event]));
  for (const event of open) near.set(event.ref, event);
  const issues = [...near.values()].filter(isTold);
  const eventOf = new Map(issues.map((event) => [event.facts.credential?.key ?? '', event]));
  const isHeld = (key: string): boolean => graph.namesOf(key).length > 0;
  const found = new Set<string>();
  for (const { child, parent, candidates } of inferExchanges(issues.map(issueOf))) {
    const event = eventOf.get(child);
    if (event === undefined || (!isHeld(child) && !isHeld(parent))) continue;
    for (const key of [child, parent]) if (!isHeld(key)) found.add(key);
    graph.addEdge({
      parent,
      child,
      parentClass: 'chain',
      childClass: 'chain',
      relation: 'exchanged',
      confidence: 'inferred',
      rule: 'E14',
      ref: event.ref,
      at: event.occurredAt,
    });
    if (candidates > 1)
      graph.addFinding({
        kind: 'parent_inferred',
        key: child,
        detail: `${child} was exchanged from one of ${candidates} tokens; the latest is taken`,
      });
  }
  return [...found];
}

function around(
  tenant: string,
  keys: readonly string[],
  events: readonly StoredEvent[],
  asOfMs: number,
): ReturnType<typeof findEventsAround> {
  let [fromUs, toUs] = [Infinity, 0];
  for (const { occurredAt } of events) [fromUs, toUs] = [Math.min(fromUs, occurredAt), Math.max(toUs, occurredAt)];
  const span = { fromUs: Math.max(0, fromUs - AROUND_US), toUs: toUs + AROUND_US };
  return findEventsAround(tenant, keys, span, asOfMs, EVENTS_A_KEY);
}

function isTold(event: StoredEvent): boolean {
  const { credential, exchanged_from: from, issued_for: client } = event.facts;
  return credential !== undefined && (from !== undefined || client !== undefined);
}

// The session holds both tokens; a machine without one is known by its subject.
function keyAround(event: StoredEvent): readonly string[] {
  const from = event.facts.exchanged_from;
  const session = from?.session ?? event.keys.find((key) => key.class === 'session' && key.role !== 'mentions')?.key;
  const subject =
    from?.subject ?? event.keys.find((key) => key.role === 'actor' && key.key.startsWith('idp:user:'))?.key;
  return [session ?? subject].filter((key) => key !== undefined);
}

function issueOf({ occurredAt, keys, facts }: StoredEvent): Parameters<typeof inferExchanges>[0][number] {
  return { at: occurredAt, keys, facts };
}
