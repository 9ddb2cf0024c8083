import type { ActorRef } from '../../model/actor.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import { emailKey, idpUserKey, ipKey } from '../../model/keys.ts';
import { addKey, compact, openDraft } from './draft.ts';
import { emailOf } from './gitlab.ts';
import { baseType, keycloakAction, keycloakOutcome } from './keycloak-action.ts';
import { issuerOf, realmName } from './keycloak-record.ts';
import type { KeycloakRecord } from './keycloak-record.ts';
import { addTokenKeys } from './keycloak-tokens.ts';
import type { UserEvent } from './keycloak-tokens.ts';
import { getId, getString, needString } from './read.ts';

/** What a form of event tells; name, time and source are added for all forms alike. */
export type KeycloakTold = Omit<
  AuditEvent,
  'family' | 'source' | 'instance' | 'nativeId' | 'dedupeKey' | 'occurred' | 'unread' | 'content'
>;

/** Reads an event that a user or client caused (sources.md 1.7): logins, tokens, sessions, accounts. */
export function readUserEvent(record: KeycloakRecord): KeycloakTold {
  const event = openUserEvent(record);
  const { doc, draft, issuer, userId } = event;
  const address = getString(doc, 'ipAddress');
  const parties = partiesOf(event);
  addKey(draft, idpUserKey(issuer, userId), parties.onBehalfOf ? 'on_behalf_of' : 'actor', 'userId');
  addKey(draft, keyOf('keycloak:client', issuer, event.clientId), 'place', 'clientId');
  addKey(draft, ipKey(address), 'place', 'ipAddress', 'asserted');
  addKey(draft, emailKey(getString(doc, 'details', 'email')), 'mentions', 'details.email', 'asserted');
  const external = idpUserKey(
    getString(doc, 'details', 'identity_provider_issuer'),
    getId(doc, 'details', 'identity_provider_user_id'),
  );
  addKey(draft, external, 'mentions', 'details.identity_provider_user_id');
  const credential = addTokenKeys(event);
  return compact<KeycloakTold>({
    type: event.type,
    action: event.action,
    outcome: event.outcome,
    outcomeCode: getString(doc, 'error'),
    outcomeReason: getString(doc, 'details', 'reason'),
    ...parties,
    credential: credential && { kind: 'oidc_token', key: credential.key },
    resource: resourceOf(event),
    // The leftmost X-Forwarded-For, which Keycloak does not check: shown as it was said.
    sourceIp: address,
    keys: draft.keys,
    edges: draft.edges,
    facts: factsOf(event, credential?.key),
  });
}

function openUserEvent(record: KeycloakRecord): UserEvent {
  const { doc, places } = record;
  const type = needString(doc, 'type');
  const base = baseType(type);
  const realm = getString(doc, 'realmName') ?? realmName(doc, places, getId(doc, 'realmId'));
  // A required action or a consent that ends within a login writes LOGIN again.
  const goesOn =
    base === 'LOGIN' &&
    (getString(doc, 'details', 'custom_required_action') !== undefined ||
      getString(doc, 'details', 'consent') === 'consent_granted');
  return {
    doc,
    draft: openDraft(),
    type,
    base,
    action: keycloakAction(type, goesOn),
    outcome: keycloakOutcome(type, getString(doc, 'error')),
    issuer: issuerOf(places, realm),
    host: places.host,
    realm,
    userId: getId(doc, 'userId'),
    clientId: getId(doc, 'clientId'),
    sessionId: getId(doc, 'sessionId'),
  };
}

// Events in which a client acts, with or for the person whom `userId` names.
const BY_CLIENT: ReadonlySet<string> = new Set([
  'TOKEN_EXCHANGE',
  'JWT_AUTHORIZATION_GRANT',
  'INTROSPECT_TOKEN',
  'USER_INFO_REQUEST',
]);

