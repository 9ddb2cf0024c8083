import { z } from 'zod';
import type { Checkpoint } from '../../ledger/checkpoint.ts';
import { packFrontier, unpackFrontier } from '../../ledger/tree.ts';
import type { Frontier } from '../../ledger/tree.ts';
import type { Reader } from '../query.ts';
import type { Session } from '../session.ts';

/** The head of a partition's tree, as a leaf of the log of checkpoints. */
export interface TreeHead extends Checkpoint {
  readonly topic: string;
  readonly partition: number;
  /** Its place in the log of checkpoints, from 0. */
  readonly place: number;
  readonly leaf: Buffer;
}

const headRow = z.object({
  place: z.coerce.number(),
  topic: z.string(),
  partition: z.coerce.number(),
  origin: z.string(),
  size: z.coerce.number(),
  root: z.string(),
  leaf: z.string(),
});
const HEAD = 'place, topic, partition, origin, size, hex(root) AS root, hex(leaf) AS leaf';
// Should a place ever be held twice, everybody takes the same one of the two.
const IN_ORDER = 'ORDER BY place, tree_heads.made_at, tree_heads.origin, tree_heads.size LIMIT 1 BY place';

/** Heads by place, from one up to, not including, another; in order. */
export async function readHeads(reader: Reader, from: number, to: number): Promise<TreeHead[]> {
  const sql = `SELECT ${HEAD} FROM tree_heads WHERE place >= {from:UInt64} AND place < {to:UInt64} ${IN_ORDER}`;
  return (await reader.read({ sql, params: { from, to }, row: headRow })).map(toHead);
}

/** Heads at these places, in order. */
export async function readHeadsAt(reader: Reader, places: readonly number[]): Promise<TreeHead[]> {
  if (places.length === 0) return [];
  const sql = `SELECT ${HEAD} FROM tree_heads WHERE has({places:Array(UInt64)}, place) ${IN_ORDER}`;
  return (await reader.read({ sql, params: { places: places.map(String) }, row: headRow })).map(toHead);
}

/** How many places the log of checkpoints has, signed or not. */
export async function countHeads(reader: Reader): Promise<number> {
  const row = z.object({ last: z.coerce.number() });
  const sql = 'SELECT place AS last FROM tree_heads ORDER BY place DESC LIMIT 1';
  const [found] = await reader.read({ sql, params: {}, row });
  return found ? found.last + 1 : 0;
}

/** The last head of a partition below a place of the log of checkpoints, whose tree is at least of this size. */
export async function findHead(
  reader: Reader,
  tree: { readonly topic: string; readonly partition: number },
  before: number,
  atLeast: number,
): Promise<TreeHead | undefined> {
  const sql = `SELECT ${HEAD} FROM tree_heads WHERE topic = {topic:String} AND partition = {partition:UInt16} AND place < {before:UInt64}
    AND size >= {size:UInt64} ORDER BY place DESC LIMIT 1`;
  const params = { topic: tree.topic, partition: tree.partition, before, size: atLeast };
  const [found] = await reader.read({ sql, params, row: headRow });
  return found && toHead(found);
}

/** The head of a partition whose tree had exactly this size. */
export async function findHeadOfSize(
  reader: Reader,
  tree: { readonly topic: string; readonly partition: number },
  size: number,
): Promise<TreeHead | undefined> {
  const sql = `SELECT ${HEAD} FROM tree_heads WHERE topic = {topic:String} AND partition = {partition:UInt16} AND size = {size:UInt64}
    ORDER BY place LIMIT 1`;
  const params = { topic: tree.topic, partition: tree.partition, size };
  const [found] = await reader.read({ sql, params, row: headRow });
  return found && toHead(found);
}

/** Adds heads to the log of checkpoints. */
export async function insertHeads(
  writer: Pick<Session, 'run'>,
  heads: readonly TreeHead[],
  madeAtUs: number,
): Promise<void> {
  if (heads.length === 0) return;
  const params = {
    places: heads.map(({ place }) => String(place)),
    topics: heads.map(({ topic }) => topic),
    partitions: heads.map(({ partition }) => String(partition)),
    origins: heads.map(({ origin }) => origin),
    sizes: heads.map(({ size }) => String(size)),
    roots: heads.map(({ root }) => root.toString('hex')),
    leaves: heads.map(({ leaf }) => leaf.toString('hex')),
    made_at: madeAtUs,
  };
  const sql = `INSERT INTO tree_heads SELECT h.1, h.2, h.3, h.4, h.5, unhex(h.6), unhex(h.7), fromUnixTimestamp64Micro({made_at:Int64}, 'UTC') FROM
    (SELECT arrayJoin(arrayZip({places:Array(UInt64)}, {topics:Array(String)}, {partitions:Array(UInt16)}, {origins:Array(String)}, {sizes:Array(UInt64)},
    {roots:Array(String)}, {leaves:Array(String)})) AS h)`;
  await writer.run(sql, params);
}

/** A checkpoint that was signed, with the state from which the log of checkpoints goes on. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly root: Buffer;
  readonly frontier: Frontier;
  /** The signed note. */
  readonly note: string;
  readonly madeAtUs: number;
}

const checkpointRow = z.object({
  size: z.coerce.number(),
  root: z.string(),
  frontier: z.string(),
  note: z.string(),
  made_at: z.coerce.number(),
});

/** The last checkpoint that was signed, of any size or of at most this one. */
export async function readCheckpoint(reader: Reader, upTo?: number): Promise<SignedCheckpoint | undefined> {
  const sql = `SELECT size, hex(root) AS root, hex(frontier) AS frontier, note, toUnixTimestamp64Micro(checkpoints.made_at) AS made_at FROM checkpoints
    WHERE size <= {up_to:UInt64} ORDER BY size DESC, checkpoints.made_at DESC LIMIT 1`;
  const [found] = await reader.read({ sql, params: { up_to: upTo ?? Number.MAX_SAFE_INTEGER }, row: checkpointRow });
  if (!found) return undefined;
  const { size, root, frontier, note, made_at } = found;
  return {
    size,
    root: Buffer.from(root, 'hex'),
    frontier: unpackFrontier(size, Buffer.from(frontier, 'hex')),
    note,
    madeAtUs: made_at,
  };
}

/** Notes a checkpoint that was signed. */
export async function insertCheckpoint(writer: Pick<Session, 'run'>, checkpoint: SignedCheckpoint): Promise<void> {
  const { size, root, frontier, note, madeAtUs } = checkpoint;
  const params = {
    size,
    note,
    made_at: madeAtUs,
    root: root.toString('hex'),
    frontier: packFrontier(frontier).toString('hex'),
  };
  await writer.run(
    `INSERT INTO checkpoints SELECT {size:UInt64}, unhex({root:String}), unhex({frontier:String}), {note:String}, fromUnixTimestamp64Micro({made_at:Int64}, 'UTC')`,
    params,
  );
}

function toHead(found: z.output<typeof headRow>): TreeHead {
  return { ...found, root: Buffer.from(found.root, 'hex'), leaf: Buffer.from(found.leaf, 'hex') };
}
