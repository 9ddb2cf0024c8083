import type { ActorRef } from '../../model/actor.ts';
import type { DisposedBy } from '../../model/disposition.ts';
import type { Micros } from '../../model/time.ts';
import type { Identities } from '../identity.ts';

/** An act of a person as the log holds it. */
export interface Act {
  readonly id: string;
  readonly at: Micros;
  readonly actor: ActorRef;
}

/** Why an act has no effect; `code` is the Problem with which it is refused where it was not written yet. */
export interface Objection {
  readonly code: 'forbidden' | 'conflict' | 'not_found';
  readonly why: string;
}

export type Standing = 'pending' | 'confirmed' | 'rejected' | 'replaced' | 'withdrawn';

/** Something that counts once a second person has confirmed it. `what`: how it is named to people. */
export interface Proposed {
  readonly act: Act;
  readonly what: 'classification' | 'explanation';
  standing: Standing;
  decidedBy?: Act;
}

/** Machines say nothing that is for a person to say. */
export function objectionToMachine({ actor, at }: Act, what: string, identities: Identities): Objection | undefined {
  const kind = identities.resolve(actor, at)?.kind ?? actor.kind;
  return kind === 'service' || kind === 'ai_agent' || kind === 'system'
    ? { code: 'forbidden', why: `A ${what} is for a person; this account is of kind ${kind}.` }
    : undefined;
}

/** While something waits for its second person, only whoever said it may replace it. */
export function objectionToNext(
  { actor, at }: Act,
  pending: Proposed | undefined,
  identities: Identities,
): Objection | undefined {
  if (!pending || identities.sameParty(actor, pending.act.actor, at) === true) return undefined;
  const name = pending.what === 'classification' ? 'Classification' : 'Explanation';
  return {
    code: 'conflict',
    why: `${name} ${pending.act.id} waits for its second person: confirm or reject it first.`,
  };
}

/** Whoever proposed does not decide, and both must be known to be two persons. */
export function objectionToDecision(
  { actor, at }: Act,
  target: Proposed | undefined,
  identities: Identities,
): Objection | undefined {
  if (!target) return { code: 'not_found', why: 'Nothing of this id waits for a second person.' };
  const { act, standing, what } = target;
  if (standing !== 'pending')
    return { code: 'conflict', why: `The ${what} was ${standing} before; it waits for nobody.` };
  const verb = what === 'classification' ? 'classified' : 'explained';
  const same = identities.sameParty(actor, act.actor, at);
  if (same === true)
    return { code: 'forbidden', why: `Whoever ${verb} may not be the one who confirms or rejects it.` };
  return same === 'unknown'
    ? {
        code: 'forbidden',
        why: `It is not known whether this account and the one that ${verb} are two persons. Register both under identities in the policy file.`,
      }
    : undefined;
}

/** Who it was, as people are shown it. */
export function shownBy({ actor, at }: Act, identities: Identities): DisposedBy {
  const person = identities.resolve(actor, at)?.person;
  return {
    key: actor.key,
    ...(actor.display === undefined ? {} : { display: actor.display }),
    ...(person === undefined ? {} : { person }),
  };
}
