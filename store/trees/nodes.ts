import { z } from 'zod';
import type { Entries } from '../../ledger/proof.ts';
import type { Reader } from '../query.ts';
import type { Session } from '../session.ts';

/** A node at a level of tiles above the leaves. */
export interface TreeNode {
  readonly level: number;
  readonly place: number;
  readonly hash: Buffer;
}

/** The name of a partition's tree in the tables of trees; the log of checkpoints has the empty name. */
export function treeNameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}

export const LOG_OF_CHECKPOINTS = '';

/** Adds nodes. Adding the same ones again changes nothing that is read. */
export async function insertNodes(
  writer: Pick<Session, 'run'>,
  tree: string,
  nodes: readonly TreeNode[],
): Promise<void> {
  if (nodes.length === 0) return;
  const params = {
    tree,
    levels: nodes.map(({ level }) => String(level)),
    places: nodes.map(({ place }) => String(place)),
    hashes: nodes.map(({ hash }) => hash.toString('hex')),
  };
  const sql = `INSERT INTO tree_nodes SELECT {tree:String}, n.1, n.2, unhex(n.3) FROM
    (SELECT arrayJoin(arrayZip({levels:Array(UInt8)}, {places:Array(UInt64)}, {hashes:Array(String)})) AS n)`;
  await writer.run(sql, params);
}

const row = z.object({ level: z.coerce.number(), place: z.coerce.number(), hash: z.string() });

/** Nodes by level and place, in one query. A node that is not held is missing from the answer. */
export async function readNodes(reader: Reader, tree: string, wanted: readonly Entries[]): Promise<TreeNode[]> {
  if (wanted.length === 0) return [];
  const { where, params } = among(tree, wanted);
  const sql = `SELECT level, place, hex(any(tree_nodes.hash)) AS hash FROM tree_nodes WHERE ${where}
    GROUP BY level, place`;
  const rows = await reader.read({ sql, params, row });
  return rows.map(({ level, place, hash }) => ({ level, place, hash: Buffer.from(hash, 'hex') }));
}

/** How many of these nodes are held, and how many of them in two versions. */
export async function countNodes(
  reader: Reader,
  tree: string,
  wanted: readonly Entries[],
): Promise<{ held: number; differing: number }> {
  if (wanted.length === 0) return { held: 0, differing: 0 };
  const { where, params } = among(tree, wanted);
  const counted = z.object({ held: z.coerce.number(), versions: z.coerce.number() });
  const sql = `SELECT uniqExact(level, place) AS held, uniqExact(level, place, tree_nodes.hash) AS versions FROM tree_nodes WHERE ${where}`;
  const [found] = await reader.read({ sql, params, row: counted });
  return { held: found?.held ?? 0, differing: (found?.versions ?? 0) - (found?.held ?? 0) };
}

function among(tree: string, wanted: readonly Entries[]): { where: string; params: Record<string, string | number> } {
  const params: Record<string, string | number> = { tree };
  const conditions = wanted.map(({ level, from, to }, index) => {
    params[`level_${index}`] = level;
    params[`from_${index}`] = from;
    params[`to_${index}`] = to;
    return `(level = {level_${index}:UInt8} AND place >= {from_${index}:UInt64} AND place < {to_${index}:UInt64})`;
  });
  return { where: `tree = {tree:String} AND (${conditions.join(' OR ')})`, params };
}
