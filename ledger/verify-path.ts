import { hashNode } from './tree.ts';

/**
 * Verification of proofs as RFC 9162 sections 2.1.3.2 and 2.1.4.2 write it down, apart from how proofs are made: what
 * one gets wrong the other must not share. Whatever is given, the answer is true or false; nothing is thrown.
 */

/** Whether the leaf stands at `index` in the tree of `size` with this root. */
export function isIncluded(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!areHashes([leaf, root, ...path]) || !isCount(index) || !isCount(size) || index >= size) return false;
  let [node, last] = [index, size - 1];
  let hash: Buffer = Buffer.from(leaf);
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = hashNode(sibling, hash);
      [node, last] = skipEven(node, last);
    } else hash = hashNode(hash, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && hash.equals(root);
}

/** Whether the tree of size `first` with `firstRoot` is the beginning of the tree of size `second` with `secondRoot`. */
export function isConsistent(
  first: number,
  firstRoot: Uint8Array,
  second: number,
  secondRoot: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (!areHashes([firstRoot, secondRoot, ...path]) || !isCount(first) || !isCount(second) || first > second)
    return false;
  if (first === second) return path.length === 0 && Buffer.from(firstRoot).equals(secondRoot);
  // Every tree begins with the empty one, whose root says nothing.
  if (first === 0) return path.length === 0;
  if (path.length === 0) return false;
  let [node, last] = [first - 1, second - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  const [start, ...rest] = isPowerOfTwo(first) ? [firstRoot, ...path] : path;
  let before: Buffer = Buffer.from(start ?? firstRoot);
  let after: Buffer = Buffer.from(before);
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = hashNode(sibling, before);
      after = hashNode(sibling, after);
      [node, last] = skipEven(node, last);
    } else after = hashNode(after, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && before.equals(firstRoot) && after.equals(secondRoot);
}

function skipEven(node: number, last: number): [number, number] {
  let [n, l] = [node, last];
  while (n % 2 === 0 && n !== 0) [n, l] = [n / 2, Math.floor(l / 2)];
  return [n, l];
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value)) && 2 ** Math.log2(value) === value;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value instanceof Uint8Array && value.length === 32);
}
