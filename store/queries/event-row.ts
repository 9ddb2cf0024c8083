import { z } from 'zod';
import type { ActorRef } from '../../model/actor.ts';
import { eventKey } from '../../model/key.ts';
import type { Facts } from '../../model/facts.ts';
import type { StoredEvent, StoredKey } from '../stored-event.ts';

/** Times come as whole microseconds in text, so that no digit passes through a floating point number of the engine. */
const micros = z.string().transform(Number);
const optional = z.string().transform((text) => (text === '' ? undefined : text));

/** The columns of `events` that a StoredEvent is made of, in the form in which `toStoredEvent` reads them. */
export const EVENT_COLUMNS = `toString(ref) AS ref, toString(event_id) AS event_id, toString(disposition) AS disposition, family, source,
  instance, native_id, type, toString(toUnixTimestamp64Micro(occurred_at)) AS occurred_us, toString(precision) AS precision,
  if(isNull(observed_at), '', toString(toUnixTimestamp64Micro(assumeNotNull(observed_at)))) AS observed_us,
  toString(toUnixTimestamp64Milli(received_at)) AS received_ms, sequence, action, stage, outcome, outcome_code, outcome_reason, actor,
  parties, credential_kind, credential_key, resource_type, resource_key, resource_display, environment, source_ip, user_agent, facts,
  keys, unread`;

/** A row of `events` as the engine gives it for EVENT_COLUMNS. */
export const eventRow = z.object({
  ref: z.string(),
  event_id: z.string(),
  disposition: z.enum(['accepted', 'duplicate', 'conflict']),
  family: z.string(),
  source: z.string(),
  instance: z.string(),
  native_id: z.string(),
  type: z.string(),
  occurred_us: micros,
  precision: z.enum(['s', 'ms', 'us', 'ns']),
  observed_us: optional,
  received_ms: micros,
  sequence: optional,
  action: z.string(),
  stage: z.string(),
  outcome: z.string(),
  outcome_code: optional,
  outcome_reason: optional,
  actor: z.string(),
  parties: z.string(),
  credential_kind: z.string(),
  credential_key: optional,
  resource_type: z.string(),
  resource_key: optional,
  resource_display: optional,
  environment: optional,
  source_ip: optional,
  user_agent: optional,
  facts: z.string(),
  keys: z.string(),
  unread: z.array(z.string()),
});
export type EventRow = z.output<typeof eventRow>;

interface Parties {
  readonly onBehalfOf?: ActorRef;
  readonly actChain?: readonly ActorRef[];
  readonly initiator?: ActorRef;
}

/** The typed view of a row. The JSON columns were written by the worker, so they are trusted to have their shape. */
export function toStoredEvent(row: EventRow): StoredEvent {
  const parties = readJson<Parties>(row.parties, {});
  return {
    ref: row.ref,
    event: eventKey(row.family, row.native_id),
    eventId: row.event_id,
    disposition: row.disposition,
    family: row.family,
    source: row.source,
    instance: row.instance,
    nativeId: row.native_id,
    type: row.type,
    occurredAt: row.occurred_us,
    precision: row.precision,
    receivedAt: row.received_ms * 1_000,
    action: row.action,
    stage: row.stage,
    outcome: row.outcome,
    actor: readJson<ActorRef>(row.actor, { kind: 'unknown', key: '' }),
    actChain: parties.actChain ?? [],
    facts: readJson<Facts>(row.facts, {}),
    unread: row.unread,
    keys: readKeys(row.keys),
    ...present({
      observedAt: row.observed_us === undefined ? undefined : Number(row.observed_us),
      sequence: row.sequence,
      outcomeCode: row.outcome_code,
      outcomeReason: row.outcome_reason,
      onBehalfOf: parties.onBehalfOf,
      initiator: parties.initiator,
      environment: row.environment,
      sourceIp: row.source_ip,
      userAgent: row.user_agent,
    }),
    ...(row.credential_key === undefined ? {} : { credential: { kind: row.credential_kind, key: row.credential_key } }),
    ...(row.resource_key === undefined ? {} : { resource: resourceOf(row, row.resource_key) }),
  };
}

function resourceOf(row: EventRow, key: string): NonNullable<StoredEvent['resource']> {
  return {
    type: row.resource_type,
    key,
    ...(row.resource_display === undefined ? {} : { display: row.resource_display }),
  };
}

type KeyTuple = [StoredKey['key'], StoredKey['class'], StoredKey['role'], StoredKey['confidence'], StoredKey['field']];

function readKeys(text: string): readonly StoredKey[] {
  return readJson<KeyTuple[]>(text, []).map(([key, keyClass, role, confidence, field]) => ({
    key,
    class: keyClass,
    role,
    confidence,
    field,
  }));
}

function readJson<T>(text: string, absent: T): T {
  return text === '' ? absent : (JSON.parse(text) as T);
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Present<T>;
}
