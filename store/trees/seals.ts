import { z } from 'zod';
import { PLACE, placeOf } from '../log-state.ts';
import type { StoredPartition } from '../log-state.ts';
import type { Reader } from '../query.ts';
import type { Session } from '../session.ts';

/** A range of a partition that was checked. `size` and `root` are those of its tree at the end of the range. */
export interface Seal extends StoredPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly state: 'sealed' | 'broken';
  /** What is broken; empty where sealed. */
  readonly fault: string;
  readonly records: number;
  readonly gaps: number;
  readonly dups: number;
  readonly size: number;
  readonly root: Buffer;
}

const row = z.object({
  topic: z.string(),
  source_epoch: z.coerce.number(),
  partition: z.coerce.number(),
  first: z.coerce.number(),
  last: z.coerce.number(),
  state: z.enum(['sealed', 'broken']),
  fault: z.string(),
  records: z.coerce.number(),
  gaps: z.coerce.number(),
  dups: z.coerce.number(),
  size: z.coerce.number(),
  root: z.string(),
});

/** The last range that was found whole, of every partition. */
export async function readLastSeals(reader: Reader): Promise<Seal[]> {
  const sql = `SELECT topic, source_epoch, partition, first_offset AS first, last_offset AS last, toString(state) AS state, fault, records, gaps, dups, size,
      hex(root) AS root FROM seals WHERE state = 'sealed'
    ORDER BY topic DESC, source_epoch DESC, partition DESC, last_offset DESC LIMIT 1 BY topic, source_epoch, partition`;
  const rows = await reader.read({ sql, params: {}, row });
  return rows.map(({ topic, source_epoch, partition, first, last, root, ...rest }) => ({
    topic,
    sourceEpoch: source_epoch,
    partition,
    firstOffset: first,
    lastOffset: last,
    ...rest,
    root: Buffer.from(root, 'hex'),
  }));
}

/** Notes what a check of a range found. */
export async function insertSeal(
  writer: Pick<Session, 'run'>,
  seal: Seal,
  writerEpoch: number,
  sealedAtUs: number,
): Promise<void> {
  const { firstOffset, lastOffset, state, fault, records, gaps, dups, size } = seal;
  const params = {
    ...placeOf(seal),
    first: firstOffset,
    last: lastOffset,
    state,
    fault,
    records,
    gaps,
    dups,
    size,
    root: seal.root.toString('hex'),
    writer_epoch: writerEpoch,
    sealed_at: sealedAtUs,
  };
  const sql = `INSERT INTO seals SELECT {topic:String}, {source_epoch:UInt16}, {partition:UInt16}, {first:UInt64}, {last:UInt64}, {state:String}, {fault:String},
    {records:UInt64}, {gaps:UInt64}, {dups:UInt64}, {size:UInt64}, unhex({root:String}), {writer_epoch:UInt64}, fromUnixTimestamp64Micro({sealed_at:Int64}, 'UTC')`;
  await writer.run(sql, params);
}

/** What the store holds for one step of a tree. */
export interface HeldStep {
  readonly firstOffset: number;
  /** Rows, and distinct offsets. */
  readonly rows: number;
  readonly offsets: number;
  /** SHA-256 over the distinct leaves in the order of offsets. */
  readonly leaves: Buffer;
}

const held = z.object({
  first: z.coerce.number(),
  rows: z.coerce.number(),
  offsets: z.coerce.number(),
  leaves: z.string(),
});

/**
 * What records and gaps hold for each step of a range, computed by the engine. A second copy of a record makes `rows`
 * larger than `offsets` and leaves `leaves` as it is; one that differs changes `leaves`.
 */
export async function readHeldSteps(
  reader: Reader,
  place: StoredPartition,
  first: number,
  last: number,
): Promise<HeldStep[]> {
  const steps = (
    kind: string,
  ): string => `(SELECT DISTINCT topic, first_offset, last_offset FROM tree_steps WHERE ${PLACE} AND kind = '${kind}'
      AND first_offset >= {first:UInt64} AND last_offset <= {last:UInt64})`;
  // Through hex, because a fixed string that becomes a string loses the zero bytes at its end.
  const digest = `hex(SHA256(unhex(arrayStringConcat(arrayMap(pair -> hex(pair.2), arraySort(pair -> pair.1, groupUniqArray((at, leaf))))))))`;
  const sql = `SELECT first, count() AS rows, uniqExact(at) AS offsets, ${digest} AS leaves FROM (
      SELECT s.first_offset AS first, r.offset AS at, r.leaf AS leaf FROM
        (SELECT topic, offset, leaf FROM records WHERE ${PLACE} AND offset BETWEEN {first:UInt64} AND {last:UInt64}) AS r
        ASOF INNER JOIN ${steps('records')} AS s ON r.topic = s.topic AND r.offset >= s.first_offset
      UNION ALL
      SELECT s.first_offset AS first, g.first_offset AS at, g.leaf AS leaf FROM
        (SELECT DISTINCT topic, first_offset, last_offset, leaf FROM gaps WHERE ${PLACE} AND first_offset BETWEEN {first:UInt64} AND {last:UInt64}) AS g
        INNER JOIN ${steps('gap')} AS s ON g.topic = s.topic AND g.first_offset = s.first_offset AND g.last_offset = s.last_offset
    ) GROUP BY first ORDER BY first`;
  const rows = await reader.read({ sql, params: { ...placeOf(place), first, last }, row: held });
  return rows.map((found) => ({
    firstOffset: found.first,
    rows: found.rows,
    offsets: found.offsets,
    leaves: Buffer.from(found.leaves, 'hex'),
  }));
}
