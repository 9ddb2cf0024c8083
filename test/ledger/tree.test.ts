import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isConsistent, isIncluded } from '../../ledger/verify-path.ts';
import { createTree, packFrontier, rootOf, rootOfLeaves, unpackFrontier } from '../../ledger/tree.ts';
import { createMemoryTree } from '../support/memory-tree.ts';
import { seeded } from '../support/random.ts';
import { leafOfNumber, treeVectors } from '../support/tree-vectors.ts';

const EVERY_SIZE_TO = 130;

/** RFC 6962 section 2.1 word for word: a second opinion. */
function mth(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (!only) return createHash('sha256').digest();
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return createHash('sha256').update(Buffer.of(1)).update(mth(leaves.slice(0, k))).update(mth(leaves.slice(k))).digest(); // prettier-ignore
}

function filled(size: number): ReturnType<typeof createMemoryTree> {
  const tree = createMemoryTree();
  for (let at = 0; at < size; at += 1) tree.append(leafOfNumber(at));
  return tree;
}

test('committed vectors still hold, and the roots of certificate transparency are among them', () => {
  const committed = JSON.parse(readFileSync(new URL('../vectors/tree.json', import.meta.url), 'utf8')) as {
    certificate_transparency: { roots: string[] };
  };
  expect(treeVectors()).toEqual(committed);
  expect(committed.certificate_transparency.roots).toEqual([
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]);
});

describe('of every size', () => {
  const leaves = Array.from({ length: EVERY_SIZE_TO }, (_, at) => leafOfNumber(at));
  const roots = Array.from({ length: EVERY_SIZE_TO + 1 }, (_, size) => mth(leaves.slice(0, size)));
  const root = (size: number): Buffer => roots[size] ?? Buffer.alloc(0);
  const tree = filled(EVERY_SIZE_TO);

  test('the root is that of the definition, and a tree goes on from any frontier', () => {
    for (let size = 0; size <= EVERY_SIZE_TO; size += 1) {
      const begun = createTree();
      for (const leaf of leaves.slice(0, size)) begun.append(leaf);
      expect(begun.root()).toEqual(root(size));
      const again = createTree(unpackFrontier(size, packFrontier(begun.frontier())));
      expect(rootOf(again.frontier())).toEqual(root(size));
      for (const leaf of leaves.slice(size)) again.append(leaf);
      expect(again.root()).toEqual(root(EVERY_SIZE_TO));
    }
    expect(rootOfLeaves(leaves)).toEqual(root(EVERY_SIZE_TO));
  });

  test('every leaf is proved, at its own place alone', () => {
    const wrong: string[] = [];
    let checks = 0;
    const check = (name: string, isAsItShouldBe: boolean): void => {
      checks += 1;
      if (!isAsItShouldBe) wrong.push(name);
    };
    for (let size = 1; size <= EVERY_SIZE_TO; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const path = tree.inclusion(size, index);
        const leaf = leaves[index] ?? Buffer.alloc(0);
        const name = `${index} of ${size}`;
        check(name, isIncluded(leaf, index, size, path, root(size)));
        for (const other of [index - 1, index + 1, size])
          if (other >= 0) check(`${name} as ${other}`, !isIncluded(leaf, other, size, path, root(size)));
        check(`${name}, other leaf`, !isIncluded(root(0), index, size, path, root(size)));
      }
    }
    expect(wrong).toEqual([]);
    expect(checks).toBeGreaterThan(40_000);
  });

  test('every beginning is proved', () => {
    const wrong: string[] = [];
    let checks = 0;
    const check = (name: string, isAsItShouldBe: boolean): void => {
      checks += 1;
      if (!isAsItShouldBe) wrong.push(name);
    };
    for (let second = 0; second <= EVERY_SIZE_TO; second += 1) {
      for (let first = 0; first <= second; first += 1) {
        const path = tree.consistency(first, second);
        const name = `${first} of ${second}`;
        check(name, isConsistent(first, root(first), second, root(second), path));
        if (first > 0) check(`${name}, other beginning`, !isConsistent(first, root(0), second, root(second), path));
        if (first === 0 || first === second) continue;
        check(`${name}, other end`, !isConsistent(first, root(first), second, root(0), path));
        check(`${name}, less`, !isConsistent(first, root(first), second, root(second), path.slice(1)));
        check(`${name}, more`, !isConsistent(first, root(first), second, root(second), [...path, root(0)]));
      }
    }
    expect(wrong).toEqual([]);
    expect(checks).toBeGreaterThan(40_000);
  });
});

