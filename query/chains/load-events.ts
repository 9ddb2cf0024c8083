import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findEventsByRef, findEventsNaming } from '../../store/queries/find-events.ts';
import { findNames } from '../../store/queries/find-names.ts';
import { findSharedNames } from '../../store/queries/find-shared-names.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { sharedNamesOf, withOwnName } from './event-names.ts';
import type { GraphBuilder } from './graph.ts';
import type { GraphLimits } from './load-graph.ts';

/** Puts the events into the graph that name any of the keys or assert any of its edges. */
export async function loadEvents(
  reader: Reader,
  tenant: string,
  graph: GraphBuilder,
  keys: ReadonlyMap<string, unknown>,
  options: { readonly asOfMs: number; readonly limits: GraphLimits },
): Promise<void> {
  const { asOfMs, limits } = options;
  const chain = [...keys.keys()].filter((key) => graph.classOf(key) === 'chain');
  const sessions = [...keys.keys()].filter((key) => graph.classOf(key) === 'session');
  const refs = new Set<string>();
  for (const key of keys.keys()) for (const edge of graph.parents(key)) refs.add(edge.ref);
  for (const key of keys.keys()) for (const edge of graph.children(key)) if (keys.has(edge.child)) refs.add(edge.ref);
  if (chain.length + sessions.length <= limits.chunk && refs.size <= limits.chunk) {
    const wanted = { keys: chain, begun: sessions, refs: [...refs].filter((ref) => !graph.events.has(ref)) };
    const rows = await reader.read(findEventsNaming(tenant, wanted, asOfMs, limits.fanOut));
    for (const event of await nameEvents(reader, tenant, rows.map(toStoredEvent), asOfMs)) graph.addEvent(event);
    return;
  }
  for (const [group, births] of [
    [chain, false],
    [sessions, true],
  ] as const) {
    for (const part of chunks(group, limits.chunk)) {
      const names = await reader.read(findNames(tenant, part, asOfMs, { perKey: limits.fanOut, births }));
      for (const name of names) refs.add(name.ref);
    }
  }
  const missing = [...refs].filter((ref) => !graph.events.has(ref));
  for (const part of chunks(missing, limits.chunk)) {
    const events = (await reader.read(findEventsByRef(tenant, part, asOfMs))).map(toStoredEvent);
    for (const event of await nameEvents(reader, tenant, events, asOfMs)) graph.addEvent(event);
  }
}

/** The events under names that mean each of them alone. */
export async function nameEvents(
  reader: Reader,
  tenant: string,
  events: readonly StoredEvent[],
  asOfMs: number,
): Promise<readonly StoredEvent[]> {
  const names = [...new Set(events.flatMap(sharedNamesOf))];
  if (names.length === 0) return events;
  const ambiguous = new Set((await reader.read(findSharedNames(tenant, names, asOfMs))).map((row) => row.key));
  return events.map((event) => withOwnName(event, ambiguous));
}

function* chunks(items: readonly string[], size: number): Generator<readonly string[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
