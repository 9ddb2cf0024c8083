import { Problem } from '../model/problem.ts';
import { TILE_HEIGHT, hashNode } from './tree.ts';

/**
 * Proofs of RFC 6962 section 2.1: which subtrees they consist of, and how those are made from what is kept. Kept are
 * the nodes at the levels of tiles: the leaf hashes, and each node over 256, 65,536, ... leaves once it is final.
 */

/** The subtree over leaves from `from` up to, not including, `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Nodes that stand side by side at a level of tiles: places from `from` up to, not including, `to`. */
export interface Entries {
  readonly level: number;
  readonly from: number;
  readonly to: number;
}

/** The subtrees of the proof that the leaf at `index` is in the tree of `size`, from the leaf up. */
export function inclusionSpans(size: number, index: number): Span[] {
  if (!isCount(size) || !isCount(index) || index >= size)
    throw new Problem('invalid_request', `There is no leaf ${index} in a tree of ${size}.`);
  const spans: Span[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + leftSize(to - from);
    const isLeft = index < middle;
    spans.push(isLeft ? { from: middle, to } : { from, to: middle });
    [from, to] = isLeft ? [from, middle] : [middle, to];
  }
  return spans.reverse();
}

/** The subtrees of the proof that the tree of size `first` is the beginning of the tree of size `second`. */
export function consistencySpans(first: number, second: number): Span[] {
  if (!isCount(first) || !isCount(second) || first > second)
    throw new Problem('invalid_request', `A tree of ${first} cannot be the beginning of one of ${second}.`);
  if (first === 0) return [];
  const spans: Span[] = [];
  let [from, to] = [0, second];
  let isWhole = true;
  while (first !== to) {
    const middle = from + leftSize(to - from);
    const isLeft = first <= middle;
    spans.push(isLeft ? { from: middle, to } : { from, to: middle });
    if (isLeft) to = middle;
    else [from, isWhole] = [middle, false];
  }
  if (!isWhole) spans.push({ from, to });
  return spans.reverse();
}

/** What must be fetched to make the hashes of these subtrees; at most 255 entries for each level of a subtree. */
export function entriesOf(spans: readonly Span[]): Entries[] {
  return spans.flatMap((span) => perfectSubtrees(span).map(entriesOfSubtree));
}

/** Fetched nodes by level and place. */
export type EntryAt = (level: number, place: number) => Buffer | undefined;

/** The hashes of subtrees from fetched entries; `unavailable` where one is missing. */
export function hashSpans(spans: readonly Span[], entryAt: EntryAt): Buffer[] {
  return spans.map((span) =>
    perfectSubtrees(span)
      .map((subtree) => hashEntries(entriesOfSubtree(subtree), entryAt))
      .reduceRight((right, left) => hashNode(left, right)),
  );
}

interface Subtree {
  readonly height: number;
  readonly place: number;
}

function perfectSubtrees({ from, to }: Span): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let at = from; at < to;) {
    const width = leftSize(to - at + 1);
    subtrees.push({ height: Math.log2(width), place: at / width });
    at += width;
  }
  return subtrees;
}

function entriesOfSubtree({ height, place }: Subtree): Entries {
  const level = Math.floor(height / TILE_HEIGHT);
  const width = 2 ** (height % TILE_HEIGHT);
  return { level, from: place * width, to: (place + 1) * width };
}

function hashEntries({ level, from, to }: Entries, entryAt: EntryAt): Buffer {
  let nodes = Array.from({ length: to - from }, (_, index) => {
    const node = entryAt(level, from + index);
    if (!node) throw new Problem('unavailable', 'A node of the tree is not held.', { level, place: from + index });
    return node;
  });
  while (nodes.length > 1) {
    const above: Buffer[] = [];
    for (let at = 0; at + 1 < nodes.length; at += 2) above.push(hashNode(nodes[at] as Buffer, nodes[at + 1] as Buffer));
    nodes = above;
  }
  return nodes[0] as Buffer;
}

/** The largest power of two below a size of at least two: the leaves of the left subtree. */
function leftSize(size: number): number {
  let width = 1;
  while (width * 2 < size) width *= 2;
  return width;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
