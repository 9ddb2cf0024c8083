import { PLACE, placeOf } from './log-state.ts';
import type { StoredPartition } from './log-state.ts';
import { readRowBinary } from './row-binary.ts';
import type { Session } from './session.ts';

/** A rejected record as it is announced. `leaf` is hex, `headers` a JSON object; times are Unix milliseconds. */
export interface RejectedRecord {
  readonly offset: number;
  readonly receivedAtMs: number;
  readonly reason: string;
  readonly detail: string;
  readonly leaf: string;
  readonly key: string;
  readonly headers: string;
  readonly value: Buffer;
}

/** How much is announced at once. */
const LETTERS = 1_000;
const BYTES = 8 * 2 ** 20;

/**
 * The next rejected records of a partition that no announcement covers, up to an offset (included), in the order of the
 * log: at most 1,000, and about 8 MiB of values. Announcements are written in that order, so the last one says how far
 * they go.
 */
export async function readUnannounced(session: Session, place: StoredPartition, to: number): Promise<RejectedRecord[]> {
  const announced = `SELECT last_offset FROM announcements WHERE ${PLACE} ORDER BY last_offset DESC LIMIT 1`;
  const sql = `SELECT toInt64(offset), toUnixTimestamp64Milli(received_at), toString(reason), detail, lower(hex(leaf)), key, headers, value FROM
    (SELECT *, sum(length(value)) OVER (ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM
      (SELECT offset, received_at, reason, detail, leaf, key, headers, value FROM records
       WHERE ${PLACE} AND status = 'rejected' AND toInt64(offset) > ifNull(toInt64((${announced})), -1) AND offset <= {to:UInt64}
       ORDER BY offset LIMIT {letters:UInt32}))
    WHERE before <= {bytes:UInt64} ORDER BY offset FORMAT RowBinary`;
  const params = { ...placeOf(place), to, letters: LETTERS, bytes: BYTES };
  const reader = readRowBinary(await session.bytes({ sql, params }));
  const rows: RejectedRecord[] = [];
  while (!reader.atEnd()) {
    rows.push({
      offset: reader.integer(),
      receivedAtMs: reader.integer(),
      reason: reader.text(),
      detail: reader.text(),
      leaf: reader.text(),
      key: reader.text(),
      headers: reader.text(),
      value: reader.string(),
    });
  }
  return rows;
}

/** Where letters of a stretch of the log were announced. */
export interface Announcement extends StoredPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly letters: number;
  readonly announced: { readonly partition: number; readonly firstOffset: number; readonly lastOffset: number };
  readonly announcedAtUs: number;
}

/** Notes an announcement that the log has taken. */
export async function insertAnnouncement(session: Session, row: Announcement): Promise<void> {
  const sql = `INSERT INTO announcements SELECT {topic:String}, {source_epoch:UInt16}, {partition:UInt16}, {first:UInt64}, {last:UInt64}, {letters:UInt32},
    {announced_partition:UInt16}, {announced_first:UInt64}, {announced_last:UInt64}, fromUnixTimestamp64Micro({announced_at:Int64}, 'UTC')`;
  await session.run(sql, {
    ...placeOf(row),
    first: row.firstOffset,
    last: row.lastOffset,
    letters: row.letters,
    announced_partition: row.announced.partition,
    announced_first: row.announced.firstOffset,
    announced_last: row.announced.lastOffset,
    announced_at: row.announcedAtUs,
  });
}
