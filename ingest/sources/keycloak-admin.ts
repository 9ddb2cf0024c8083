import type { ActorRef } from '../../model/actor.ts';
import type { AuditEvent, KeyRole } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import { idpUserKey, ipKey } from '../../model/keys.ts';
import { addKey, compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { keycloakAdminAction } from './keycloak-action.ts';
import { issuerOf, realmName } from './keycloak-record.ts';
import type { KeycloakRecord } from './keycloak-record.ts';
import type { KeycloakTold } from './keycloak-user.ts';
import { getId, getString, isObject, needString, note } from './read.ts';

/**
 * Reads an administrator's event. `authDetails` names the actor and the actor's realm; the realm that was acted on is
 * `realmId` in REST, and in the log only what the MDC tells (sources.md 1.7.1): where it is not known, the user that the
 * path names is no key, because a user is one of a realm.
 */
export function readAdminEvent(record: KeycloakRecord): KeycloakTold {
  const { doc, places } = record;
  const draft = openDraft();
  const operation = needString(doc, 'operationType');
  const resource = getString(doc, 'resourceType') ?? 'UNKNOWN';
  const path = getString(doc, 'resourcePath') ?? '';
  const action = keycloakAdminAction(operation, resource, path);
  const actorRealm =
    getString(doc, 'authDetails', 'realmName') ?? realmName(doc, places, getId(doc, 'authDetails', 'realmId'));
  const realm =
    record.form === 'rest'
      ? (getString(doc, 'realmName') ?? realmName(doc, places, getId(doc, 'realmId')))
      : record.realmActedOn;
  const actor = adminOf(record, actorRealm, draft);
  const error = getString(doc, 'error');
  const address = getString(doc, 'authDetails', 'ipAddress');
  addKey(draft, ipKey(address), 'place', 'authDetails.ipAddress', 'asserted');
  const member = addTargets(draft, issuerOf(places, realm), action, path);
  return compact<KeycloakTold>({
    type: `${operation}:${resource}`,
    action,
    outcome: error === undefined ? 'success' : 'failure',
    outcomeCode: error,
    actor,
    resource: {
      type: resource.toLowerCase(),
      key: `keycloak://${places.host}/${realm === undefined ? '' : `realms/${realm}/`}${path}`,
    },
    sourceIp: address,
    keys: draft.keys,
    edges: draft.edges,
    facts: factsOf(record, action, member),
  });
}

function adminOf(record: KeycloakRecord, realm: string | undefined, draft: Draft): ActorRef {
  const { doc, places } = record;
  const issuer = issuerOf(places, realm);
  const user = addKey(draft, idpUserKey(issuer, getId(doc, 'authDetails', 'userId')), 'actor', 'authDetails.userId');
  addKey(
    draft,
    keyOf('keycloak:client', issuer, getId(doc, 'authDetails', 'clientId')),
    'place',
    'authDetails.clientId',
  );
  addKey(draft, keyOf('keycloak:session', issuer, record.adminSession), 'uses', 'mdc.kc.sessionId');
  return { kind: user ? 'human' : 'unknown', key: user?.key ?? '' };
}

// The user, or the session, that the path names.
function addTargets(draft: Draft, issuer: string | undefined, action: string, path: string): string | undefined {
  const user = idpUserKey(issuer, /^(?:users|attack-detection\/brute-force\/users)\/([^/]+)/.exec(path)?.[1]);
  addKey(draft, user, 'target', 'resourcePath');
  const session = keyOf('keycloak:session', issuer, /^sessions\/([^/]+)$/.exec(path)?.[1]);
  const role: KeyRole = action === 'session.revoke' ? 'ends' : 'mentions';
  addKey(draft, session, role, 'resourcePath');
  return user?.key;
}

function factsOf(record: KeycloakRecord, action: AuditEvent['action'], member: string | undefined): Facts {
  const isGrant = action === 'access.grant' || action === 'group.member.add';
  if (member === undefined || !(isGrant || action === 'access.revoke' || action === 'group.member.remove')) return {};
  const names = namesIn(record);
  return {
    member: compact<NonNullable<Facts['member']>>({
      member,
      ...(action.startsWith('group.')
        ? { group: names[0] }
        : { access: names.length === 0 ? undefined : names.join(', ') }),
    }),
  };
}

// Roles and groups stand by name in the representation: JSON in a string, whose secrets the door has taken out.
function namesIn({ doc }: KeycloakRecord): readonly string[] {
  const text = getString(doc, 'representation');
  if (text === undefined || text === '' || text.startsWith('[REDACTED')) return [];
  const parsed = parseJson(text);
  if (parsed === undefined) note(doc, 'representation');
  const items: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return items
    .map((item) => (isObject(item) ? item['name'] : undefined))
    .filter((name) => typeof name === 'string')
    .slice(0, 50);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
