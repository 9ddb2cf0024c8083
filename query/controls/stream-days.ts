import type { SourceState } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import { DAY_US, dayOf } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** How many events of an installation happened on a day (UTC). */
export interface StreamDay {
  readonly family: string;
  readonly instance: string;
  /** "2026-03-01". */
  readonly day: string;
  readonly events: number;
}

/** The days that have any part in `[from, to)`. */
export function daysBetween(from: Micros, to: Micros): readonly { readonly day: string; readonly from: Micros }[] {
  const days: { day: string; from: Micros }[] = [];
  for (let at = Math.floor(from / DAY_US) * DAY_US; at < to; at += DAY_US) days.push({ day: dayOf(at), from: at });
  return days;
}

/** The end of a day that begins at a moment. */
export function endOfDay(from: Micros): Micros {
  return from + DAY_US;
}

/** The name of a stream and day: `stream:<family>/<installation>@<day>`. */
export function streamKey(source: Pick<SourceState, 'family' | 'instance'>, day: string): string {
  return `stream:${source.family}/${source.instance}@${day}`;
}

/** Counts events by day: for graphs that hold all that was received. */
export function countDays(events: Iterable<StoredEvent>): readonly StreamDay[] {
  const counts = new Map<string, { family: string; instance: string; day: string; events: number }>();
  for (const { family, instance, occurredAt, disposition } of events) {
    if (disposition !== 'accepted') continue;
    const day = dayOf(occurredAt);
    const id = `${family} ${instance} ${day}`;
    const held = counts.get(id);
    if (held) held.events += 1;
    else counts.set(id, { family, instance, day, events: 1 });
  }
  return [...counts.values()];
}

/** What the policy says of a source. */
export function registeredSource(
  policy: Policy,
  { family, instance }: Pick<SourceState, 'family' | 'instance'>,
): Policy['sources'][number] | undefined {
  return policy.sources.find((entry) => entry.family === family && entry.instance === instance);
}
