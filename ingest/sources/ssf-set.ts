import type { ActorRef } from '../../model/actor.ts';
import type { Action } from '../../model/action.ts';
import type { AuditEvent, KeyRole } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf, normaliseHost, normaliseIssuer } from '../../model/key.ts';
import { ipKey } from '../../model/keys.ts';
import type { Family } from '../../model/source.ts';
import type { Stamp } from '../../model/time.ts';
import { stampFromMillis } from '../../model/time.ts';
import type { ParseInput, ParseResult, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { addEdge, addKey, compact, openDraft } from './draft.ts';
import {
  at,
  fault,
  getString,
  isObject,
  needId,
  needObject,
  needString,
  note,
  openDoc,
  partOf,
  refusalOf,
} from './read.ts';
import type { Doc } from './read.ts';
import { readSubject } from './ssf-subject.ts';
import type { SsfSubject } from './ssf-subject.ts';

const FAMILY: Family = 'ssf';
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/';
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/';
// Times above this are milliseconds: Okta's transmitter follows a draft that wrote them (sources.md 3.7).
const MILLIS_FROM = 1e11;

/**
 * Security event tokens (RFC 8417; SSF, CAEP 1.0 and RISC: sources.md 3.7). The record is the claims set: the signature
 * is verified where the token arrives, and the token itself is never stored. Known by `iss` and `jti`. A SET may hold
 * several events; each is one of ours.
 */
export const ssfSet: SourceAdapter = {
  source: 'ssf.set',
  family: FAMILY,
  containers: [],
  // What an administrator writes for a person or for itself is free text in some twenty languages.
  redact: [
    { path: ['events', '*', 'reason_admin', '**'], rule: 'free_text' },
    { path: ['events', '*', 'reason_user', '**'], rule: 'free_text' },
  ],
  parse: parseSet,
};

function parseSet(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const issuer = normaliseIssuer(needString(doc, 'iss')) ?? '';
  const jti = needId(doc, 'jti');
  const issued = secondsOf(at(doc.json, 'iat'));
  if (!issued) fault(doc, at(doc.json, 'iat') === undefined ? 'missing_required_fields' : 'bad_timestamp', ['iat']);
  const types = Object.keys(needObject(doc, 'events'));
  if (types.length === 0) fault(doc, 'missing_required_fields', ['events']);
  if (types.length > MAX_EVENTS) fault(doc, 'too_many_events', ['events']);
  const refused = refusalOf(doc);
  if (refused || !issued) return refused ?? refuse('bad_timestamp', 'iat');
  const events = types.map((type) => eventOf(doc, { issuer, jti, issued, type, sole: types.length === 1, input }));
  return refusalOf(doc) ?? { ok: true, events };
}

const MAX_EVENTS = 16;

interface Set {
  readonly issuer: string;
  readonly jti: string;
  readonly issued: Stamp;
  readonly type: string;
  readonly sole: boolean;
  readonly input: ParseInput;
}

function eventOf(doc: Doc, set: Set): AuditEvent {
  const { issuer, jti, type, sole } = set;
  const body = partOf(doc, 'events', type);
  const draft = openDraft();
  const short = type.replace(/^https?:\/\/schemas\.openid\.net\/secevent\//, '');
  const action = actionOf(type, body);
  // What SSF itself says is about a stream, not about anybody.
  const isStream = type.startsWith(SSF);
  const subject: SsfSubject = isStream ? { known: true } : subjectOf(doc, body, issuer);
  if (isStream) addKey(draft, keyOf('stream', issuer, getString(doc, 'sub_id', 'id')), 'subject', 'sub_id.id');
  if (!subject.known) note(doc, 'sub_id');
  const role = roleOf(action);
  addKey(draft, subject.user, 'target', 'sub_id');
  addKey(draft, subject.email, 'target', 'sub_id', 'asserted');
  addKey(draft, subject.token, role, 'sub_id');
  addKey(draft, subject.session, type.startsWith(`${CAEP}session-established`) ? 'creates' : role, 'sub_id.session');
  addKey(draft, keyOf('txn', issuer, getString(doc, 'txn')), 'uses', 'txn');
  const addresses = at(body.json, 'ips');
  for (const address of Array.isArray(addresses) ? addresses.slice(0, 10) : [])
    addKey(draft, ipKey(address), 'place', 'ips');
  if (type === `${CAEP}session-established`)
    addEdge(draft, subject.user, subject.session, { relation: 'authenticated', rule: 'E1' });
  const name = sole ? `${issuer}/${jti}` : `${issuer}/${jti}#${short}`;
  const stamp = secondsOf(at(body.json, 'event_timestamp'));
  if (!stamp && at(body.json, 'event_timestamp') !== undefined) note(doc, 'events', type, 'event_timestamp');
  return compact<AuditEvent>({
    family: FAMILY,
    source: 'ssf.set',
    instance: normaliseHost(set.input.instance) ?? normaliseHost(issuer) ?? issuer,
    nativeId: name,
    dedupeKey: sole ? `${issuer}\u0000${jti}` : `${issuer}\u0000${jti}\u0000${type}`,
    type: short,
    occurred: stamp ?? set.issued,
    observed: stamp ? set.issued : undefined,
    action,
    outcome: 'success',
    outcomeReason: getString(body, 'change_type') ?? getString(body, 'reason'),
    actor: initiatorOf(body, subject),
    resource: resourceOf(subject),
    keys: draft.keys,
    edges: draft.edges,
    facts: factsOf(type, body, subject),
    unread: doc.notes.unread,
    content: doc.json,
  });
}

// In older drafts, which Okta's transmitter and RISC follow, the subject stands within the event.
function subjectOf(doc: Doc, body: Doc, issuer: string): SsfSubject {
  const inner = isObject(at(body.json, 'subject'));
  return readSubject(inner ? partOf(body, 'subject') : partOf(doc, 'sub_id'), issuer);
}

function secondsOf(value: unknown): Stamp | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) return undefined;
  if (value > MILLIS_FROM) return stampFromMillis(Math.floor(value));
  const stamp = stampFromMillis(Math.floor(value) * 1_000);
  return stamp && { at: stamp.at, precision: 's' };
}

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  [`${CAEP}session-revoked`, 'session.revoke'],
  [`${CAEP}session-established`, 'session.login'],
  [`${CAEP}session-presented`, 'token.use'],
  [`${CAEP}token-claims-change`, 'other'],
  [`${CAEP}assurance-level-change`, 'other'],
  [`${CAEP}device-compliance-change`, 'other'],
  [`${CAEP}risk-level-change`, 'other'],
  [`${RISC}account-disabled`, 'user.deactivate'],
  [`${RISC}account-purged`, 'user.deactivate'],
  [`${RISC}account-enabled`, 'user.reactivate'],
  [`${RISC}account-credential-change-required`, 'user.change'],
  [`${RISC}credential-compromise`, 'user.change'],
  [`${RISC}identifier-changed`, 'user.change'],
  [`${RISC}identifier-recycled`, 'identity.split'],
  [`${RISC}sessions-revoked`, 'session.revoke'],
  [`${SSF}verification`, 'other'],
  [`${SSF}stream-updated`, 'config.change'],
]);

