import type { Entries } from '../../ledger/proof.ts';
import { TILE_WIDTH, rootOf } from '../../ledger/tree.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import { dropDerivedOfDups, recordDups } from '../../store/trees/dups.ts';
import { countNodes, treeNameOf } from '../../store/trees/nodes.ts';
import { insertSeal, readHeldSteps } from '../../store/trees/seals.ts';
import type { HeldStep, Seal } from '../../store/trees/seals.ts';
import { readStepsOfRange } from '../../store/trees/steps.ts';
import type { TreeStep } from '../../store/trees/steps.ts';
import type { Session } from '../../store/session.ts';
import type { GrowDeps } from './grow-tree.ts';

export interface SealDeps extends GrowDeps {
  readonly writer: Pick<Session, 'run' | 'read'>;
}

/**
 * Seals what was added to a partition's tree behind `sealedTo` (reliability.md 1.4): each step of the tree must still be
 * held, whole, without a hole, and with the leaves that the tree was made from; second copies of records are recorded and
 * taken out of what is counted. Gives the seal, which is noted in the store: `sealed`, or `broken` with what is wrong and
 * where; undefined where there is nothing new. A broken range is looked at again the next time and never skipped; what
 * `before` said already is not noted again.
 */
export async function sealPartition(
  deps: SealDeps,
  place: StoredPartition,
  sealedTo: number,
  last: TreeStep,
  before?: Seal,
): Promise<Seal | undefined> {
  const firstOffset = sealedTo + 1;
  const { lastOffset } = last;
  if (lastOffset < firstOffset) return undefined;
  const steps = await readStepsOfRange(deps.reader, place, firstOffset, lastOffset);
  const held = await readHeldSteps(deps.reader, place, firstOffset, lastOffset);
  const fault =
    findFault(steps, held, firstOffset, lastOffset) ??
    (await findNodeFault(deps, place, steps[0]?.leafFrom ?? 0, last.leafTo));
  const copies = held.reduce((sum, { rows, offsets }) => sum + rows - offsets, 0);
  await deps.mayWrite(place);
  const dups = copies === 0 ? 0 : await keepFromCounting(deps, place, firstOffset, lastOffset);
  const seal: Seal = {
    topic: place.topic,
    sourceEpoch: place.sourceEpoch,
    partition: place.partition,
    firstOffset,
    lastOffset,
    state: fault === undefined ? 'sealed' : 'broken',
    fault: fault ?? '',
    dups,
    records: steps.filter(({ kind }) => kind === 'records').reduce((sum, step) => sum + step.leafTo - step.leafFrom, 0),
    gaps: steps.filter(({ kind }) => kind === 'gap').length,
    size: last.leafTo,
    root: last.root,
  };
  const isToldAlready = seal.state === 'broken' && before?.fault === seal.fault && before.lastOffset === lastOffset;
  if (!isToldAlready) await insertSeal(deps.writer, seal, deps.writerEpoch, deps.now());
  return seal;
}

/** What is wrong with a range, and at which offsets; undefined where nothing is. */
export function findFault(
  steps: readonly TreeStep[],
  held: readonly HeldStep[],
  firstOffset: number,
  lastOffset: number,
): string | undefined {
  const found = new Map(held.map((one) => [one.firstOffset, one]));
  // A partition begins where its log did when it was first read, so the first step may stand behind the range's begin.
  let next = steps[0]?.leafFrom === 0 ? steps[0].firstOffset : firstOffset;
  for (const step of steps) {
    const range = `offsets ${step.firstOffset} to ${step.lastOffset}`;
    if (step.firstOffset !== next) return `the tree leaves out what stands before ${range}`;
    next = step.lastOffset + 1;
    const stored = found.get(step.firstOffset);
    const expected = step.leafTo - step.leafFrom;
    if (!stored || stored.offsets < expected) return `records or gaps are missing in ${range}`;
    if (stored.offsets > expected) return `records were added in ${range}`;
    if (!stored.leaves.equals(step.leaves)) return `leaves are not those of the tree in ${range}`;
    if (!rootOf(step.frontier).equals(step.root)) return `the state of the tree was altered in ${range}`;
  }
  return next === lastOffset + 1 ? undefined : `the tree ends before offset ${lastOffset}`;
}

/** What is wrong with the nodes that became final between two sizes of the tree. */
async function findNodeFault(
  deps: SealDeps,
  place: StoredPartition,
  from: number,
  to: number,
): Promise<string | undefined> {
  const final: Entries[] = [];
  for (let level = 1; TILE_WIDTH ** level <= to; level += 1)
    final.push({ level, from: Math.floor(from / TILE_WIDTH ** level), to: Math.floor(to / TILE_WIDTH ** level) });
  const { held, differing } = await countNodes(deps.reader, treeNameOf(place), final);
  if (differing > 0) return 'nodes of the tree are held in two versions';
  const expected = final.reduce((sum, entries) => sum + entries.to - entries.from, 0);
  return held === expected ? undefined : 'nodes of the tree are missing';
}

async function keepFromCounting(deps: SealDeps, place: StoredPartition, first: number, last: number): Promise<number> {
  const dups = await recordDups(deps.writer, place, first, last, deps.now());
  if (dups > 0) await dropDerivedOfDups(deps.writer, place, first, last);
  return dups;
}
