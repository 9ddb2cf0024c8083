import { consistencySpans, entriesOf, hashSpans, inclusionSpans } from '../../ledger/proof.ts';
import type { Span } from '../../ledger/proof.ts';
import { createTree } from '../../ledger/tree.ts';

/** A tree in memory with what proofs need: all leaves, and the nodes at the levels of tiles. */
export interface MemoryTree {
  append(leaf: Buffer): void;
  size(): number;
  root(): Buffer;
  inclusion(size: number, index: number): Buffer[];
  consistency(first: number, second: number): Buffer[];
}

/** An empty one. */
export function createMemoryTree(): MemoryTree {
  const entries = new Map<string, Buffer>();
  const tree = createTree(undefined, (level, place, node) => entries.set(`${level}/${place}`, node));
  const hash = (spans: readonly Span[]): Buffer[] => {
    const fetched = new Map(
      entriesOf(spans).flatMap(({ level, from, to }) =>
        Array.from({ length: to - from }, (_, index) => {
          const name = `${level}/${from + index}`;
          return [name, entries.get(name)] as const;
        }),
      ),
    );
    return hashSpans(spans, (level, place) => fetched.get(`${level}/${place}`));
  };
  return {
    append(leaf) {
      entries.set(`0/${tree.size()}`, leaf);
      tree.append(leaf);
    },
    size: () => tree.size(),
    root: () => tree.root(),
    inclusion: (size, index) => hash(inclusionSpans(size, index)),
    consistency: (first, second) => hash(consistencySpans(first, second)),
  };
}
