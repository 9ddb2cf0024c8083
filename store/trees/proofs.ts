import { consistencySpans, entriesOf, hashSpans, inclusionSpans } from '../../ledger/proof.ts';
import type { Entries, Span } from '../../ledger/proof.ts';
import type { Reader } from '../query.ts';
import { readHeads } from './heads.ts';
import { readGaps, readLeavesOfRanges } from './leaves.ts';
import { LOG_OF_CHECKPOINTS, readNodes, treeNameOf } from './nodes.ts';
import { readStepsOfLeaves } from './steps.ts';
import type { TreeStep } from './steps.ts';

/** A tree whose nodes the store holds: that of a partition, or the log of checkpoints. */
export type StoredTree = { readonly topic: string; readonly partition: number } | 'checkpoints';

/** The proof that the leaf at `index` is in the tree at `size`. A Problem `unavailable` where a node is not held. */
export async function readInclusion(reader: Reader, tree: StoredTree, size: number, index: number): Promise<Buffer[]> {
  return readSpans(reader, tree, inclusionSpans(size, index));
}

/** The proof that the tree at size `first` is the beginning of the tree at size `second`. */
export async function readConsistency(
  reader: Reader,
  tree: StoredTree,
  first: number,
  second: number,
): Promise<Buffer[]> {
  return readSpans(reader, tree, consistencySpans(first, second));
}

/** The same for several leaves of one tree, in the order of the places that are given: what they share is read once. */
export async function readInclusions(
  reader: Reader,
  tree: StoredTree,
  size: number,
  indexes: readonly number[],
): Promise<Buffer[][]> {
  const spans = indexes.map((index) => inclusionSpans(size, index));
  const found = await fetchEntries(reader, tree, spans.flatMap(entriesOf)); // prettier-ignore
  return spans.map((own) => hashSpans(own, (level, place) => found.get(`${level}/${place}`)));
}

/** Nodes at the levels of tiles, in order; what is not held is missing. */
export async function readEntries(reader: Reader, tree: StoredTree, wanted: Entries): Promise<Buffer[]> {
  const found = await fetchEntries(reader, tree, [wanted]);
  const places = Array.from({ length: wanted.to - wanted.from }, (_, index) => wanted.from + index);
  return places.flatMap((place) => found.get(`${wanted.level}/${place}`) ?? []);
}

async function readSpans(reader: Reader, tree: StoredTree, spans: readonly Span[]): Promise<Buffer[]> {
  const found = await fetchEntries(reader, tree, entriesOf(spans));
  return hashSpans(spans, (level, place) => found.get(`${level}/${place}`));
}

async function fetchEntries(
  reader: Reader,
  tree: StoredTree,
  wanted: readonly Entries[],
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const name = tree === 'checkpoints' ? LOG_OF_CHECKPOINTS : treeNameOf(tree);
  const levels = [...new Set(wanted.map(({ level }) => level))];
  // What proofs need of a level lies side by side at one or two edges of the tree: one stretch each is asked for.
  const joined = levels.flatMap((level) => joinEntries(wanted.filter((one) => one.level === level)));
  const nodes = readNodes(reader, name, joined.filter(({ level }) => level > 0)); // prettier-ignore
  nodes.catch(() => undefined);
  for (const { from, to } of joined.filter(({ level }) => level === 0)) {
    for (const [place, leaf] of await readTreeLeaves(reader, tree, from, to)) found.set(`0/${place}`, leaf);
  }
  for (const { level, place, hash } of await nodes) found.set(`${level}/${place}`, hash);
  return found;
}

function joinEntries(entries: readonly Entries[]): Entries[] {
  const joined: Entries[] = [];
  for (const entry of entries.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && entry.from <= last.to) joined[joined.length - 1] = { ...last, to: Math.max(last.to, entry.to) };
    else joined.push(entry);
  }
  return joined;
}

/** Leaf hashes by place, from one up to, not including, another. They come from the columns of records, gaps and heads. */
async function readTreeLeaves(
  reader: Reader,
  tree: StoredTree,
  from: number,
  to: number,
): Promise<[place: number, leaf: Buffer][]> {
  if (tree === 'checkpoints') return (await readHeads(reader, from, to)).map(({ place, leaf }) => [place, leaf]);
  const steps = await readStepsOfLeaves(reader, tree, from, to);
  const leaves: [number, Buffer][] = [];
  for (const epoch of new Set(steps.map(({ sourceEpoch }) => sourceEpoch))) {
    const own = steps.filter((step) => step.sourceEpoch === epoch);
    leaves.push(...(await readLeavesOfSteps(reader, own, from, to)));
  }
  return leaves;
}

async function readLeavesOfSteps(
  reader: Reader,
  steps: readonly TreeStep[],
  from: number,
  to: number,
): Promise<[number, Buffer][]> {
  const [place] = steps;
  if (!place) return [];
  const ofRecords = steps.filter(({ kind }) => kind === 'records');
  const ranges = ofRecords.map((step): [number, number] => [
    step.firstOffset + Math.max(0, from - step.leafFrom),
    step.firstOffset + Math.min(to, step.leafTo) - 1 - step.leafFrom,
  ]);
  const leaves = (await readLeavesOfRanges(reader, place, ranges)).map(({ offset, leaf }): [number, Buffer] => {
    const step = ofRecords.find((one) => one.firstOffset <= offset && offset <= one.lastOffset);
    return [step ? step.leafFrom + offset - step.firstOffset : -1, leaf];
  });
  for (const step of steps.filter(({ kind }) => kind === 'gap')) {
    const [gap] = await readGaps(reader, step, step.firstOffset, step.firstOffset + 1, 1);
    if (gap) leaves.push([step.leafFrom, gap.leaf]);
  }
  return leaves;
}
