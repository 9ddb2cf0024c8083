import { EMPTY_FRONTIER, createTree, rootOf } from '../../ledger/tree.ts';
import type { Frontier, Tree } from '../../ledger/tree.ts';
import type { Reader } from '../../store/query.ts';
import type { TreeHead } from '../../store/trees/heads.ts';
import { readGaps } from '../../store/trees/leaves.ts';
import { findLeafRun } from '../../store/trees/leaf-runs.ts';
import { readStepsOfLeaves } from '../../store/trees/steps.ts';
import type { TreeStep } from '../../store/trees/steps.ts';

/** Leaves from one place of a tree up to, not including, another, and whether they give the root of the head at its end. */
export interface CheckedSegment {
  readonly from: number;
  readonly to: number;
  /** Why they do not; absent where they do. */
  readonly fault?: string;
}

const LEAVES_A_QUERY = 20_000;

/**
 * Computes a partition's tree again from its stored leaves and compares it with heads, which the caller has verified: from
 * the stored frontier before the leaf `from`, leaf by leaf, up to the last head. A frontier or a leaf that was altered
 * cannot give the root that was signed, so neither need be trusted. After a segment that differs the next begins from
 * the frontier that fits its head, so that one altered leaf spoils one segment. Memory does not grow with the leaves.
 */
export async function recomputeTree(
  reader: Reader,
  tree: { readonly topic: string; readonly partition: number },
  from: number,
  heads: readonly TreeHead[],
): Promise<readonly CheckedSegment[]> {
  const sorted = heads.toSorted((a, b) => a.size - b.size);
  const end = sorted.at(-1)?.size ?? 0;
  if (end <= from) return [];
  const [first] = await readStepsOfLeaves(reader, tree, from, from + 1);
  const start = first?.leafFrom ?? from;
  // The step before is read too: where it ends, the tree is taken up.
  const steps = await readStepsOfLeaves(reader, tree, Math.max(0, start - 1), end);
  let own = frontierAt(steps, start);
  const runs = joinSteps(steps);
  const segments: CheckedSegment[] = [];
  for (const [index, head] of sorted.entries()) {
    const begin = index === 0 ? start : (sorted[index - 1]?.size ?? 0);
    if (head.size === begin) continue;
    const built = own && createTree(own);
    const fault = built
      ? await appendLeaves(reader, runs, built, head.size)
      : 'The state of the tree before it is not held';
    const isSame = fault === undefined && built?.root().equals(head.root) === true;
    segments.push({
      from: begin,
      to: head.size,
      ...(isSame ? {} : { fault: fault ?? 'The stored leaves do not give the root that was signed' }),
    });
    own = isSame ? built?.frontier() : signedFrontier(steps, head);
  }
  return segments;
}

/** Steps of records that follow on one another as one, so that many small batches cost no more queries than a large one. */
function joinSteps(steps: readonly TreeStep[]): readonly TreeStep[] {
  const joined: TreeStep[] = [];
  for (const step of steps) {
    const last = joined.at(-1);
    if (last && step.leafTo <= last.leafTo) continue;
    const follows =
      last?.kind === 'records' &&
      step.kind === 'records' &&
      last.sourceEpoch === step.sourceEpoch &&
      last.leafTo === step.leafFrom &&
      last.lastOffset + 1 === step.firstOffset;
    if (follows) joined[joined.length - 1] = { ...last, leafTo: step.leafTo, lastOffset: step.lastOffset };
    else joined.push(step);
  }
  return joined;
}

/** The state of the tree at a size as a step of it says; undefined where no step ends there. */
function frontierAt(steps: readonly TreeStep[], size: number): Frontier | undefined {
  return size === 0 ? EMPTY_FRONTIER : steps.find((step) => step.leafTo === size)?.frontier;
}

/** The same, if it has the root that was signed: then it is the state that was signed, whatever became of the leaves before. */
function signedFrontier(steps: readonly TreeStep[], head: TreeHead): Frontier | undefined {
  const found = frontierAt(steps, head.size);
  return found && rootOf(found).equals(head.root) ? found : undefined;
}

/** Appends the stored leaves up to a size; tells what is missing or stands twice with different leaves. */
async function appendLeaves(
  reader: Reader,
  steps: readonly TreeStep[],
  tree: Tree,
  to: number,
): Promise<string | undefined> {
  for (const step of steps) {
    if (step.leafTo <= tree.size() || step.leafFrom >= to) continue;
    if (step.leafFrom > tree.size()) return 'A step of the tree is not held';
    const fault =
      step.kind === 'gap' ? await appendGap(reader, step, tree) : await appendRecords(reader, step, tree, to);
    if (fault !== undefined) return fault;
  }
  return tree.size() === to ? undefined : 'A step of the tree is not held';
}

async function appendGap(reader: Reader, step: TreeStep, tree: Tree): Promise<string | undefined> {
  const [gap] = await readGaps(reader, step, step.firstOffset, step.firstOffset + 1, 1);
  if (!gap) return `The gap at ${step.topic}/${step.partition}/${step.firstOffset} is not held`;
  tree.append(gap.leaf);
  return undefined;
}

async function appendRecords(reader: Reader, step: TreeStep, tree: Tree, to: number): Promise<string | undefined> {
  const end = Math.min(to, step.leafTo);
  while (tree.size() < end) {
    const first = step.firstOffset + tree.size() - step.leafFrom;
    const last = Math.min(first + LEAVES_A_QUERY, step.firstOffset + end - step.leafFrom) - 1;
    const rows = await reader.read(findLeafRun(step, first, last));
    for (const [index, { offset, leaf, other }] of rows.entries()) {
      if (offset !== first + index) return missing(step, first + index);
      if (leaf !== other) return `${step.topic}/${step.partition}/${offset} is held twice, with different leaves`;
      tree.append(Buffer.from(leaf, 'hex'));
    }
    if (rows.length !== last - first + 1) return missing(step, first + rows.length);
  }
  return undefined;
}

function missing(step: TreeStep, offset: number): string {
  return `The record ${step.topic}/${step.partition}/${offset} is not held`;
}
