import type { StoredEvent } from '../../store/stored-event.ts';

/**
 * The names by which an event may be meant together with others: an id that the client chose can stand for several
 * requests (sources.md 1.9.1). Empty for most sources, whose ids are one event's own.
 */
export function sharedNamesOf(event: StoredEvent): readonly string[] {
  const names = event.keys
    .filter((key) => key.key.startsWith('event:') && key.role === 'mentions')
    .map((key) => key.key);
  return names.includes(event.event) && names.length > 1 ? [event.event] : [];
}

/** The event under its full name where the short one means several events. */
export function withOwnName(event: StoredEvent, ambiguous: ReadonlySet<string>): StoredEvent {
  if (!ambiguous.has(event.event)) return event;
  const full = event.keys.find((key) => key.key.startsWith(`${event.event}@`) && key.role === 'mentions')?.key;
  return full === undefined ? event : { ...event, event: full };
}
