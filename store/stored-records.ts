import { z } from 'zod';
import { positionOf } from '../model/position.ts';
import { PLACE, placeOf } from './log-state.ts';
import type { StoredPartition } from './log-state.ts';
import type { Reader } from './query.ts';
import { readRowBinary } from './row-binary.ts';
import type { Session } from './session.ts';

/** A record as it is read back to derive its events again. */
export interface StoredRecord {
  readonly offset: number;
  readonly receivedAtMs: number;
  readonly ingestedAtUs: number;
  readonly writerEpoch: number;
  readonly engineRejected: boolean;
  readonly key: string;
  readonly headers: string;
  readonly value: Buffer;
}

/** Records of a range of offsets, both ends included, in the order of the log. */
export async function readRecords(
  session: Session,
  place: StoredPartition,
  from: number,
  to: number,
): Promise<StoredRecord[]> {
  const sql = `SELECT toInt64(offset), toUnixTimestamp64Milli(received_at), toUnixTimestamp64Micro(ingested_at), toInt64(writer_epoch), toInt64(reason = 'engine_rejected'),
    key, headers, value FROM records WHERE ${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64}
    ORDER BY offset, ingested_at, writer_epoch LIMIT 1 BY offset FORMAT RowBinary`;
  const reader = readRowBinary(await session.bytes({ sql, params: { ...placeOf(place), first: from, last: to } }));
  const rows: StoredRecord[] = [];
  while (!reader.atEnd()) {
    rows.push({
      offset: reader.integer(),
      receivedAtMs: reader.integer(),
      ingestedAtUs: reader.integer(),
      writerEpoch: reader.integer(),
      engineRejected: reader.integer() === 1,
      key: reader.text(),
      headers: reader.text(),
      value: reader.string(),
    });
  }
  return rows;
}

/**
 * The last offset of a piece of a range that holds at most `maxRows` records and about `maxBytes` of values, so that a
 * range of any size can be read in pieces; `to` where nothing is left.
 */
export async function readPieceEnd(
  session: Session,
  place: StoredPartition,
  from: number,
  to: number,
  maxRows: number,
  maxBytes: number,
): Promise<number> {
  const sql = `SELECT toString(maxIf(offset, size <= {max_bytes:UInt64} OR row = 1)) AS last, toString(count()) AS rows FROM (
    SELECT offset, row_number() OVER w AS row, sum(length(value)) OVER w AS size FROM
      (SELECT offset, value FROM records WHERE ${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64} ORDER BY offset LIMIT {max_rows:UInt64})
    WINDOW w AS (ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))`;
  const params = { ...placeOf(place), first: from, last: to, max_rows: maxRows, max_bytes: maxBytes };
  const [found] = await session.read({ sql, params, row: z.object({ last: z.string(), rows: z.string() }) });
  return !found || found.rows === '0' ? to : Number(found.last);
}

/** What is held of an event of this id: the first that was accepted. */
export interface KnownEvent {
  readonly eventId: string;
  readonly ref: bigint;
  /** 32 hex digits. */
  readonly contentHash: string;
}

/** The accepted events of some ids. */
export async function findEvents(reader: Reader, ids: readonly string[]): Promise<KnownEvent[]> {
  const row = z.object({ id: z.string(), ref: z.string(), hash: z.string() });
  const sql = `SELECT toString(event_id) AS id, min(ref) AS ref, lower(hex(argMin(content_hash, events.ref))) AS hash FROM events
    WHERE event_id IN {ids:Array(UUID)} AND disposition = 'accepted' GROUP BY event_id`;
  const rows = await reader.read({ sql, params: { ids }, row });
  return rows.map(({ id, ref, hash }) => ({ eventId: id, ref: BigInt(ref), contentHash: hash }));
}

/** A record as the comparison of two contents needs it. `ref` is that of an event in it. */
export interface RecalledRecord {
  readonly ref: bigint;
  readonly receivedAtMs: number;
  readonly headers: string;
  readonly value: Buffer;
}

/** The records that hold the events of these references, of the newest history of the log. */
export async function recallRecords(
  session: Pick<Session, 'bytes'>,
  refs: readonly bigint[],
): Promise<RecalledRecord[]> {
  const places = new Map<string, { topic: string; partition: number; refs: bigint[] }>();
  for (const ref of refs) {
    const { topic, partition } = positionOf(ref);
    const place = places.get(`${topic}/${partition}`) ?? { topic, partition, refs: [] };
    place.refs.push(ref);
    places.set(`${topic}/${partition}`, place);
  }
  const found: RecalledRecord[] = [];
  for (const place of places.values()) found.push(...(await recallFrom(session, place)));
  return found;
}

async function recallFrom(
  session: Pick<Session, 'bytes'>,
  { topic, partition, refs }: { topic: string; partition: number; refs: readonly bigint[] },
): Promise<RecalledRecord[]> {
  const sql = `SELECT toInt64(offset), toUnixTimestamp64Milli(received_at), headers, value FROM records
    WHERE topic = {topic:String} AND partition = {partition:UInt16} AND offset IN {offsets:Array(UInt64)}
    ORDER BY source_epoch FORMAT RowBinary`;
  const offsets = [...new Set(refs.map((ref) => String(positionOf(ref).offset)))];
  const reader = readRowBinary(await session.bytes({ sql, params: { topic, partition, offsets } }));
  const byOffset = new Map<number, Omit<RecalledRecord, 'ref'>>();
  while (!reader.atEnd()) {
    const offset = reader.integer();
    byOffset.set(offset, { receivedAtMs: reader.integer(), headers: reader.text(), value: reader.string() });
  }
  return refs.flatMap((ref) => {
    const record = byOffset.get(positionOf(ref).offset);
    return record ? [{ ref, ...record }] : [];
  });
}

/**
 * The ids of accepted events from one reference to another, both included, 16 bytes each as the engine writes a UUID; at
 * most `limit`.
 */
export async function readEventIds(
  session: Pick<Session, 'bytes'>,
  tenant: string,
  fromRef: bigint,
  limit: number,
  toRef: bigint,
): Promise<{ ids: Buffer; nextRef: bigint }> {
  const sql = `SELECT ref, event_id FROM events WHERE tenant = {tenant:String} AND disposition = 'accepted' AND ref BETWEEN {from:UInt64} AND {to:UInt64} ORDER BY tenant, ref
    LIMIT {limit:UInt32} FORMAT RowBinary`;
  const rows = await session.bytes({ sql, params: { tenant, from: String(fromRef), to: String(toRef), limit } });
  const count = rows.length / 24;
  const ids = Buffer.allocUnsafeSlow(count * 16);
  for (let index = 0; index < count; index += 1) rows.copy(ids, index * 16, index * 24 + 8, index * 24 + 24);
  return { ids, nextRef: count === 0 ? fromRef : rows.readBigUInt64LE((count - 1) * 24) + 1n };
}
