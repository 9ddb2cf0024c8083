import type { ActorRef } from '../../model/actor.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Identities } from '../identity.ts';

/** Whose token it is and through whom it came: the actors, outermost first, then the subject (RFC 8693 `act` and `sub`). */
export interface ActChain {
  readonly actors: readonly ActorRef[];
  readonly subject?: ActorRef;
}

/** Whether two parties are the same one; unknown counts as different. */
type Same = (a: ActorRef, b: ActorRef) => boolean;

/** The chain of a token as the event tells it that made it. Without `act` the actor is the subject itself. */
export function actChainOf(event: Pick<StoredEvent, 'actor' | 'actChain' | 'onBehalfOf'>): ActChain {
  const subject = event.onBehalfOf ?? (event.actChain.length === 0 ? event.actor : undefined);
  return { actors: event.actChain, ...(subject === undefined ? {} : { subject }) };
}

/**
 * The check of sources.md 3.5 at an exchange: everybody of the parent's chain must be in the child's, in the same order,
 * with at most one new actor at the head, the one who acts now; a new subject behind them needs an approval. Gives what is
 * wrong in words, or undefined. A parent whose chain nobody told cannot be checked.
 */
export function actChainBreak(parent: ActChain, child: ActChain, approved: boolean, same: Same): string | undefined {
  const before = partiesOf(parent);
  const now = partiesOf(child);
  if (before.length === 0) return undefined;
  let [next, first] = [0, -1];
  let between: ActorRef | undefined;
  let behind: ActorRef | undefined;
  for (const [index, party] of now.entries()) {
    const wanted = before[next];
    if (wanted !== undefined && same(wanted, party)) {
      if (first === -1) first = index;
      between ??= behind;
      behind = undefined;
      next += 1;
    } else if (first !== -1) behind ??= party;
  }
  const gone = before[next];
  if (gone !== undefined) return `${nameOf(gone)} stands in the chain of the parent token and is gone from the new one, or stands in another place`; // prettier-ignore
  if (first > 1) return `${first} new actors stand before those of the parent token, where one may`;
  if (between !== undefined) return `${nameOf(between)} was put between the actors of the parent token`;
  if (behind !== undefined && !approved) return `the token now speaks for ${nameOf(behind)}, and no approval is told that would allow it`; // prettier-ignore
  return undefined;
}

/** Same key, an alias that either event vouches for, or the same person behind both at the time. */
export function sameIn(identities: Identities, at: Micros): Same {
  return (a, b) => {
    if (a.key !== '' && a.key === b.key) return true;
    if ((a.aliases ?? []).includes(b.key) || (b.aliases ?? []).includes(a.key)) return true;
    const person = identities.resolve(a, at)?.person;
    return person !== undefined && person === identities.resolve(b, at)?.person;
  };
}

/**
 * The token that an exchange was made from: the first that it names, which is the subject's (RFC 8693 `subject_token`);
 * an actor's own token, named after it, has a chain of its own.
 */
export function exchangedFrom(event: StoredEvent): string | undefined {
  if (event.action !== 'token.exchange' || event.outcome !== 'success') return undefined;
  const child = event.facts.credential?.key;
  return event.keys.find((key) => key.role === 'uses' && key.key.startsWith('token:') && key.key !== child)?.key;
}

/**
 * What is wrong with the chains of actors of some exchanges. `birthsOf` gives the events that made a token. Each finding
 * is told by the exchange, not by the parent.
 */
export function findActBreaks(
  events: Iterable<StoredEvent>,
  birthsOf: (token: string) => readonly StoredEvent[],
  identities: Identities,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const event of events) {
    const token = exchangedFrom(event);
    // Only the issuer that minted the parent knows its chain; what others tell of the token is hearsay.
    const birth = token === undefined ? undefined : birthsOf(token).find((one) => one.facts.credential?.key === token);
    if (birth === undefined) continue;
    const same = sameIn(identities, event.occurredAt);
    const detail = actChainBreak(actChainOf(birth), actChainOf(event), event.facts.relied_on !== undefined, same);
    if (detail !== undefined) found.set(event.ref, detail);
  }
  return found;
}

function partiesOf({ actors, subject }: ActChain): readonly ActorRef[] {
  return [...actors, ...(subject === undefined ? [] : [subject])].filter((party) => party.key !== '');
}

function nameOf(party: ActorRef): string {
  return party.display === undefined ? party.key : `${party.display} (${party.key})`;
}
