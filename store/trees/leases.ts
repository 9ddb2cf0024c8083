import { z } from 'zod';
import { PLACE, placeOf } from '../log-state.ts';
import type { StoredPartition } from '../log-state.ts';
import type { Session } from '../session.ts';

/** Who may write a partition. */
export interface Lease {
  readonly writerEpoch: number;
  readonly holder: string;
}

const row = z.object({ writer_epoch: z.coerce.number(), holder: z.string() });

/**
 * The leases of the highest epoch that is known of a partition. More than one where two took the same epoch at once. A
 * holder without a name stands for rows that were written under the epoch.
 */
export async function readHighestLeases(session: Pick<Session, 'read'>, place: StoredPartition): Promise<Lease[]> {
  const all = `SELECT writer_epoch, holder FROM leases WHERE ${PLACE}
      UNION ALL SELECT writer_epoch, '' AS holder FROM batches WHERE ${PLACE}`;
  const sql = `SELECT DISTINCT writer_epoch, holder FROM (${all}) WHERE writer_epoch = (SELECT max(writer_epoch) FROM (${all})) ORDER BY holder DESC`;
  const rows = await session.read({ sql, params: placeOf(place), row });
  return rows.map(({ writer_epoch, holder }) => ({ writerEpoch: writer_epoch, holder }));
}

/** Notes that somebody wants to write a partition from now on. */
export async function insertLease(
  session: Pick<Session, 'run'>,
  place: StoredPartition,
  lease: Lease,
  takenAtUs: number,
): Promise<void> {
  const sql = `INSERT INTO leases SELECT {topic:String}, {source_epoch:UInt16}, {partition:UInt16}, {writer_epoch:UInt64}, {holder:String},
    fromUnixTimestamp64Micro({taken_at:Int64}, 'UTC')`;
  const params = { ...placeOf(place), writer_epoch: lease.writerEpoch, holder: lease.holder, taken_at: takenAtUs };
  await session.run(sql, params);
}
