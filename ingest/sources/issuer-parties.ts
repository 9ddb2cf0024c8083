import { ACTOR_KINDS } from '../../model/actor.ts';
import type { ActorKind, ActorRef } from '../../model/actor.ts';
import type { KeyRole } from '../../model/event.ts';
import { decimalId, normaliseHost } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { emailKey, gitlabKey, idpUserKey } from '../../model/keys.ts';
import { addKey, compact } from './draft.ts';
import { claimedIdentities } from './gitlab-users.ts';
import type { Draft } from './draft.ts';
import { at, getId, getString, isObject, note, partOf, partsOf } from './read.ts';
import type { Doc, Path } from './read.ts';

/** A party of an issuer's event: how it is shown, and every key by which the issuer vouches for it. */
export interface Party {
  readonly ref: ActorRef;
  readonly keys: readonly Key[];
  readonly field: string;
}

/** Reads a PartyRef of the contract (sources.md 3.4); undefined where none is named or nothing identifies it. */
export function readParty(data: Doc, ...path: Path): Party | undefined {
  return isObject(at(data.json, ...path)) ? partyOf(partOf(data, ...path), data) : undefined;
}

/** The parties of a list, in its order; what identifies nobody is left out. */
export function readParties(data: Doc, ...path: Path): readonly Party[] {
  return partsOf(data, ...path)
    .map((part) => partyOf(part, data))
    .filter((party) => party !== undefined);
}

/** Names as unread what the ID token claims of a user who is no party of the event: it ties nobody to anything. */
export function noteStrayClaims(data: Doc, parties: readonly (Party | undefined)[]): void {
  if (at(data.json, 'ci', 'user_identities') === undefined) return;
  const user = ciUser(data);
  if (!parties.some((party) => party?.keys.some((key) => key.key === user)))
    note(partOf(data, 'ci'), 'user_identities');
}

/** Names a party in an event: its own key and aliases by role, its e-mail as asserted. */
export function addPartyKeys(draft: Draft, party: Party | undefined, role: KeyRole): void {
  if (!party) return;
  for (const key of party.keys) addKey(draft, key, role, party.field);
  addKey(draft, emailKey(party.ref.email), role, `${party.field}.email`, 'asserted');
}

function partyOf(doc: Doc, data: Doc): Party | undefined {
  const keys = accountKeys(getString(doc, 'iss'), getString(doc, 'sub'));
  const [own, ...same] = keys;
  if (!own) {
    note(doc, 'sub');
    return undefined;
  }
  const vouched = partsOf(doc, 'aliases').flatMap((alias) =>
    accountKeys(getString(alias, 'iss'), getString(alias, 'sub')),
  );
  const claimed = identitiesOf(doc, data, keys);
  const aliases = [...same, ...vouched, ...claimed].filter((key) => key.key !== own.key);
  const display = getString(doc, 'display') ?? getString(doc, 'agent', 'name') ?? getString(doc, 'agent', 'uid');
  const email = emailKey(getString(doc, 'email'))?.key.slice('email:'.length);
  const ref = compact<ActorRef>({
    kind: kindOf(doc),
    key: own.key,
    display,
    email,
    aliases: aliases.length > 0 ? aliases.map((key) => key.key) : undefined,
    model: getString(doc, 'agent', 'model'),
  });
  return { ref, keys: [own, ...aliases], field: doc.where };
}

// What the ID token of the job says of its user stands beside the user, or among the claims of the job.
function identitiesOf(doc: Doc, data: Doc, keys: readonly Key[]): readonly Key[] {
  const own = claimedIdentities(getString(doc, 'iss'), partsOf(doc, 'user_identities'));
  if (at(data.json, 'ci', 'user_identities') === undefined) return own;
  const user = ciUser(data);
  if (!keys.some((key) => key.key === user)) return own;
  const ofJob = claimedIdentities(getString(data, 'ci', 'host'), partsOf(data, 'ci', 'user_identities'));
  const held = new Set(own.map((key) => key.key));
  return [...own, ...ofJob.filter((key) => !held.has(key.key))];
}

function ciUser(data: Doc): string | undefined {
  return gitlabKey('gitlab:user', getString(data, 'ci', 'host'), getId(data, 'ci', 'user_id'))?.key;
}

// A number as subject is how GitLab names its users, so it is also that user of the issuer's host. Where the host is
// no GitLab the second key is one that nothing else ever names.
/** The keys of an account at its issuer; a GitLab user has two. */
export function accountKeys(iss: string | undefined, sub: string | undefined): readonly Key[] {
  const user = idpUserKey(iss, sub);
  const numbered = decimalId(sub) === undefined ? undefined : gitlabKey('gitlab:user', normaliseHost(iss), sub);
  return [user, numbered].filter((key) => key !== undefined);
}

function kindOf(doc: Doc): ActorKind {
  const kind = getString(doc, 'kind');
  if (kind === undefined) return 'unknown';
  const known = ACTOR_KINDS.find((name) => name === kind);
  if (!known) note(doc, 'kind');
  return known ?? 'unknown';
}
