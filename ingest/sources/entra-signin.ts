import type { ActorRef } from '../../model/actor.ts';
import type { Outcome } from '../../model/action.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { tokenKey } from '../../model/keys.ts';
import { addEdge, addKey, compact } from './draft.ts';
import {
  addEntraApp,
  addEntraContext,
  entraId,
  entraPrincipal,
  entraRecordId,
  entraText,
  entraTime,
  entraUser,
} from './entra-parts.ts';
import type { EntraRecord, EntraTold } from './entra-parts.ts';
import { at, getNumber, getString, partOf } from './read.ts';

const TYPES: ReadonlyMap<string, string> = new Map([
  ['SignInLogs', 'signIn.user'],
  ['NonInteractiveUserSignInLogs', 'signIn.user.nonInteractive'],
  ['ServicePrincipalSignInLogs', 'signIn.servicePrincipal'],
  ['ManagedIdentitySignInLogs', 'signIn.managedIdentity'],
  ['ADFSSignInLogs', 'signIn.adfs'],
]);

// Codes of AADSTS by which a sign-in goes on: a second factor, a new password or a consent is asked for.
const INTERRUPTS = new Set([50_055, 50_072, 50_074, 50_076, 50_079, 50_140, 50_158, 65_001, 16_000]);

/** Reads a sign-in of a user, service principal, managed identity or agent (sources.md 1.6). */
export function readSignIn(record: EntraRecord): EntraTold {
  const { doc, draft, tenant } = record;
  const outcome = outcomeOf(record);
  const isMachine = isPrincipal(record);
  const actor = isMachine ? machineOf(record) : personOf(record);
  const address = entraText(doc, 'ipAddress') ?? entraText(record.envelope, 'callerIpAddress');
  addEntraContext(record, address);
  addEntraApp(record, 'appId');
  const session = keyOf('entra:session', tenant, entraId(doc, 'sessionId'));
  // Graph leaves the mark out of its first version, which tells only sign-ins at a screen.
  const interactive =
    !isMachine && (at(doc.json, 'isInteractive') ?? !record.category.startsWith('NonInteractive')) === true;
  addKey(draft, session, interactive && outcome === 'success' ? 'creates' : 'uses', 'sessionId');
  const token = outcome === 'success' ? issuedToken(record, session) : undefined;
  if (interactive && outcome === 'success') {
    const user = entraPrincipal(record, entraId(doc, 'userId'));
    addEdge(draft, user, session, { relation: 'authenticated', rule: 'E1' });
  }
  const resourceId = entraId(doc, 'resourceId');
  const target = entraText(doc, 'resourceDisplayName');
  return compact<EntraTold>({
    kind: 'signin',
    id: entraRecordId(record),
    type: typeOf(record, isMachine),
    occurred: entraTime(record, 'createdDateTime'),
    // A service principal or a silent renewal gets a token; only a person at the screen logs in.
    action: interactive ? 'session.login' : 'token.issue',
    outcome,
    outcomeCode: codeOf(record),
    outcomeReason: entraText(doc, 'status', 'failureReason') ?? entraText(record.envelope, 'resultDescription'),
    actor,
    credential: token && { kind: 'access_token', key: token.key },
    resource:
      resourceId === undefined
        ? undefined
        : compact<NonNullable<AuditEvent['resource']>>({
            type: 'application',
            key: `entra://${tenant}/application/${resourceId}`,
            display: target,
          }),
    sourceIp: address,
    userAgent: entraText(doc, 'userAgent'),
    facts: factsOf(record, token, interactive, outcome, target),
    content: contentOf(record),
  });
}

function typeOf(record: EntraRecord, isMachine: boolean): string {
  const known = TYPES.get(record.category);
  if (known !== undefined) return known;
  if (isMachine) return 'signIn.servicePrincipal';
  return at(record.doc.json, 'isInteractive') === false ? 'signIn.user.nonInteractive' : 'signIn.user';
}

function isPrincipal(record: EntraRecord): boolean {
  if (/^(?:ServicePrincipal|ManagedIdentity)SignInLogs$/.test(record.category)) return true;
  return entraId(record.doc, 'userId') === undefined && entraId(record.doc, 'servicePrincipalId') !== undefined;
}

