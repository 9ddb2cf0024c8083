import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { normaliseIssuer } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { gitlabIdentityKey, gitlabKey, idpUserKey } from '../../model/keys.ts';
import type { Family } from '../../model/source.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { addKey, compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { gitlabResource, gitlabScope, needNumber } from './gitlab.ts';
import { at, fault, getString, isObject, needStamp, note, openDoc, partsOf, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

const FAMILY: Family = 'gitlab.users';
/** What is taken of an identity at a provider, and of one by SCIM. */
export const IDENTITY_MEMBERS = ['provider', 'extern_uid', 'saml_provider_id'] as const;
export const SCIM_MEMBERS = ['extern_uid', 'group_id', 'active'] as const;

/** The members of a statement: all that ties an account to an identity provider, and no more of a person (4.1). */
export const USER_MEMBERS = [
  'id',
  'observed_at',
  'present',
  'username',
  'identities',
  'scim_identities',
  'provisioned_by_group_id',
];

// Whatever sends: a user of GitLab's API has some fifty members, most of them of a person's life and none of our business.
const REDACT: readonly RedactionRule[] = [
  { path: ['*'], rule: 'not_needed', except: USER_MEMBERS },
  { path: ['identities', '*', '*'], rule: 'not_needed', except: [...IDENTITY_MEMBERS] },
  { path: ['scim_identities', '*', '*'], rule: 'not_needed', except: [...SCIM_MEMBERS] },
];

/**
 * To which identity providers an account of GitLab was tied when Custody looked (`GET /api/v4/users` as administrator,
 * sources.md 4.1): a statement of our own poll, made only when something changed, with the moment of looking. One that
 * names no identity says that there are none any more; `present: false`, that the account is gone.
 */
export const gitlabUsers: SourceAdapter = {
  source: 'gitlab.users',
  family: FAMILY,
  containers: [[]],
  redact: REDACT,
  parse: parseUser,
};

function parseUser(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const host = gitlabScope(doc, input, []);
  const id = needNumber(doc, 'id');
  const occurred = needStamp(doc, 'observed_at');
  if (!Array.isArray(at(doc.json, 'identities')))
    fault(doc, at(doc.json, 'identities') === undefined ? 'missing_required_fields' : 'wrong_type', ['identities']);
  const refused = refusalOf(doc);
  if (refused) return refused;
  const draft = openDraft();
  const isGone = at(doc.json, 'present') === false;
  const name = `${id}@${String(at(doc.json, 'observed_at'))}`;
  const event = compact<AuditEvent>({
    family: FAMILY,
    source: 'gitlab.users',
    instance: host,
    nativeId: name,
    dedupeKey: `${id}\u0000${occurred.at}`,
    type: isGone ? 'user.gone' : 'user.identities',
    occurred,
    action: 'identity.state',
    outcome: 'success',
    actor: { kind: 'system', key: '', display: `the users of ${host}` },
    resource: compact<NonNullable<AuditEvent['resource']>>({
      type: 'user',
      key: gitlabResource(host, 'user', id),
      display: getString(doc, 'username'),
    }),
    facts: { identity: stateOf(draft, doc, host, id) },
    keys: draft.keys,
    edges: [],
    unread: doc.notes.unread,
    content: input.json,
  });
  return { ok: true, events: [event] };
}

function stateOf(draft: Draft, doc: Doc, host: string, id: string): NonNullable<Facts['identity']> {
  const user = [gitlabKey('gitlab:user', host, id), idpUserKey(`https://${host}`, id)].filter(
    (key) => key !== undefined,
  );
  for (const key of user) addKey(draft, key, 'target', 'id');
  const tied = [
    ...partsOf(doc, 'identities').map((one) => identityOf(draft, one, host, getString(one, 'provider'), 'saml_provider_id')),
    ...partsOf(doc, 'scim_identities').map((one) => identityOf(draft, one, host, 'scim', 'group_id')),
  ].filter((key) => key !== undefined); // prettier-ignore
  const accounts = [...new Set(tied.map((key) => key.key))].map((key) => [key]);
  return { change: 'state', accounts: [user.map((key) => key.key), ...accounts], method: 'extern_uid' };
}

function identityOf(
  draft: Draft,
  doc: Doc,
  host: string,
  provider: string | undefined,
  number: string,
): Key | undefined {
  const key = gitlabIdentityKey(host, provider, at(doc.json, 'extern_uid'), at(doc.json, number));
  if (key === undefined) note(doc, 'extern_uid');
  return addKey(draft, key, 'target', doc.where);
}

/** The identities that GitLab's claim `user_identities` names, as the keys of their GitLab (sources.md 1.4). */
export function claimedIdentities(iss: string | undefined, claims: readonly Doc[]): readonly Key[] {
  return claims.flatMap((claim) => {
    const key = gitlabIdentityKey(normaliseIssuer(iss), getString(claim, 'provider'), getString(claim, 'extern_uid'));
    if (key === undefined) note(claim, 'extern_uid');
    return key === undefined ? [] : [key];
  });
}
