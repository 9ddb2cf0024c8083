import type { ChainEvent } from '../model/chain.ts';
import type { Policy } from '../model/policy.ts';
import { positionOf } from '../model/position.ts';
import { Problem } from '../model/problem.ts';
import { formatMicros } from '../model/time.ts';
import type { StoredPartition } from '../store/log-state.ts';
import type { Reader } from '../store/query.ts';
import { toStoredEvent } from '../store/queries/event-row.ts';
import { findEventsById, findEventsByRef } from '../store/queries/find-events.ts';
import { findRecord } from '../store/queries/find-record.ts';
import type { RecordRow } from '../store/queries/find-record.ts';
import type { StoredEvent, StoredKey } from '../store/stored-event.ts';
import { tellEvent } from './chains/build-chain.ts';
import { nameEvents } from './chains/load-events.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import { readCheckpoint } from '../store/trees/heads.ts';
import { proveRecord } from './log/prove.ts';
import { readEventsNamed } from './chains/read-events.ts';
import type { Rules } from './chains/rules.ts';
import type { Identities } from './identity.ts';

/** An event with everything that is held of it: its keys, its record byte for byte, its leaf, what came again. */
export interface EventDetail extends ChainEvent {
  readonly event_id: string;
  readonly received_at: string;
  readonly keys: readonly StoredKey[];
  readonly facts: StoredEvent['facts'];
  readonly unread: readonly string[];
  readonly record: ShownRecord;
  /** That the record's leaf is in the signed log (ledger/evidence.ts), or why it is not yet or not at all. */
  readonly proof: Awaited<ReturnType<typeof proveRecord>>;
  readonly deliveries: readonly { readonly ref: string; readonly disposition: string; readonly received_at: string }[];
}

export interface ShownRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly source: string;
  readonly delivery: string;
  readonly received_at: string;
  readonly status: string;
  readonly reason: string;
  /** The record as text where it is UTF-8, else as base64; secrets were taken out before it was stored. */
  readonly value: string;
  readonly encoding: 'utf8' | 'base64';
  readonly headers: Readonly<Record<string, string>>;
  /** RFC 6962 leaf hash, hex. */
  readonly leaf: string;
}

/**
 * Everything about one event, by its name (`event:<family>/<id>`), its identity (UUID) or its place in the log
 * (decimal). Problems: `not_found`; `conflict` where a name means several events, with their full names.
 */
export async function readEventDetail(
  deps: { readonly reader: Reader; readonly policy: Policy; readonly rules: Rules; readonly identities: Identities },
  id: string,
): Promise<EventDetail> {
  const { reader, policy, rules, identities } = deps;
  const found = await findEvent(reader, policy.tenant, id);
  const [event, ...others] = await nameEvents(reader, policy.tenant, found, NO_AS_OF_MS);
  if (!event) throw new Problem('not_found', 'There is no event of this name.');
  if (others.length > 0) {
    const names = [event, ...others].slice(0, 10).map((one) => one.event);
    throw new Problem('conflict', `This name means several events: ${names.join(', ')}.`);
  }
  const position = positionOf(BigInt(event.ref));
  const [record] = await reader.read(findRecord(policy.tenant, position.topic, position.partition, position.offset));
  if (!record) throw new Problem('not_found', 'The record of this event is not held.');
  const again = await reader.read(findEventsById(policy.tenant, event.eventId, NO_AS_OF_MS));
  return {
    ...tellEvent(event, rules, identities),
    event_id: event.eventId,
    received_at: formatMicros(event.receivedAt),
    keys: event.keys,
    facts: event.facts,
    unread: event.unread,
    record: showRecord(record),
    proof: await proveRecord(
      reader,
      placeOfRecord(record),
      { offset: Number(record.offset), leaf: Buffer.from(record.leaf, 'hex') },
      await readCheckpoint(reader),
    ),
    deliveries: again.map((row) => ({
      ref: row.ref,
      disposition: row.disposition,
      received_at: formatMicros(row.received_ms * 1_000),
    })),
  };
}

function placeOfRecord({ topic, partition, source_epoch }: RecordRow): StoredPartition {
  return { topic, partition, sourceEpoch: source_epoch };
}

async function findEvent(reader: Reader, tenant: string, id: string): Promise<readonly StoredEvent[]> {
  if (id.startsWith('event:')) return readEventsNamed(reader, tenant, [id], NO_AS_OF_MS);
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)) {
    const rows = await reader.read(findEventsById(tenant, id.toLowerCase(), NO_AS_OF_MS));
    return rows.filter((row) => row.disposition === 'accepted').map(toStoredEvent);
  }
  if (/^\d{1,20}$/.test(id) && BigInt(id) < 1n << 64n) {
    return (await reader.read(findEventsByRef(tenant, [id], NO_AS_OF_MS))).map(toStoredEvent);
  }
  throw new Problem(
    'invalid_request',
    'An event is asked for by event:<family>/<id>, by its UUID or by its place in the log.',
  );
}

function showRecord(row: RecordRow): ShownRecord {
  const bytes = Buffer.from(row.value, 'base64');
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(bytes);
  return {
    topic: row.topic,
    partition: row.partition,
    offset: row.offset,
    source: row.source,
    delivery: row.delivery,
    received_at: formatMicros(row.received_ms * 1_000),
    status: row.status,
    reason: row.reason,
    value: isText ? text : row.value,
    encoding: isText ? 'utf8' : 'base64',
    headers: row.headers === '' ? {} : (JSON.parse(row.headers) as Record<string, string>),
    leaf: row.leaf,
  };
}
