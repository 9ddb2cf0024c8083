import type { Action, Outcome } from '../../model/action.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import { addEdge, addKey, compact } from './draft.ts';
import {
  addFlow,
  addParty,
  connectionResource,
  getText,
  getTime,
  hoopParty,
  messageTime,
  sentTime,
  versionOf,
} from './hoop-parts.ts';
import { sessionFindings } from './hoop-use.ts';
import type { Decision, Hoop, HoopEvent } from './hoop-parts.ts';
import { laterOf, readReview } from './hoop-review.ts';
import { at, getId, getNumber, isObject, needId, needStamp, partOf } from './read.ts';

type Finding = NonNullable<Facts['findings']>[number];

/** Webhook `session.open` (sources.md 1.12): who opened what. No time and no approver: `owner_email` is who asked. */
export function readSessionOpen(hoop: Hoop): HoopEvent {
  const { doc } = hoop;
  const id = needId(doc, 'id');
  const actor = hoopParty(hoop, { id: getId(doc, 'user_id'), email: getText(doc, 'user_email') });
  const connection = getText(doc, 'connection');
  const review = partOf(doc, 'review');
  const status = getText(review, 'status');
  addFlow(hoop, { session: id, review: undefined, connection, fields: ['id', 'review'] });
  addParty(hoop, actor, 'actor', 'user_email');
  return compact<HoopEvent>({
    nativeId: `session.open:${id}`,
    // One session may open twice, when it is asked for and when it runs: the review's status tells them apart.
    dedupeKey: `session.open:${id}:${status ?? ''}`,
    type: 'session.open',
    occurred: messageTime(hoop),
    action: 'exec.session.start',
    outcome: openOutcome(status),
    outcomeCode: status,
    actor,
    credential: { kind: 'hoop_session', key: `hoop:session:${hoop.host}/${id}` },
    resource: connectionResource(hoop, connection),
    facts: compact<Facts>({
      request: status === undefined ? undefined : requestOf(connection),
      findings: arrivalFinding(hoop),
    }),
    content: [
      id,
      actor.key,
      connection,
      status,
      getText(review, 'type'),
      getText(doc, 'verb'),
      getNumber(doc, 'input_size'),
    ],
  });
}

/** Webhook `session.close`: no time and no person. Exit code -100 means that hoop does not know. */
export function readSessionClose(hoop: Hoop): HoopEvent {
  const { doc } = hoop;
  const id = needId(doc, 'id');
  const code = getNumber(doc, 'exit_code');
  addFlow(hoop, { session: id, sessionRole: 'ends', fields: ['id', 'review'] });
  return compact<HoopEvent>({
    nativeId: `session.close:${id}`,
    dedupeKey: `session.close:${id}`,
    type: 'session.close',
    occurred: messageTime(hoop),
    action: 'exec.session.end',
    outcome: exitOutcome(code),
    outcomeCode: code === undefined ? undefined : String(code),
    actor: { kind: 'unknown', key: '' },
    resource: { type: 'session', key: `hoop://${hoop.host}/session/${id}` },
    facts: compact<Facts>({ findings: arrivalFinding(hoop) }),
    content: [id, code],
  });
}

/**
 * Routed events (`access.jit_approved`, `session.started`, alerts ...); the fields lie in `payload` or beside the type.
 * A hint, not the record: its reviewer is only the first who decided, and may be a key's name (sources.md 1.12.1).
 */
export function readRouted(hoop: Hoop, type: string): HoopEvent {
  const { doc } = hoop;
  const body = isObject(at(doc.json, 'payload')) ? partOf(doc, 'payload') : doc;
  const isDecision = type.startsWith('access.jit_');
  const review = isDecision ? needId(body, 'review_id') : getId(body, 'review_id');
  const session = getId(body, 'session_id') ?? (isDecision ? undefined : needId(body, 'id'));
  const stated = at(body.json, 'occurred_at') === undefined ? undefined : needStamp(body, 'occurred_at');
  const occurred = stated ?? messageTime(hoop);
  const connection = getText(body, 'connection');
  const user = hoopParty(hoop, { email: getText(body, 'user'), name: getText(body, 'user') });
  const reviewer = hoopParty(hoop, { email: getText(body, 'reviewer'), name: getText(body, 'reviewer') });
  const actor = isDecision ? reviewer : user;
  const decided: Decision['decided'] = type === 'access.jit_denied' ? 'denied' : 'approved';
  const action = routedAction(type);
  const where = body.where === '' ? '' : `${body.where}.`;
  addFlow(hoop, {
    session,
    sessionRole: isDecision ? 'mentions' : action === 'exec.session.end' ? 'ends' : 'subject',
    review,
    reviewRole: isDecision ? 'decides' : 'uses',
    connection,
    fields: [`${where}session_id`, `${where}review_id`],
  });
  addParty(hoop, actor, 'actor', isDecision ? `${where}reviewer` : `${where}user`);
  if (isDecision) addParty(hoop, user, 'initiator', `${where}user`);
  const mode = reviewer.kind === 'human' ? 'human' : undefined;
  const decision = isDecision ? compact<Decision>({ decided, mode, at: occurred.at, by: reviewer }) : undefined;
  const nativeId = `${(isDecision ? review : session) ?? ''}:${type}`;
  return compact<HoopEvent>({
    nativeId,
    // A session may raise the same alert twice.
    dedupeKey:
      isDecision || type.startsWith('session.') ? nativeId : `${nativeId}:${getText(body, 'occurred_at') ?? ''}`,
    type,
    occurred,
    action,
    outcome: decided === 'denied' && isDecision ? 'denied' : 'success',
    actor,
    initiator: isDecision && user.key !== '' ? user : undefined,
    resource: connectionResource(hoop, connection),
    facts: compact<Facts>({ decision }),
    content: [type, session, review, user.key, reviewer.key, connection, getText(body, 'occurred_at')],
  });
}

