import type { ActorKind, ActorRef } from '../../model/actor.ts';
import type { Action, Outcome } from '../../model/action.ts';
import type { KeyRole } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { accessRequestKey, emailKey, idpUserKey, ipKey } from '../../model/keys.ts';
import { addEdge, addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { emailOf } from './gitlab.ts';
import { getId, getMicros, getString, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** One LogEvent on its way to an event. */
export interface Log {
  readonly doc: Doc;
  readonly host: string;
  readonly draft: Draft;
  readonly uuid: string;
  readonly type: string;
  readonly action: Action;
  readonly outcome: Outcome;
  readonly targets: readonly Doc[];
}

const KINDS: readonly (readonly [RegExp, ActorKind])[] = [
  [/^WorkloadIdentityPrincipal|^AiAgent|^AI_AGENT/i, 'ai_agent'],
  [/^PublicClientApp|^ClientApp|^AppInstance/, 'service'],
  [/^SystemPrincipal/, 'system'],
  [/^User$/, 'human'],
];

/** A party of a log event, actor or target (sources.md 2.2). An address in the place of an actor is no identity. */
export function partyOf(log: Log, part: Doc): ActorRef {
  const type = getString(part, 'type') ?? '';
  const kind = KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? 'unknown';
  const key = /address/i.test(type) ? undefined : idpUserKey(issuerOf(log.host), getId(part, 'id'));
  const email = kind === 'human' ? emailOf(getString(part, 'alternateId')) : undefined;
  return compact<ActorRef>({ kind, key: key?.key ?? '', display: getString(part, 'displayName'), email });
}

/** The issuer of an Okta organisation's identities: its URL. */
export function issuerOf(host: string): string {
  return `https://${host}`;
}

/** The targets of a type, compared without case and punctuation: Okta's own spelling differs between APIs. */
export function targetsOf(log: Log, ...types: readonly string[]): readonly Doc[] {
  return log.targets.filter((target) => {
    const type = (getString(target, 'type') ?? '').toLowerCase().replace(/[^a-z0-9]/g, '');
    return types.some((wanted) => (wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted));
  });
}

/** Adds the parties and places: actor, targets, client address. Hubs. */
export function addPartyKeys(log: Log): void {
  const { doc, draft, host } = log;
  addPerson(log, partOf(doc, 'actor'), 'actor', 'actor');
  for (const target of targetsOf(log, 'user', 'appuser')) addPerson(log, target, 'target', target.where);
  for (const target of targetsOf(log, 'workload*', 'publicclientapp*')) addPerson(log, target, 'target', target.where);
  for (const group of targetsOf(log, 'usergroup')) {
    addKey(draft, keyOf('okta:group', host, getId(group, 'id')), 'target', `${group.where}.id`);
  }
  addKey(draft, ipKey(getString(doc, 'client', 'ipAddress')), 'place', 'client.ipAddress');
}

/** Adds session, transaction, request, grant and token keys, and the edges E1, E2 and E4. */
export function addFlowKeys(log: Log): void {
  const { doc, draft, host, action, outcome } = log;
  const session = keyOf('okta:session', host, getId(doc, 'authenticationContext', 'externalSessionId'));
  const isStart = log.type === 'user.session.start' && outcome === 'success';
  addKey(draft, session, isStart ? 'creates' : 'uses', 'authenticationContext.externalSessionId');
  const root = getId(doc, 'authenticationContext', 'rootSessionId');
  addKey(draft, keyOf('okta:rootsession', host, root), 'uses', 'authenticationContext.rootSessionId');
  const transaction = keyOf('okta:txn', host, getId(doc, 'transaction', 'id'));
  addKey(draft, transaction, 'uses', 'transaction.id');
  if (isStart) {
    const user = idpUserKey(issuerOf(host), getId(doc, 'actor', 'id'));
    addEdge(draft, user, session, { relation: 'authenticated', rule: 'E1' });
  }
  for (const request of requestKeys(log)) {
    addKey(draft, request, requestRole(action), 'target[].id');
    if (action === 'access.request') addEdge(draft, session, request, { relation: 'requested', rule: 'E2' });
    // What Okta then grants runs in the transaction of the decision: the two halves of E4 meet there.
    if (action === 'access.approve') addEdge(draft, request, transaction, { relation: 'granted', rule: 'E4' });
  }
  if (outcome === 'success' && GRANTS.has(action)) {
    const grant = addKey(draft, keyOf('grant', 'okta.log', log.uuid), 'creates', 'uuid');
    addEdge(draft, transaction, grant, { relation: 'granted', rule: 'E4' });
  }
  const hash = tokenHash(log);
  if (hash) addKey(draft, hash, action === 'token.revoke' ? 'ends' : 'creates', 'target[].detailEntry.hash');
}

const GRANTS: ReadonlySet<Action> = new Set(['group.member.add', 'access.grant']);

/** The access requests that an event is about; conditions and sequences have other ids. */
export function requestKeys(log: Log): readonly Key[] {
  if (!/^access\.request\.(?:create|update|resolve|reject|cancel|expire)$/.test(log.type)) return [];
  const keys = targetsOf(log, 'accessrequest*').map((target) =>
    accessRequestKey('okta', log.host, getId(target, 'id')),
  );
  return keys.filter((key) => key !== undefined);
}

/** What the event says of a request, a decision, a login or a token. */
export function oktaFacts(log: Log, actor: ActorRef, at: number): Facts {
  const { action, outcome } = log;
  const detail = requestDetail(log);
  const request =
    action === 'access.request'
      ? compact<NonNullable<Facts['request']>>({
          environment: detail.environment,
          roles: detail.role === undefined ? undefined : [detail.role],
        })
      : undefined;
  return compact<Facts>({
    request,
    decision: decisionOf(log, actor, at),
    login: action === 'session.login' ? loginOf(log) : undefined,
    credential: outcome === 'success' ? credentialOf(log) : undefined,
  });
}

/** The environment in the word of the request, where the organisation's catalogue puts one. */
export function requestDetail(log: Log): {
  readonly environment: string | undefined;
  readonly role: string | undefined;
} {
  const target = targetsOf(log, 'accessrequest*')[0];
  const detail = target && partOf(target, 'detailEntry');
  return { environment: detail && getString(detail, 'environment'), role: detail && getString(detail, 'role') };
}

function addPerson(log: Log, part: Doc, role: KeyRole, field: string): void {
  const party = partyOf(log, part);
  const type = (getString(part, 'type') ?? '').toLowerCase();
  // An AppUser is an account in an application: its id is not one of the organisation's.
  if (party.key !== '' && type !== 'appuser')
    addKey(log.draft, idpUserKey(issuerOf(log.host), getId(part, 'id')), role, `${field}.id`);
  if (type === 'user' || type === 'appuser')
    addKey(log.draft, emailKey(getString(part, 'alternateId')), role, `${field}.alternateId`, 'asserted');
}

function requestRole(action: Action): KeyRole {
  if (action === 'access.request') return 'creates';
  if (action === 'access.approve' || action === 'access.deny') return 'decides';
  return action === 'access.cancel' || action === 'access.expire' ? 'ends' : 'subject';
}

// A request that the system resolves was approved by a rule, not by a person (sources.md 4.7).
function decisionOf(log: Log, actor: ActorRef, at: number): Facts['decision'] {
  const { action, outcome } = log;
  const decided = action === 'access.approve' && outcome === 'success' ? 'approved' : undefined;
  const denied =
    (action === 'access.deny' || action === 'access.approve') && outcome === 'denied' ? 'denied' : undefined;
  const decision = decided ?? denied;
  if (!decision) return undefined;
  const mode = actor.kind === 'human' ? 'human' : actor.kind === 'system' ? 'policy' : undefined;
  return compact<NonNullable<Facts['decision']>>({ decided: decision, mode, at, by: actor });
}

function loginOf(log: Log): NonNullable<Facts['login']> {
  const isMfa = log.type === 'user.authentication.auth_via_mfa';
  const factor = getString(log.doc, 'debugContext', 'debugData', 'factor');
  return compact<NonNullable<Facts['login']>>({ factor, mfa: isMfa && log.outcome === 'success' ? true : undefined });
}

function credentialOf(log: Log): Facts['credential'] {
  if (log.action !== 'token.issue' && log.action !== 'token.exchange') return undefined;
  const hash = tokenHash(log);
  const target = targetsOf(log, 'accesstoken', 'idjag', 'idtoken', 'refreshtoken')[0];
  if (!hash || !target) return undefined;
  const method = getString(log.doc, 'debugContext', 'debugData', 'grantType');
  return compact<NonNullable<Facts['credential']>>({
    key: hash.key,
    expires_at: getMicros(target, 'detailEntry', 'expires'),
    method,
  });
}

// Not `token:sha256`: how Okta computes this hash is not proven (sources.md 2.4).
function tokenHash(log: Log): Key | undefined {
  const target = targetsOf(log, 'accesstoken', 'idjag', 'idtoken', 'refreshtoken')[0];
  const hash = target && getString(partOf(target, 'detailEntry'), 'hash');
  return keyOf('okta:tokenhash', log.host, hash);
}
