import { z } from 'zod';
import { packFrontier, unpackFrontier } from '../../ledger/tree.ts';
import type { Frontier } from '../../ledger/tree.ts';
import { PLACE, placeOf } from '../log-state.ts';
import type { StoredPartition } from '../log-state.ts';
import type { Reader } from '../query.ts';
import type { Session } from '../session.ts';

/** A stretch of leaves as it was added to a partition's tree. Offsets are inclusive, `leafTo` is exclusive. */
export interface TreeStep extends StoredPartition {
  readonly kind: 'records' | 'gap';
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly leafFrom: number;
  readonly leafTo: number;
  /** SHA-256 over the leaf hashes of the step. */
  readonly leaves: Buffer;
  readonly root: Buffer;
  readonly frontier: Frontier;
}

const row = z.object({
  topic: z.string(),
  source_epoch: z.coerce.number(),
  partition: z.coerce.number(),
  kind: z.enum(['records', 'gap']),
  first: z.coerce.number(),
  last: z.coerce.number(),
  leaf_from: z.coerce.number(),
  leaf_to: z.coerce.number(),
  leaves: z.string(),
  root: z.string(),
  frontier: z.string(),
});
const COLUMNS = `topic, source_epoch, partition, toString(kind) AS kind, first_offset AS first, last_offset AS last, leaf_from, leaf_to, hex(leaves) AS leaves,
  hex(root_after) AS root, hex(frontier) AS frontier`;
const REVERSE = 'topic DESC, source_epoch DESC, partition DESC, first_offset DESC';

/** The last step of a partition's tree: where it goes on. */
export async function readLastStep(reader: Reader, place: StoredPartition): Promise<TreeStep | undefined> {
  const sql = `SELECT ${COLUMNS} FROM tree_steps WHERE ${PLACE} ORDER BY ${REVERSE} LIMIT 1`;
  const [found] = await reader.read({ sql, params: placeOf(place), row });
  return found && toStep(found);
}

/** The last step of every partition. */
export async function readLastSteps(reader: Reader): Promise<TreeStep[]> {
  const sql = `SELECT ${COLUMNS} FROM tree_steps WHERE (topic, source_epoch, partition, first_offset) IN
    (SELECT topic, source_epoch, partition, max(first_offset) FROM tree_steps GROUP BY topic, source_epoch, partition)
    ORDER BY topic, partition, source_epoch, leaf_to LIMIT 1 BY topic, source_epoch, partition`;
  return (await reader.read({ sql, params: {}, row })).map(toStep);
}

/** The steps that hold leaves from one place of the tree up to, not including, another; in order. */
export async function readStepsOfLeaves(
  reader: Reader,
  tree: { readonly topic: string; readonly partition: number },
  from: number,
  to: number,
): Promise<TreeStep[]> {
  const sql = `SELECT ${COLUMNS} FROM tree_steps WHERE topic = {topic:String} AND partition = {partition:UInt16}
    AND leaf_from < {to:UInt64} AND leaf_to > {from:UInt64} ORDER BY leaf_from, leaf_to`;
  return (await reader.read({ sql, params: { ...tree, from, to }, row })).map(toStep);
}

/** The steps that hold some of a range of offsets, ends included; in order. */
export async function readStepsAcross(
  reader: Reader,
  place: StoredPartition,
  first: number,
  last: number,
): Promise<TreeStep[]> {
  const sql = `SELECT ${COLUMNS} FROM tree_steps WHERE ${PLACE} AND first_offset <= {last:UInt64} AND last_offset >= {first:UInt64}
    ORDER BY first_offset, last_offset`;
  return (await reader.read({ sql, params: { ...placeOf(place), first, last }, row })).map(toStep);
}

/** The steps of a range of offsets, which begins and ends with steps; in order. */
export async function readStepsOfRange(
  reader: Reader,
  place: StoredPartition,
  first: number,
  last: number,
): Promise<TreeStep[]> {
  const sql = `SELECT ${COLUMNS} FROM tree_steps WHERE ${PLACE} AND first_offset >= {first:UInt64} AND last_offset <= {last:UInt64}
    ORDER BY first_offset, last_offset LIMIT 1 BY first_offset, last_offset`;
  return (await reader.read({ sql, params: { ...placeOf(place), first, last }, row })).map(toStep);
}

/** Adds steps, all in one insert. They are of one partition. */
export async function insertSteps(
  writer: Pick<Session, 'run'>,
  steps: readonly TreeStep[],
  writerEpoch: number,
  writtenAtUs: number,
): Promise<void> {
  const [place] = steps;
  if (!place) return;
  const params = {
    ...placeOf(place),
    kinds: steps.map(({ kind }) => kind),
    firsts: steps.map(({ firstOffset }) => String(firstOffset)),
    lasts: steps.map(({ lastOffset }) => String(lastOffset)),
    from: steps.map(({ leafFrom }) => String(leafFrom)),
    to: steps.map(({ leafTo }) => String(leafTo)),
    leaves: steps.map(({ leaves }) => leaves.toString('hex')),
    roots: steps.map(({ root }) => root.toString('hex')),
    frontiers: steps.map(({ frontier }) => packFrontier(frontier).toString('hex')),
    writer_epoch: writerEpoch,
    written_at: writtenAtUs,
  };
  const sql = `INSERT INTO tree_steps SELECT {topic:String}, {source_epoch:UInt16}, {partition:UInt16}, s.1, s.2, s.3, s.4, s.5, unhex(s.6), unhex(s.7), unhex(s.8),
    {writer_epoch:UInt64}, fromUnixTimestamp64Micro({written_at:Int64}, 'UTC') FROM (SELECT arrayJoin(arrayZip({firsts:Array(UInt64)}, {lasts:Array(UInt64)},
    {kinds:Array(String)}, {from:Array(UInt64)}, {to:Array(UInt64)}, {leaves:Array(String)}, {roots:Array(String)}, {frontiers:Array(String)})) AS s)`;
  await writer.run(sql, params);
}

function toStep(found: z.output<typeof row>): TreeStep {
  return {
    topic: found.topic,
    sourceEpoch: found.source_epoch,
    partition: found.partition,
    kind: found.kind,
    firstOffset: found.first,
    lastOffset: found.last,
    leafFrom: found.leaf_from,
    leafTo: found.leaf_to,
    leaves: Buffer.from(found.leaves, 'hex'),
    root: Buffer.from(found.root, 'hex'),
    frontier: unpackFrontier(found.leaf_to, Buffer.from(found.frontier, 'hex')),
  };
}
