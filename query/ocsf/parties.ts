import type { ActorKind, ActorRef } from '../../model/actor.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { compact } from './compact.ts';

/** An object of OCSF: attributes by name, undefined ones are left out. */
export type OcsfObject = Readonly<Record<string, unknown>>;

// `user.type_id`: 1 User, 3 System, 4 Service; an AI agent is a kind of its own only from 1.9 on.
const USER_TYPES: Readonly<Record<ActorKind, readonly [number, string]>> = {
  unknown: [0, 'Unknown'],
  human: [1, 'User'],
  system: [3, 'System'],
  service: [4, 'Service'],
  ai_agent: [99, 'AI Agent'],
};

const EMAIL = /^[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$/;

/** A party as OCSF's `user`. Whoever is named by nothing is `unknown`, because the object must be named by something. */
export function ocsfUser(actor: ActorRef): OcsfObject {
  const [typeId, type] = USER_TYPES[actor.kind];
  const isNamed = actor.key !== '' || actor.display !== undefined || actor.email !== undefined;
  return compact({
    uid: actor.key === '' ? undefined : actor.key,
    name: actor.display ?? actor.email ?? (isNamed ? undefined : 'unknown'),
    // OCSF takes only addresses of this form; any other stands under `unmapped`.
    email_addr: actor.email !== undefined && EMAIL.test(actor.email) ? actor.email : undefined,
    type_id: typeId,
    type,
  });
}

/** The session or credential that an event used or made: `session.uid`, and the jti or key id as `credential_uid`. */
export function ocsfSession(event: StoredEvent): OcsfObject | undefined {
  const session = event.keys.find((key) => key.class === 'session')?.key;
  const credential = event.credential?.key ?? event.facts.credential?.key;
  if (session === undefined && credential === undefined) return undefined;
  const life = event.facts.credential;
  return compact({
    uid: session ?? credential,
    credential_uid: credential,
    issuer: credential === undefined ? undefined : issuerOf(credential),
    created_time: life?.issued_at === undefined ? undefined : Math.floor(life.issued_at / 1_000),
    expiration_time: life?.expires_at === undefined ? undefined : Math.floor(life.expires_at / 1_000),
  });
}

/** OCSF's `actor`: who acts, with the session or credential by which. */
export function ocsfActor(event: StoredEvent): OcsfObject {
  return compact({
    user: ocsfUser(event.actor),
    session: ocsfSession(event),
    invoked_by: event.facts.call?.invoked_by,
  });
}

/** The account that an event is about (not who acts): a member, a subject, the target of a change. */
export function ocsfTargetUser(event: StoredEvent): OcsfObject {
  const member = event.facts.member?.member;
  const target = event.keys.find((key) => key.role === 'target' && ACCOUNT.test(key.key))?.key;
  const uid = member ?? target;
  if (uid !== undefined) return { uid };
  if (event.onBehalfOf) return ocsfUser(event.onBehalfOf);
  const { resource } = event;
  return resource === undefined ? ocsfUser(event.actor) : compact({ uid: resource.key, name: resource.display });
}

/** Keys that stand for an account. */
const ACCOUNT = /^(?:idp:user|gitlab:user|github:user|teleport:user|aws:user|k8s:user|k8s:sa|email):/;

// The issuer stands in the key before the last "/": `token:jti:<issuer>/<jti>`.
function issuerOf(credential: string): string | undefined {
  return /^token:jti:(.+)\/[^/]*$/.exec(credential)?.[1];
}
