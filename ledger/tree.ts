import { hash } from 'node:crypto';
import { Problem } from '../model/problem.ts';

/**
 * The Merkle tree of RFC 6962 section 2.1 over leaf hashes: a node is SHA-256(0x01 left right), the root of an empty
 * tree is SHA-256 of nothing. A tree grows only at its right edge, so all that is needed to go on is the frontier.
 */

/** The largest perfect subtrees of a tree, left to right: one for each bit that is set in its size. */
export interface Frontier {
  readonly size: number;
  readonly nodes: readonly Buffer[];
}

export const HASH_BYTES = 32;
/** Levels that one level of tiles spans, and the hashes of a full tile (C2SP tlog-tiles). */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;

export const EMPTY_FRONTIER: Frontier = { size: 0, nodes: [] };
const EMPTY_ROOT = hash('sha256', Buffer.alloc(0), 'buffer');

/** A tree that only grows. */
export interface Tree {
  /** Adds a leaf hash of 32 bytes; costs one hash a leaf on average. */
  append(leaf: Uint8Array): void;
  size(): number;
  root(): Buffer;
  frontier(): Frontier;
}

/** Is told each node that becomes final and stands at a level of tiles: level 1 spans 256 leaves, level 2 65,536. */
export type OnEntry = (level: number, place: number, node: Buffer) => void;

const pair = Buffer.alloc(1 + 2 * HASH_BYTES);
pair[0] = 1;

/** SHA-256(0x01 left right). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  // By way of text, because the one-shot hash gives a Buffer more slowly than hex.
  return Buffer.from(hash('sha256', pair, 'hex'), 'hex');
}

/** A tree that goes on from a frontier. A frontier that fits no tree is refused (`internal`). */
export function createTree(from: Frontier = EMPTY_FRONTIER, onEntry: OnEntry = () => undefined): Tree {
  checkFrontier(from);
  const nodes: Buffer[] = from.nodes.map((node) => Buffer.from(node));
  let size = from.size;
  return {
    append(leaf) {
      if (leaf.length !== HASH_BYTES) throw new Problem('internal', 'A leaf hash has 32 bytes.');
      let node: Buffer = Buffer.from(leaf);
      let place = size;
      for (let height = 1; place % 2 === 1; height += 1) {
        node = hashNode(nodes.pop() ?? node, node);
        place = (place - 1) / 2;
        if (height % TILE_HEIGHT === 0) onEntry(height / TILE_HEIGHT, place, node);
      }
      nodes.push(node);
      size += 1;
    },
    size: () => size,
    root: () => rootOf({ size, nodes }),
    frontier: () => ({ size, nodes: [...nodes] }),
  };
}

/** The root of the tree that a frontier stands for. */
export function rootOf({ nodes }: Frontier): Buffer {
  return nodes.length === 0 ? EMPTY_ROOT : nodes.reduceRight((right, left) => hashNode(left, right));
}

/** The root over leaf hashes. */
export function rootOfLeaves(leaves: Iterable<Uint8Array>): Buffer {
  const tree = createTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
}

/** A frontier as bytes: its nodes one after another. The size stands beside it wherever it is kept. */
export function packFrontier({ nodes }: Frontier): Buffer {
  return Buffer.concat(nodes);
}

/** The frontier of a size from its bytes; `internal` where they fit no tree of this size. */
export function unpackFrontier(size: number, bytes: Buffer): Frontier {
  const nodes = Array.from({ length: Math.ceil(bytes.length / HASH_BYTES) }, (_, index) =>
    bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
  const frontier = { size, nodes };
  checkFrontier(frontier);
  return frontier;
}

function checkFrontier({ size, nodes }: Frontier): void {
  const isFit = Number.isSafeInteger(size) && size >= 0 && nodes.length === countBits(size);
  if (!isFit || nodes.some((node) => node.length !== HASH_BYTES))
    throw new Problem('internal', 'The frontier of a tree does not fit its size.', { size, nodes: nodes.length });
}

function countBits(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