const CHANGES: ReadonlyMap<string, Action> = new Map([
  ['create', 'credential.create'],
  ['update', 'credential.rotate'],
  ['revoke', 'credential.delete'],
  ['delete', 'credential.delete'],
]);

/** Whether a type of security event is one that is known here; the list is open, vendors have their own. */
export function isKnownSetType(short: string): boolean {
  const type = `https://schemas.openid.net/secevent/${short}`;
  return ACTIONS.has(type) || type === `${CAEP}credential-change` || short.startsWith('risc/event-type/opt-');
}

function actionOf(type: string, body: Doc): Action {
  if (type === `${CAEP}credential-change`)
    return CHANGES.get(getString(body, 'change_type') ?? '') ?? 'credential.rotate';
  return ACTIONS.get(type) ?? 'other';
}

function roleOf(action: Action): KeyRole {
  if (action === 'session.revoke') return 'ends';
  return action === 'token.use' || action === 'session.login' ? 'uses' : 'subject';
}

// CAEP says what sort of party began it, not which; a user acts on the own account.
function initiatorOf(body: Doc, subject: SsfSubject): ActorRef {
  const entity = getString(body, 'initiating_entity');
  if (entity === 'user')
    return compact<ActorRef>({ kind: 'human', key: subject.user?.key ?? '', display: subject.display });
  if (entity === 'admin') return { kind: 'human', key: '', display: 'an administrator' };
  if (entity === 'policy' || entity === 'system') return { kind: 'system', key: '', display: entity };
  return { kind: 'unknown', key: '' };
}

function resourceOf({ token, session, user, email, display }: SsfSubject): AuditEvent['resource'] {
  const named = [
    ['token', token],
    ['session', session],
    ['user', user],
    ['user', email],
  ] as const;
  const found = named.find(([, key]) => key !== undefined);
  if (!found?.[1]) return undefined;
  return compact<NonNullable<AuditEvent['resource']>>({ type: found[0], key: found[1].key, display });
}

function factsOf(type: string, body: Doc, subject: SsfSubject): Facts {
  // RISC 2.6: the address was given to somebody else, so what it said of its holder until then is no longer so.
  if (type === `${RISC}identifier-recycled` && subject.email)
    return { identity: { change: 'split', accounts: [[subject.email.key]], method: 'risc' } };
  if (type === `${CAEP}session-established`) {
    const methods = at(body.json, 'amr');
    const mfa = Array.isArray(methods) && methods.includes('mfa');
    return { login: compact<NonNullable<Facts['login']>>({ mfa: mfa ? true : undefined }) };
  }
  if (type === `${CAEP}risk-level-change` || type === `${RISC}credential-compromise`) {
    const level = getString(body, 'current_level') ?? getString(body, 'credential_type') ?? 'unknown';
    return { findings: [{ kind: 'identity_risk', detail: level }] };
  }
  return {};
}
