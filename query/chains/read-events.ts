import { parseEventName } from '../../model/key.ts';
import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findEventsByName } from '../../store/queries/find-events.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/**
 * Accepted events by the names that people use. Where a name fits nothing as it stands, names that go on with a stage or
 * a time fit too, and so does the name without its time (`<auditID>:<stage>@<time>`).
 */
export async function readEventsNamed(
  reader: Reader,
  tenant: string,
  names: readonly string[],
  asOfMs: number,
): Promise<readonly StoredEvent[]> {
  const byFamily = new Map<string, string[]>();
  for (const name of names) {
    const parsed = parseEventName(name);
    if (parsed) byFamily.set(parsed.family, [...(byFamily.get(parsed.family) ?? []), parsed.nativeId]);
  }
  const found: StoredEvent[] = [];
  for (const [family, ids] of byFamily) {
    const exact = (await reader.read(findEventsByName(tenant, family, ids, asOfMs))).map(toStoredEvent);
    found.push(...exact);
    const held = new Set(exact.map((event) => event.nativeId));
    const missing = ids.filter((id) => !held.has(id));
    if (missing.length === 0 || missing.length > 100) continue;
    const longer = await reader.read(findEventsByName(tenant, family, missing, asOfMs, true));
    const shorter = missing.map((id) => id.replace(/@[^@]*$/, ''));
    const cut = longer.length > 0 ? [] : await reader.read(findEventsByName(tenant, family, shorter, asOfMs));
    found.push(...[...longer, ...cut].map(toStoredEvent));
  }
  return found;
}
