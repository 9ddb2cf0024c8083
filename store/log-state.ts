import { z } from 'zod';
import type { Digest, RowRange } from './digest.ts';
import type { Session } from './session.ts';

/** One partition of one history of the log, as the store knows it. */
export interface StoredPartition {
  readonly topic: string;
  readonly sourceEpoch: number;
  readonly partition: number;
}

const offset = z.object({ last: z.string().transform(Number) });
export const PLACE =
  'topic = {topic:String} AND source_epoch = {source_epoch:UInt16} AND partition = {partition:UInt16}';

/** Parameters of `PLACE`. */
export function placeOf(place: StoredPartition): { topic: string; source_epoch: number; partition: number } {
  return { topic: place.topic, source_epoch: place.sourceEpoch, partition: place.partition };
}

/** Records of a range of offsets, ends included. */
export function recordsRange(place: StoredPartition, first: number, last: number): RowRange {
  return {
    where: `${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64}`,
    params: { ...placeOf(place), first, last },
  };
}

/**
 * Derived rows of a range of references, ends included. The stamp of ingest stands beside it, because the engine leaves
 * out whole parts by it, while references of several topics lie mixed in a part.
 */
export function derivedRange(
  firstRef: bigint,
  lastRef: bigint,
  ingestedFromUs: number,
  ingestedToUs: number,
): RowRange {
  return {
    where: `ref BETWEEN {first_ref:UInt64} AND {last_ref:UInt64}
      AND ingested_at BETWEEN fromUnixTimestamp64Micro({from_us:Int64}, 'UTC') AND fromUnixTimestamp64Micro({to_us:Int64}, 'UTC')`,
    params: { first_ref: String(firstRef), last_ref: String(lastRef), from_us: ingestedFromUs, to_us: ingestedToUs },
  };
}

/** How far a partition is in the store: last offsets, -1 where there is none. */
export interface Reach {
  readonly record: number;
  /** Covered by a record or a gap: the position of the worker (W0). */
  readonly covered: number;
  /** Whose derived rows were read back. */
  readonly derived: number;
}

/** Asked of every partition whenever a folder is opened, so it is one statement; each part reads one granule. */
export async function readReach(session: Pick<Session, 'read'>, place: StoredPartition): Promise<Reach> {
  const lasts = {
    record: lastSql('records', 'offset', 'topic DESC, source_epoch DESC, partition DESC, offset DESC'),
    gap: lastSql('gaps', 'last_offset', 'last_offset DESC'),
    derived: lastSql('batches', 'last_offset', 'last_offset DESC'),
  };
  const columns = Object.entries(lasts).map(([name, sql]) => `ifNull(toInt64((${sql})), -1) AS ${name}`);
  const last = z.coerce.number();
  const [found] = await session.read({
    sql: `SELECT ${columns.join(', ')}`,
    params: placeOf(place),
    row: z.object({ record: last, gap: last, derived: last }),
  });
  const { record, gap, derived } = found ?? { record: -1, gap: -1, derived: -1 };
  return { record, covered: Math.max(record, gap), derived };
}

/** The last offset of a record; -1 where there is none. */
export async function readLastRecord(session: Session, place: StoredPartition): Promise<number> {
  return (await readReach(session, place)).record;
}

function lastSql(table: string, column: string, order: string): string {
  return `SELECT ${column} FROM ${table} WHERE ${PLACE} ORDER BY ${order} LIMIT 1`;
}

/** One more than the highest epoch that any writer has noted, so that rows tell one run of the worker from another. */
export async function nextWriterEpoch(session: Session): Promise<number> {
  const [found] = await session.read({
    sql: 'SELECT toString(max(writer_epoch)) AS last FROM batches',
    params: {},
    row: offset,
  });
  return (found?.last ?? 0) + 1;
}

