import { TILE_HEIGHT, TILE_WIDTH } from '../../ledger/tree.ts';
import { Problem } from '../../model/problem.ts';
import type { Reader } from '../../store/query.ts';
import { findHead, readCheckpoint } from '../../store/trees/heads.ts';
import { readEntries } from '../../store/trees/proofs.ts';
import type { StoredTree } from '../../store/trees/proofs.ts';

/** A tile of a tree (C2SP tlog-tiles): up to 256 hashes that stand side by side at a level. */
export interface TileName {
  readonly level: number;
  readonly place: number;
  /** How many hashes; 256 for a full tile. */
  readonly width: number;
}

const MAX_LEVEL = 6;

/** Reads `<level>/<place>[.p/<width>]`, places in groups of three digits: `0/x001/x234/067.p/12`. */
export function parseTileName(path: string): TileName | undefined {
  const [, level, groups, width] = /^([0-6])\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path) ?? [];
  if (level === undefined || groups === undefined) return undefined;
  // One place has one name, so leading groups of zeros are none.
  if (groups.startsWith('x000/')) return undefined;
  const place = Number(groups.replaceAll(/[x/]/g, ''));
  const count = width === undefined ? TILE_WIDTH : Number(width);
  if (count > (width === undefined ? TILE_WIDTH : TILE_WIDTH - 1) || Number(level) > MAX_LEVEL) return undefined;
  return { level: Number(level), place, width: count };
}

/** The bytes of a tile. Only what a signed checkpoint covers is given: a Problem `not_found` for the rest. */
export async function readTile(reader: Reader, tree: StoredTree, tile: TileName): Promise<Buffer> {
  const { level, place, width } = tile;
  const size = await signedSize(reader, tree);
  const held = Math.floor(size / 2 ** (TILE_HEIGHT * level));
  const from = place * TILE_WIDTH;
  if (from + width > held) throw new Problem('not_found', 'No signed checkpoint covers this tile.');
  const hashes = await readEntries(reader, tree, { level, from, to: from + width });
  if (hashes.length !== width) throw new Problem('unavailable', 'A part of this tile is not held.');
  return Buffer.concat(hashes);
}

async function signedSize(reader: Reader, tree: StoredTree): Promise<number> {
  const checkpoint = await readCheckpoint(reader);
  if (!checkpoint || tree === 'checkpoints') return checkpoint?.size ?? 0;
  return (await findHead(reader, tree, checkpoint.size, 0))?.size ?? 0;
}