describe('of a large size', () => {
  const random = seeded(7);
  const below = (limit: number): number => Math.floor(random() * limit);
  const size = 70_000;
  const tree = createMemoryTree();
  const roots = new Map<number, Buffer>();
  const sizes = new Set([
    1,
    255,
    256,
    257,
    65_535,
    65_536,
    65_537,
    size,
    ...Array.from({ length: 40 }, () => 1 + below(size)),
  ]);
  for (let at = 0; at < size; at += 1) {
    tree.append(leafOfNumber(at));
    if (sizes.has(at + 1)) roots.set(at + 1, tree.root());
  }

  test('random leaves are proved in random sizes, and every byte that is changed is found', () => {
    let missed = 0;
    for (const [of, root] of roots) {
      const index = below(of);
      const leaf = leafOfNumber(index);
      const path = tree.inclusion(of, index);
      expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(of)));
      expect(isIncluded(leaf, index, of, path, root)).toBe(true);
      for (const [at, hash] of [leaf, root, ...path].entries()) {
        for (let byte = 0; byte < 32; byte += 1) {
          const changed = Buffer.from(hash);
          changed[byte] = (changed[byte] ?? 0) ^ (1 + below(255));
          const all = [leaf, root, ...path].with(at, changed);
          if (isIncluded(all[0] ?? leaf, index, of, all.slice(2), all[1] ?? root)) missed += 1;
        }
      }
    }
    expect(missed).toBe(0);
  });

  test('random beginnings are proved, and every byte that is changed is found', () => {
    const known = [...roots].toSorted(([a], [b]) => a - b);
    for (const [at, [first, firstRoot]] of known.entries()) {
      const [second, secondRoot] = known[at + below(known.length - at)] ?? [first, firstRoot];
      const path = tree.consistency(first, second);
      expect(isConsistent(first, firstRoot, second, secondRoot, path)).toBe(true);
      for (const [place, hash] of [firstRoot, secondRoot, ...path].entries()) {
        const changed = Buffer.from(hash);
        changed[below(32)] = (changed[0] ?? 0) ^ 0x55;
        if (changed.equals(hash)) continue;
        const all = [firstRoot, secondRoot, ...path].with(place, changed);
        expect(isConsistent(first, all[0] ?? firstRoot, second, all[1] ?? secondRoot, all.slice(2))).toBe(false);
      }
    }
  });
});

test('whatever is given to a verifier, it answers', () => {
  const zero = Buffer.alloc(32);
  for (const index of [-1, 0.5, Number.NaN, 2 ** 53, Infinity])
    expect(isIncluded(zero, index, 4, [zero, zero], zero)).toBe(false);
  for (const size of [-1, 0, 0.5, Number.NaN, 2 ** 53, Infinity]) {
    expect(isIncluded(zero, 0, size, [], zero)).toBe(false);
    expect(isConsistent(1, zero, size, zero, [zero])).toBe(false);
  }
  expect(isIncluded(Buffer.alloc(31), 0, 1, [], Buffer.alloc(31))).toBe(false);
  expect(isConsistent(2, zero, 1, zero, [])).toBe(false);
  expect(isIncluded(zero, 0, 1, Array.from({ length: 100_000 }, () => zero), zero)).toBe(false); // prettier-ignore
  expect(() => createTree({ size: 3, nodes: [zero] })).toThrow('does not fit');
});
