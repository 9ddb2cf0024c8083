import { eventKey, parseEventName } from '../../model/key.ts';
import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findEventsByName, findEventsByRef } from '../../store/queries/find-events.ts';
import { findRetold } from '../../store/queries/find-retold.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** Events by name, and those whose name is another because they were told in two forms of their source. */
export interface NamedEvents {
  readonly events: readonly StoredEvent[];
  /** The event that is counted, by the name of its other telling. */
  readonly retold: ReadonlyMap<string, StoredEvent>;
}

/** What `readNamed` finds, of both kinds. */
export async function readEventsNamed(
  reader: Reader,
  tenant: string,
  names: readonly string[],
  asOfMs: number,
): Promise<readonly StoredEvent[]> {
  return (await readNamed(reader, tenant, names, asOfMs)).events;
}

/**
 * Accepted events by the names that people use. Where a name fits nothing as it stands, it may be that of another telling
 * of an event (Keycloak's REST API beside its log); names that go on with a stage or a time fit too, and so does the name
 * without its time (`<auditID>:<stage>@<time>`).
 */
export async function readNamed(
  reader: Reader,
  tenant: string,
  names: readonly string[],
  asOfMs: number,
): Promise<NamedEvents> {
  const byFamily = new Map<string, string[]>();
  for (const name of names) {
    const parsed = parseEventName(name);
    if (parsed) byFamily.set(parsed.family, [...(byFamily.get(parsed.family) ?? []), parsed.nativeId]);
  }
  const found: StoredEvent[] = [];
  const retold = new Map<string, StoredEvent>();
  for (const [family, ids] of byFamily) {
    const exact = (await reader.read(findEventsByName(tenant, family, ids, asOfMs))).map(toStoredEvent);
    found.push(...exact);
    const held = new Set(exact.map((event) => event.nativeId));
    const absent = ids.filter((id) => !held.has(id));
    if (absent.length === 0 || absent.length > 100) continue;
    const other = await readRetold(reader, tenant, family, absent, asOfMs);
    for (const [id, event] of other) retold.set(eventKey(family, id), event);
    found.push(...new Set(other.values()));
    const missing = absent.filter((id) => !other.has(id));
    if (missing.length === 0) continue;
    const longer = await reader.read(findEventsByName(tenant, family, missing, asOfMs, true));
    const shorter = missing.map((id) => id.replace(/@[^@]*$/, ''));
    const cut = longer.length > 0 ? [] : await reader.read(findEventsByName(tenant, family, shorter, asOfMs));
    found.push(...[...longer, ...cut].map(toStoredEvent));
  }
  return { events: found, retold };
}

async function readRetold(
  reader: Reader,
  tenant: string,
  family: string,
  ids: readonly string[],
  asOfMs: number,
): Promise<ReadonlyMap<string, StoredEvent>> {
  const rows = await reader.read(findRetold(tenant, family, ids, asOfMs));
  if (rows.length === 0) return new Map();
  const refs = [...new Set(rows.map((row) => row.first_ref))];
  const first = new Map((await reader.read(findEventsByRef(tenant, refs, asOfMs))).map((row) => [row.ref, toStoredEvent(row)])); // prettier-ignore
  return new Map(
    rows.flatMap((row) => {
      const event = first.get(row.first_ref);
      return event === undefined ? [] : [[row.native_id, event] as const];
    }),
  );
}
