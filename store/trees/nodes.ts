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
  const params: Record<string, string | number> = { tree };
  const conditions = wanted.map(({ level, from, to }, index) => {
    params[`level_${index}`] = level;
    params[`from_${index}`] = from;
    params[`to_${index}`] = to;
    return `(level = {level_${index}:UInt8} AND place >= {from_${index}:UInt64} AND place < {to_${index}:UInt64})`;
  });
  const sql = `SELECT level, place, hex(any(tree_nodes.hash)) AS hash FROM tree_nodes WHERE tree = {tree:String} AND (${conditions.join(' OR ')})
    GROUP BY level, place`;
  const rows = await reader.read({ sql, params, row });
  return rows.map(({ level, place, hash }) => ({ level, place, hash: Buffer.from(hash, 'hex') }));
}

/** How many nodes of each level a tree holds, level 1 first, and how many of those are held in two versions. */
export async function countNodes(reader: Reader, tree: string): Promise<{ counts: number[]; differing: number }> {
  const counted = z.object({ level: z.coerce.number(), places: z.coerce.number(), versions: z.coerce.number() });
  const sql = `SELECT level, uniqExact(place) AS places, uniqExact(place, tree_nodes.hash) AS versions FROM tree_nodes WHERE tree = {tree:String}
    GROUP BY level ORDER BY level`;
  const rows = await reader.read({ sql, params: { tree }, row: counted });
  return {
    counts: rows.map(({ places }) => places),
    differing: rows.reduce((sum, { places, versions }) => sum + versions - places, 0),
  };
}