/** Partitions that hold records, in order of topic and number. */
export function readPartitions(session: Session): Promise<StoredPartition[]> {
  const row = z.object({ topic: z.string(), source_epoch: z.number(), partition: z.number() });
  const sql = 'SELECT DISTINCT topic, source_epoch, partition FROM records ORDER BY topic, source_epoch, partition';
  return session
    .read({ sql, params: {}, row })
    .then((rows) =>
      rows.map(({ topic, source_epoch, partition }) => ({ topic, sourceEpoch: source_epoch, partition })),
    );
}

/** What is noted of a batch once its derived rows were read back. */
export interface BatchNote extends StoredPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly records: number;
  readonly digests: {
    readonly events: Digest;
    readonly keys: Digest;
    readonly edges: Digest;
    readonly records: Digest;
  };
  readonly writerEpoch: number;
  readonly ingestedAtUs: number;
}

/** Notes a batch as done. The note is an index, not the authority: what it misses is checked again at the next start. */
export async function insertBatchNote(session: Session, note: BatchNote): Promise<void> {
  const params = {
    ...placeOf(note),
    first: note.firstOffset,
    last: note.lastOffset,
    records: note.records,
    events: note.digests.events.rows,
    keys: note.digests.keys.rows,
    edges: note.digests.edges.rows,
    content_sum: String(note.digests.records.sum),
    writer_epoch: note.writerEpoch,
    ingested_at: note.ingestedAtUs,
  };
  const sql = `INSERT INTO batches SELECT {topic:String}, {source_epoch:UInt16}, {partition:UInt16}, {first:UInt64}, {last:UInt64}, {records:UInt32},
    {events:UInt32}, {keys:UInt32}, {edges:UInt32}, {content_sum:UInt64}, {writer_epoch:UInt64}, fromUnixTimestamp64Micro({ingested_at:Int64}, 'UTC')`;
  await session.run(sql, params);
}

/** A range of offsets that the log does not hold. `leaf` is hex. */
export interface GapRow extends StoredPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly reason: string;
  readonly leaf: string;
  readonly ingestedAtUs: number;
}

/** Stores a gap once: looks before it writes and after. */
export async function ensureGap(session: Session, gap: GapRow): Promise<void> {
  const params = { ...placeOf(gap), first: gap.firstOffset, last: gap.lastOffset };
  const count =
    'SELECT toString(count()) AS last FROM gaps WHERE ' +
    `${PLACE} AND first_offset = {first:UInt64} AND last_offset = {last:UInt64}`;
  const isThere = async (): Promise<boolean> =>
    ((await session.read({ sql: count, params, row: offset }))[0]?.last ?? 0) > 0;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (await isThere()) return;
    const sql = `INSERT INTO gaps SELECT {topic:String}, {source_epoch:UInt16}, {partition:UInt16}, {first:UInt64}, {last:UInt64}, {reason:String},
      unhex({leaf:String}), fromUnixTimestamp64Micro({ingested_at:Int64}, 'UTC')`;
    const insert = session.run(sql, { ...params, reason: gap.reason, leaf: gap.leaf, ingested_at: gap.ingestedAtUs });
    await (attempt === 2 ? insert : insert.catch(() => undefined));
  }
}

/**
 * Marks records whose derived rows the engine refused. Only what the worker found is changed: the bytes, the salt and
 * the leaf stay as they are (reliability.md 1.6).
 */
export async function markEngineRejected(
  session: Session,
  place: StoredPartition,
  offsets: readonly number[],
): Promise<void> {
  const sql = `ALTER TABLE records UPDATE status = 'rejected', reason = 'engine_rejected', detail = '', events = 0
    WHERE ${PLACE} AND offset IN {offsets:Array(UInt64)} SETTINGS mutations_sync = 2`;
  await session.run(sql, { ...placeOf(place), offsets: offsets.map(String) });
}

/** Empties the derived tables and the notes of what was derived; records and gaps stay. */
export async function clearDerived(session: Session): Promise<void> {
  for (const table of ['batches', 'edges', 'event_keys', 'events']) await session.run(`TRUNCATE TABLE ${table}`);
}