/** A row of `GET /api/sessions`: a version of a session, the record of who did what where (sources.md 1.12.1). */
export function readSessionRow(hoop: Hoop): HoopEvent {
  const { doc, draft, host } = hoop;
  const id = needId(doc, 'id');
  const start = needStamp(doc, 'start_date');
  const actor = hoopParty(hoop, {
    id: getId(doc, 'user_id'),
    email: getText(doc, 'user'),
    name: getText(doc, 'user_name'),
    type: getText(doc, 'identity_type'),
  });
  const connection = getText(doc, 'connection');
  const reviewDoc = partOf(doc, 'review');
  const review = readReview(hoop, reviewDoc);
  const end = getTime(doc, 'end_date');
  addFlow(hoop, { session: id, review: getId(reviewDoc, 'id'), connection, fields: ['id', 'review.id'] });
  addParty(hoop, actor, 'actor', 'user_id');
  // The user may rewrite the metadata, so what it says of a parent is only asserted.
  const parent = keyOf('hoop:session', host, getId(doc, 'metadata', 'credential_session'));
  addKey(draft, parent, 'mentions', 'metadata.credential_session', 'asserted');
  addEdge(draft, parent, keyOf('hoop:session', host, id), { relation: 'created', rule: 'E32', confidence: 'asserted' });
  const code = getNumber(doc, 'exit_code');
  const isWaiting = end === undefined && code === undefined && reviewDoc.json !== undefined;
  const version = versionOf(doc.json);
  const findings = [
    ...review.findings,
    ...sessionFindings(reviewDoc, review.decisions, actor, { start: start.at, end: end?.at }),
  ];
  return compact<HoopEvent>({
    nativeId: `rest.session:${id}:${version}`,
    dedupeKey: `rest.session:${id}:${version}`,
    type: 'rest.session',
    occurred: laterOf(laterOf(start, end), review.latest) ?? start,
    action: isWaiting ? 'access.request' : 'exec.session.start',
    outcome: isWaiting ? 'pending' : exitOutcome(code),
    outcomeCode: getText(doc, 'status'),
    actor,
    credential: { kind: 'hoop_session', key: `hoop:session:${host}/${id}` },
    resource: connectionResource(hoop, connection),
    environment: getText(doc, 'connection_tags', 'environment'),
    facts: compact<Facts>({
      request: reviewDoc.json === undefined ? undefined : requestOf(connection),
      findings: findings.length > 0 ? findings : undefined,
    }),
    content: { id, version },
  });
}

// Where not even the message is stamped, the reader of a timeline must know that its place is that of its arrival.
function arrivalFinding(hoop: Hoop): readonly Finding[] | undefined {
  if (sentTime(hoop)) return undefined;
  return [{ kind: 'time_of_arrival', detail: 'The source states no time: when it arrived stands in its place.' }];
}

function requestOf(connection: string | undefined): NonNullable<Facts['request']> {
  return connection === undefined ? {} : { roles: [connection] };
}

function openOutcome(status: string | undefined): Outcome {
  if (status === 'PENDING') return 'pending';
  return status === 'REJECTED' || status === 'REVOKED' ? 'denied' : 'success';
}

// 254 covers killed, expired, denied and interrupted alike.
function exitOutcome(code: number | undefined): Outcome {
  if (code === undefined || code === -100) return 'unknown';
  return code === 0 ? 'success' : 'failure';
}

function routedAction(type: string): Action {
  if (type === 'access.jit_approved') return 'access.approve';
  if (type === 'access.jit_denied') return 'access.deny';
  if (type === 'session.started') return 'exec.session.start';
  return type === 'session.closed' ? 'exec.session.end' : 'other';
}
