import type { ActorRef } from '../../model/actor.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** A party as events name it in one way: first and last (microseconds UTC), and the first event that does. */
export interface Sighting {
  readonly actor: ActorRef;
  readonly first: Micros;
  readonly last: Micros;
  readonly event: string;
}

/**
 * Everybody whom an event names as a party and whose account has a key: who acts, for whom, by whom before, who began it.
 */
export function sightingsOf(event: StoredEvent): readonly Sighting[] {
  const others = [event.onBehalfOf, event.initiator].filter((actor) => actor !== undefined);
  return [event.actor, ...others, ...event.actChain]
    .filter((actor) => actor.key !== '')
    .map((actor) => ({ actor, first: event.occurredAt, last: event.occurredAt, event: event.event }));
}
