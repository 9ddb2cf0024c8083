import type { ActorKind, ActorRef } from '../../model/actor.ts';
import { idpUserKey } from '../../model/keys.ts';
import { compact } from './draft.ts';
import { at, isObject } from './read.ts';

/** Deeper nesting than this is no chain that anybody meant (sources.md 3.5). */
const MAX_DEPTH = 16;

/**
 * The actors of an `act` claim (RFC 8693 4.1), flattened: the outermost acts now, what nests in it came before. An issuer
 * that a level leaves out is that of the token. `sub_profile` (Okta ID-JAG) says what sort of party it is. What nobody can
 * be found in ends the list; undefined where it nests too deep.
 */
export function flattenAct(act: unknown, issuer: string): readonly ActorRef[] | undefined {
  const actors: ActorRef[] = [];
  let level = act;
  while (isObject(level)) {
    if (actors.length === MAX_DEPTH) return undefined;
    const key = idpUserKey(at(level, 'iss') ?? issuer, at(level, 'sub'));
    if (key === undefined) return actors;
    actors.push(compact<ActorRef>({ kind: kindOf(at(level, 'sub_profile')), key: key.key }));
    level = at(level, 'act');
  }
  return actors;
}

function kindOf(profile: unknown): ActorKind {
  return profile === 'ai_agent' || profile === 'service' ? profile : 'unknown';
}
