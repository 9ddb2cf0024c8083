import type { ActorRef } from '../../model/actor.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** Everybody whom an event names as a party and whose account has a key: who acts, for whom, by whom before, who began it. */
export function actorsOf(
  event: Pick<StoredEvent, 'actor' | 'onBehalfOf' | 'initiator' | 'actChain'>,
): readonly ActorRef[] {
  const others = [event.onBehalfOf, event.initiator].filter((actor) => actor !== undefined);
  return [event.actor, ...others, ...event.actChain].filter((actor) => actor.key !== '');
}
