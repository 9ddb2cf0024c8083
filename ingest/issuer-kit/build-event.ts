import { randomBytes } from 'node:crypto';
import { REVIEW_EVENT_TYPE } from '../../model/token-event.ts';
import { checkEvent } from './check-event.ts';
import type { CommonData, EventDraft, EventName, PartyRef, TokenEvent, TokenRef } from './event-types.ts';
import { IssuerKitError } from './kit-error.ts';

/** Where the schema of `data` is described (sources.md 3.3). */
export const DATA_SCHEMA = 'https://accessaudit.example/schemas/token-event/1.json';

// The widest sequence: with it an event has the size that it will have with its own.
const SEQUENCE_DIGITS = 20;

/** Types by their short names, as drafts have them. */
export const TYPE_OF: Readonly<Record<EventName, string>> = {
  requested: 'io.accessaudit.token.requested.v1',
  approved: 'io.accessaudit.token.approved.v1',
  denied: 'io.accessaudit.token.denied.v1',
  issued: 'io.accessaudit.token.issued.v1',
  exchanged: 'io.accessaudit.token.exchanged.v1',
  used: 'io.accessaudit.token.used.v1',
  revoked: 'io.accessaudit.token.revoked.v1',
  expired: 'io.accessaudit.token.expired.v1',
  reviewed: REVIEW_EVENT_TYPE,
};

/**
 * Makes the CloudEvent of a draft and checks it by the contract. What the draft leaves out is filled in: `id` (UUIDv7),
 * `time` (now), `subject`, `partitionkey`, `correlationid`, `authtype`. It has no `sequence` yet; `withSequence` gives
 * it one. Throws an IssuerKitError of code `invalid_event` with every fault, its place and its remedy.
 */
export function buildEvent(draft: EventDraft, source: string, now: Date = new Date()): TokenEvent {
  const time = draft.time === undefined ? now : draft.time;
  const data = draft.data as CommonData;
  const named = tokenName(data.token);
  const event = compact({
    specversion: '1.0',
    id: draft.id ?? uuidV7(now.getTime()),
    source,
    type: TYPE_OF[draft.type] ?? draft.type,
    subject: draft.subject ?? named?.subject ?? subjectOf(draft),
    time: time instanceof Date ? isoOf(time) : time,
    datacontenttype: 'application/json',
    dataschema: DATA_SCHEMA,
    // Events of one token stay in order on a partitioned log.
    partitionkey: named?.key ?? data.request_id,
    correlationid: draft.correlationid ?? data.txn ?? data.request_id,
    causationid: draft.causationid,
    traceparent: draft.traceparent,
    authtype: draft.authtype ?? authTypeOf(data.actors?.[0] ?? data.subject ?? data.requester),
    authid: draft.authid,
    data: { schema_version: 1, ...draft.data },
  }) as TokenEvent;
  const faults = [...unknownType(draft), ...checkEvent(withSequence(event, 0))];
  const [first] = faults;
  if (first) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
    const words = `${first.path || 'The event'} ${first.message}. ${first.remedy}${more}`;
    throw new IssuerKitError('invalid_event', words, { faults });
  }
  return event;
}

/** The event with the number that its source counts it by: decimal, padded to 20 digits (sources.md 3.3). */
export function withSequence(event: TokenEvent, sequence: number): TokenEvent {
  const { data, ...attributes } = event;
  return { ...attributes, sequence: String(sequence).padStart(SEQUENCE_DIGITS, '0'), data };
}

function unknownType(draft: EventDraft): IssuerKitError['faults'] {
  if (Object.hasOwn(TYPE_OF, draft.type)) return [];
  const remedy = `Use one of ${Object.keys(TYPE_OF).join(', ')}.`;
  return [{ path: 'type', code: 'contract', message: 'is none of the contract', remedy }];
}

function tokenName(token: TokenRef | undefined): { readonly subject: string; readonly key: string } | undefined {
  if (token?.jti !== undefined) return { subject: `jti:${token.jti}`, key: `${token.iss ?? ''}/${token.jti}` };
  return token?.sha256 === undefined ? undefined : { subject: `sha256:${token.sha256}`, key: token.sha256 };
}

function subjectOf(draft: EventDraft): string | undefined {
  if (draft.type === 'reviewed') return `request:${draft.data.review.subject_id}`;
  return draft.data.request_id === undefined ? undefined : `request:${draft.data.request_id}`;
}

function authTypeOf(party: PartyRef | undefined): string | undefined {
  if (party === undefined) return undefined;
  const names = {
    human: 'user',
    service: 'service_account',
    ai_agent: 'ai_agent',
    system: 'system',
    unknown: 'unknown',
  };
  return names[party.kind];
}

function isoOf(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'not a time' : time.toISOString();
}

function compact(attributes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** A UUID of version 7 (RFC 9562 section 5.7): ordered by time, so that ids of one source sort as they were made. */
function uuidV7(millis: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(millis, 0, 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