function partiesOf(event: UserEvent): Pick<AuditEvent, 'actor' | 'onBehalfOf'> {
  const { doc, issuer, base } = event;
  const user = userOf(event);
  if (base === 'IMPERSONATE') {
    // Only the name of who impersonates is told (sources.md 1.7.1); names can be given away, so it is no key.
    const display = getString(doc, 'details', 'impersonator');
    return { actor: compact<ActorRef>({ kind: 'human', key: '', display }), ...(user && { onBehalfOf: user }) };
  }
  const client = keyOf('keycloak:client', issuer, event.clientId);
  if (BY_CLIENT.has(base) && client)
    return {
      actor: compact<ActorRef>({ kind: 'service', key: client.key, display: event.clientId }),
      ...(user && { onBehalfOf: user }),
    };
  const typed = getString(doc, 'details', 'username');
  return { actor: user ?? compact<ActorRef>({ kind: 'unknown', key: '', display: typed }) };
}

// `username` is what was typed, so it is no key; who it was is `userId`.
function userOf(event: UserEvent): ActorRef | undefined {
  const { doc, issuer, userId, base } = event;
  const key = idpUserKey(issuer, userId);
  if (!key) return undefined;
  const display = getString(doc, 'details', 'username');
  const isService = base === 'CLIENT_LOGIN' || display?.startsWith('service-account-') === true;
  const email = event.outcome === 'success' ? emailOf(getString(doc, 'details', 'email')) : undefined;
  return compact<ActorRef>({ kind: isService ? 'service' : 'human', key: key.key, display, email });
}

function resourceOf(event: UserEvent): AuditEvent['resource'] {
  const { host, realm, clientId } = event;
  if (clientId === undefined || realm === undefined) return undefined;
  return { type: 'client', key: `keycloak://${host}/realms/${realm}/clients/${clientId}`, display: clientId };
}

function factsOf(event: UserEvent, credential: string | undefined): Facts {
  const { doc, base, issuer, clientId } = event;
  const ttl = Number(getString(doc, 'details', 'access_token_expiration_time') ?? Number.NaN);
  return compact<Facts>({
    credential:
      credential === undefined
        ? undefined
        : compact<NonNullable<Facts['credential']>>({
            key: credential,
            ttl_s: Number.isSafeInteger(ttl) && ttl > 0 ? ttl : undefined,
            renewed: base === 'REFRESH_TOKEN' ? true : undefined,
            target: getString(doc, 'details', 'audience'),
            method: base === 'TOKEN_EXCHANGE' ? 'token_exchange' : getString(doc, 'details', 'grant_type'),
          }),
    exchanged_from: parentOf(event),
    issued_for: credential === undefined ? undefined : keyOf('keycloak:client', issuer, clientId)?.key,
    login: event.action === 'session.login' ? loginOf(event) : undefined,
    findings: findingsOf(event),
  });
}

function parentOf({ doc, base, outcome, issuer, sessionId, userId }: UserEvent): Facts['exchanged_from'] {
  const client = keyOf('keycloak:client', issuer, getString(doc, 'details', 'subject_token_client_id'))?.key;
  const subject = idpUserKey(issuer, userId)?.key;
  if (base !== 'TOKEN_EXCHANGE' || outcome !== 'success' || client === undefined || subject === undefined)
    return undefined;
  return compact<NonNullable<Facts['exchanged_from']>>({
    session: keyOf('keycloak:session', issuer, sessionId)?.key,
    subject,
    client,
  });
}

function loginOf({ doc }: UserEvent): NonNullable<Facts['login']> {
  const factor = getString(doc, 'details', 'identity_provider') ?? getString(doc, 'details', 'credential_type');
  return compact<NonNullable<Facts['login']>>({ factor });
}

function findingsOf({ base, outcome }: UserEvent): Facts['findings'] {
  if (base !== 'IMPERSONATE' || outcome !== 'success') return undefined;
  return [
    { kind: 'impersonation', detail: 'An administrator took the place of this user; later events name only the user.' },
  ];
}