// sources.md 2.2: an agent type other than `notAgentic` is an AI agent, whether it signs in as an application or a user.
function isAgent(record: EntraRecord): boolean {
  const type = entraText(record.doc, 'agent', 'agentType');
  return type !== undefined && type !== 'notAgentic' && type !== 'unknownFutureValue';
}

function machineOf(record: EntraRecord): ActorRef {
  const { doc, draft } = record;
  const id = entraId(doc, 'servicePrincipalId');
  const key = addKey(draft, entraPrincipal(record, id), 'actor', 'servicePrincipalId');
  const display = entraText(doc, 'servicePrincipalName') ?? entraText(doc, 'appDisplayName');
  return compact<ActorRef>({ kind: isAgent(record) ? 'ai_agent' : 'service', key: key?.key ?? '', display });
}

function personOf(record: EntraRecord): ActorRef {
  const actor = entraUser(record, record.doc, 'userId', 'actor');
  return isAgent(record) ? { ...actor, kind: 'ai_agent' } : actor;
}

// The token that was issued, by its claim `uti`. A federated credential (a GitLab ID token) is its parent: whether the id
// that Entra names is the jti of that token is not proven for every issuer, so the edge is asserted (sources.md 1.6.b).
function issuedToken(record: EntraRecord, session: Key | undefined): Key | undefined {
  const { doc, draft, tenant } = record;
  const token = keyOf('token:uti', tenant, entraId(doc, 'uniqueTokenIdentifier'));
  addKey(draft, token, 'creates', 'uniqueTokenIdentifier');
  addEdge(draft, session, token, { relation: 'issued', rule: 'E1' });
  const identity = partOf(doc, 'managedServiceIdentity');
  const federated = tokenKey(getString(identity, 'federatedTokenIssuer'), getString(identity, 'federatedTokenId'));
  addKey(draft, federated, 'uses', 'managedServiceIdentity.federatedTokenId', 'asserted');
  addEdge(draft, federated, token, { relation: 'exchanged', rule: 'E14', confidence: 'asserted' });
  return token;
}

function codeOf({ doc, envelope }: EntraRecord): string | undefined {
  const code = getNumber(doc, 'status', 'errorCode');
  if (code !== undefined) return String(code);
  const result = at(envelope.json, 'resultType') ?? at(envelope.json, 'resulttype');
  return typeof result === 'string' || typeof result === 'number' ? String(result) : undefined;
}

function outcomeOf(record: EntraRecord): Outcome {
  const code = codeOf(record);
  if (code === undefined || code === '') return 'unknown';
  if (code === '0' || /^success$/i.test(code)) return 'success';
  if (INTERRUPTS.has(Number(code))) return 'pending';
  return getString(record.doc, 'conditionalAccessStatus') === 'failure' || code === '53003' ? 'denied' : 'failure';
}

function factsOf(
  record: EntraRecord,
  token: Key | undefined,
  interactive: boolean,
  outcome: Outcome,
  target: string | undefined,
): Facts {
  const { doc } = record;
  const required = getString(doc, 'authenticationRequirement');
  const method = entraText(doc, 'clientCredentialType') ?? entraText(doc, 'incomingTokenType');
  const mfa = interactive && outcome === 'success' && required === 'multiFactorAuthentication';
  return compact<Facts>({
    login: interactive ? { ...(mfa && { mfa: true }) } : undefined,
    credential: token && compact<NonNullable<Facts['credential']>>({ key: token.key, target, method }),
  });
}

// What Graph and the diagnostic stream agree on: Graph writes the time in seconds, and other texts for display.
function contentOf(record: EntraRecord): unknown {
  const { doc } = record;
  const names = ['id', 'userId', 'servicePrincipalId', 'appId', 'resourceId', 'ipAddress', 'uniqueTokenIdentifier'];
  return [...names.map((name) => entraId(doc, name) ?? null), at(doc.json, 'status', 'errorCode') ?? null];
}
