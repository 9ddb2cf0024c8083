import { z } from 'zod';
import { PLACE, placeOf } from '../log-state.ts';
import type { StoredPartition } from '../log-state.ts';
import { DERIVED } from '../tables.ts';
import type { Session } from '../session.ts';

/** A condition over `records`: leaves out second copies. Normally there are none, and the set is empty. */
export const COUNTED_RECORDS =
  '(records.ref, records.ingested_at, records.writer_epoch) NOT IN (SELECT ref, ingested_at, writer_epoch FROM dups)';

// A mutation reads the whole table, so as few as can be; the engine bounds how much one statement may carry.
const COPIES_A_STATEMENT = 5_000;

const counted = z.object({ copies: z.coerce.number() });

/**
 * Records second copies of a range in `dups`, each once: of the copies of a record the one that was stored first counts.
 * Gives how many there are in the range now.
 */
export async function recordDups(
  session: Pick<Session, 'run' | 'read'>,
  place: StoredPartition,
  first: number,
  last: number,
  foundAtUs: number,
): Promise<number> {
  const params = { ...placeOf(place), first, last };
  const insert = `INSERT INTO dups SELECT topic, source_epoch, partition, offset, ref, ingested_at, writer_epoch, count() - (row = 1) AS copies,
      fromUnixTimestamp64Micro({found_at:Int64}, 'UTC')
    FROM (SELECT topic, source_epoch, partition, offset, ref, ingested_at, writer_epoch,
        dense_rank() OVER (PARTITION BY offset ORDER BY ingested_at, writer_epoch) AS row
      FROM records WHERE ${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64})
    WHERE (topic, source_epoch, partition, offset, ingested_at, writer_epoch) NOT IN
      (SELECT topic, source_epoch, partition, offset, ingested_at, writer_epoch FROM dups WHERE ${PLACE})
    GROUP BY topic, source_epoch, partition, offset, ref, ingested_at, writer_epoch, row HAVING copies > 0`;
  await session.run(insert, { ...params, found_at: foundAtUs });
  const sql = `SELECT sum(copies) AS copies FROM dups WHERE ${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64}`;
  return (await session.read({ sql, params, row: counted }))[0]?.copies ?? 0;
}

/**
 * Takes the rows out of the derived tables that came of second copies. They follow from records and can be made again,
 * so they need not be kept as records are; what came of the copy that counts stays. A worker that was given up may have
 * stamped its copy first and stored it last, without its events: then those of the other copy are the only ones, and stay.
 * Waits until no query sees what goes.
 */
export async function dropDerivedOfDups(
  session: Pick<Session, 'run' | 'read'>,
  place: StoredPartition,
  first: number,
  last: number,
): Promise<void> {
  // A record has room for 4,096 events (model/position.ts), and only those of the copies are looked at.
  const held = `FROM dups WHERE ${PLACE} AND dups.offset BETWEEN {first:UInt64} AND {last:UInt64}`;
  const sql = `SELECT DISTINCT toString(dups.ref) AS ref, toString(toUnixTimestamp64Micro(dups.ingested_at)) AS at FROM dups
    INNER JOIN (SELECT offset, min((ingested_at, writer_epoch)) AS counts FROM records WHERE ${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64} GROUP BY offset) AS kept
      ON kept.offset = dups.offset
    WHERE ${PLACE} AND dups.offset BETWEEN {first:UInt64} AND {last:UInt64} AND dups.ingested_at != kept.counts.1
      AND (dups.ref, kept.counts.1) IN
        (SELECT bitShiftLeft(bitShiftRight(events.ref, 12), 12), events.ingested_at FROM events WHERE events.ref BETWEEN (SELECT min(dups.ref) ${held}) AND (SELECT max(dups.ref) + 4095 ${held}))
    ORDER BY ref, at`;
  const row = z.object({ ref: z.string(), at: z.string() });
  const copies = await session.read({ sql, params: { ...placeOf(place), first, last }, row });
  for (let at = 0; at < copies.length; at += COPIES_A_STATEMENT) {
    const piece = copies.slice(at, at + COPIES_A_STATEMENT);
    const params = { refs: piece.map((copy) => copy.ref), times: piece.map((copy) => copy.at) };
    for (const { table } of DERIVED)
      await session.run(
        `ALTER TABLE ${table} DELETE WHERE (bitShiftLeft(bitShiftRight(ref, 12), 12), toUnixTimestamp64Micro(ingested_at)) IN
          (SELECT copy.1, copy.2 FROM (SELECT arrayJoin(arrayZip({refs:Array(UInt64)}, {times:Array(Int64)})) AS copy)) SETTINGS mutations_sync = 2`,
        params,
      );
  }
}
