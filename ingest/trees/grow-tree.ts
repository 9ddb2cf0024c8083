import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { createTree } from '../../ledger/tree.ts';
import type { Tree } from '../../ledger/tree.ts';
import { Problem } from '../../model/problem.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import type { Reader } from '../../store/query.ts';
import type { Session } from '../../store/session.ts';
import { readGaps, readLeaves } from '../../store/trees/leaves.ts';
import type { StoredGap, StoredLeaf } from '../../store/trees/leaves.ts';
import { insertNodes, treeNameOf } from '../../store/trees/nodes.ts';
import type { TreeNode } from '../../store/trees/nodes.ts';
import { insertSteps, readLastStep } from '../../store/trees/steps.ts';
import type { TreeStep } from '../../store/trees/steps.ts';

export interface GrowDeps {
  /** Not the worker's own session, so that the worker need not wait. */
  readonly reader: Reader & Pick<Session, 'bytes'>;
  readonly writer: Pick<Session, 'run'>;
  readonly writerEpoch: number;
  /** Ends the work between two steps. */
  readonly signal?: AbortSignal;
  /** Microseconds UTC. */
  readonly now: () => number;
  /** Called before anything is written; rejects where another writer holds the partition by now. */
  readonly mayWrite: (place: StoredPartition) => Promise<void>;
}

// A step is one row and one insert; so many leaves take some hundredths of a second.
const LEAVES_A_STEP = 20_000;
const GAPS_A_READ = 1_000;
const LEAVES_AT_ONCE = 2_000;

/**
 * W6 of reliability.md 1.4: adds to a partition's tree what the store holds below `end`, which was read back before. The
 * leaves come from the store, and so does the place where the tree goes on: a crash anywhere leaves either the step or
 * nothing of it, and two writers would write the same. Gives the last step. A Problem `internal` with `integrity` where
 * the store holds neither a record nor a gap for an offset, or two records that differ.
 */
export async function growTree(deps: GrowDeps, place: StoredPartition, end: number): Promise<TreeStep | undefined> {
  let last = await readLastStep(deps.reader, place);
  let next = last ? last.lastOffset + 1 : 0;
  while (next < end && deps.signal?.aborted !== true) {
    const leaves = await readLeaves(deps.reader, place, next, end, LEAVES_A_STEP);
    const lastLeaf = leaves.at(-1);
    const isCut = leaves.length === LEAVES_A_STEP;
    const upTo = isCut && lastLeaf ? lastLeaf.offset : end;
    const gaps = await readGaps(deps.reader, place, next, upTo, GAPS_A_READ);
    const lastGap = gaps.at(-1);
    // Whichever list was cut, nothing behind its end is known, so nothing behind it is taken.
    const limit = Math.min(
      isCut ? upTo + 1 : end,
      gaps.length === GAPS_A_READ && lastGap ? lastGap.lastOffset + 1 : end,
    );
    const from = last ?? firstStep(place, leaves, gaps);
    if (!from) break;
    const { steps, nodes } = await addLeaves(place, from, limit, leaves, gaps);
    if (steps.length === 0) break;
    await deps.mayWrite(place);
    await insertNodes(deps.writer, treeNameOf(place), nodes);
    await insertSteps(deps.writer, steps, deps.writerEpoch, deps.now());
    last = steps.at(-1) ?? last;
    next = (last?.lastOffset ?? next - 1) + 1;
  }
  return last;
}

/** Where a tree begins: behind the offset before the first that was ever stored. */
function firstStep(
  place: StoredPartition,
  leaves: readonly StoredLeaf[],
  gaps: readonly StoredGap[],
): Pick<TreeStep, 'lastOffset' | 'frontier'> | undefined {
  const firsts = [leaves[0]?.offset, gaps[0]?.firstOffset].filter((one) => one !== undefined);
  if (firsts.length === 0) return undefined;
  if (place.sourceEpoch !== 1)
    throw new Problem('internal', 'A tree that goes on in another history of the log is not built.', { ...place });
  return { lastOffset: Math.min(...firsts) - 1, frontier: { size: 0, nodes: [] } };
}

async function addLeaves(
  place: StoredPartition,
  from: Pick<TreeStep, 'lastOffset' | 'frontier'>,
  end: number,
  leaves: readonly StoredLeaf[],
  gaps: readonly StoredGap[],
): Promise<{ steps: TreeStep[]; nodes: TreeNode[] }> {
  const nodes: TreeNode[] = [];
  const tree = createTree(from.frontier, (level, index, hash) => nodes.push({ level, place: index, hash }));
  const steps: TreeStep[] = [];
  const waiting = [...gaps];
  let next = from.lastOffset + 1;
  let at = 0;
  while (next < end) {
    const [gap] = waiting;
    if (gap?.firstOffset === next) {
      const open = openStep(place, 'gap', next, tree);
      open.add(gap.leaf);
      steps.push(open.close(gap.lastOffset));
      next = gap.lastOffset + 1;
      waiting.shift();
      continue;
    }
    if (leaves[at]?.offset !== next)
      throw hole(place, next, Math.min(leaves[at]?.offset ?? end, gap?.firstOffset ?? end) - 1);
    const open = openStep(place, 'records', next, tree);
    for (let leaf = leaves[at]; leaf && leaf.offset === next && next < end; leaf = leaves[at]) {
      open.add(leaf.leaf);
      at = skipCopies(place, leaves, at);
      next += 1;
      if (at % LEAVES_AT_ONCE === 0) await setImmediate();
    }
    steps.push(open.close(next - 1));
  }
  return { steps, nodes };
}

interface OpenStep {
  add(leaf: Buffer): void;
  close(lastOffset: number): TreeStep;
}

function openStep(place: StoredPartition, kind: TreeStep['kind'], firstOffset: number, tree: Tree): OpenStep {
  const leafFrom = tree.size();
  const digest = createHash('sha256');
  return {
    add(leaf) {
      digest.update(leaf);
      tree.append(leaf);
    },
    close(lastOffset) {
      const { topic, sourceEpoch, partition } = place;
      const ends = { firstOffset, lastOffset, leafFrom, leafTo: tree.size() };
      const state = { leaves: digest.digest(), root: tree.root(), frontier: tree.frontier() };
      return { topic, sourceEpoch, partition, kind, ...ends, ...state };
    },
  };
}

// A fenced writer may have brought a second copy; it is the same record, or the store does not hold what the log held.
function skipCopies(place: StoredPartition, leaves: readonly StoredLeaf[], at: number): number {
  const first = leaves[at];
  if (!first) return at;
  let next = at + 1;
  for (; leaves[next]?.offset === first.offset; next += 1) {
    if (leaves[next]?.leaf.equals(first.leaf) !== true) {
      const facts = { integrity: true, ...place, first_offset: first.offset, last_offset: first.offset };
      throw new Problem('internal', 'The store holds two records at one place of the log, and they differ.', facts);
    }
  }
  return next;
}

function hole(place: StoredPartition, firstOffset: number, lastOffset: number): Problem {
  const facts = { integrity: true, ...place, first_offset: firstOffset, last_offset: lastOffset };
  return new Problem('internal', 'The store holds neither a record nor a gap for a range that it had covered.', facts);
}
