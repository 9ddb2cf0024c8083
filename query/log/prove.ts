import type { ConsistencyProof, Evidence, HeadProof, LeafProof } from '../../ledger/evidence.ts';
import { logOriginOf } from '../../ledger/checkpoint.ts';
import { originOf } from '../../ledger/leaf.ts';
import { isIncluded } from '../../ledger/verify-path.ts';
import { Problem } from '../../model/problem.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import type { Reader } from '../../store/query.ts';
import { findHead, findHeadOfSize, readCheckpoint } from '../../store/trees/heads.ts';
import type { SignedCheckpoint, TreeHead } from '../../store/trees/heads.ts';
import { readConsistency, readInclusion, readInclusions } from '../../store/trees/proofs.ts';
import { readLastStep, readStepsAcross } from '../../store/trees/steps.ts';
import type { TreeStep } from '../../store/trees/steps.ts';

/** A leaf that somebody asks about, by its place in the log. */
export interface AskedLeaf {
  readonly offset: number;
  /** What the leaf should be. */
  readonly leaf: Buffer;
}

/** What the log says of a leaf. `not_yet`: no signed checkpoint covers it so far. */
export type ProvedLeaf =
  | { readonly offset: number; readonly state: 'included'; readonly proof: LeafProof }
  | { readonly offset: number; readonly state: 'not_yet' }
  | { readonly offset: number; readonly state: 'finding'; readonly code: ProofFindingCode; readonly message: string };

export type ProofFindingCode = 'gap' | 'leaf_differs' | 'missing' | 'overdue';

/** Leaves of one partition against the last signed checkpoint. Head and checkpoint are there where a leaf is included. */
export interface ProvedLeaves {
  readonly leaves: readonly ProvedLeaf[];
  readonly head?: HeadProof;
  readonly checkpoint?: string;
}

/** Proves that leaves of one partition are in the log of a checkpoint, or says of each why not. Offsets rise without a hole. */
export async function proveLeaves(
  reader: Reader,
  place: StoredPartition,
  asked: readonly AskedLeaf[],
  checkpoint: SignedCheckpoint | undefined,
): Promise<ProvedLeaves> {
  const [first, last] = [asked[0]?.offset ?? 0, asked.at(-1)?.offset ?? 0];
  const steps = await readStepsAcross(reader, place, first, last);
  const head = checkpoint && (await findHead(reader, place, checkpoint.size, 0));
  const isWhole = asked.every(({ offset }) => stepOf(steps, offset) !== undefined);
  const reached = isWhole ? last : ((await readLastStep(reader, place))?.lastOffset ?? -1);
  const placed = asked.map((one) => placeLeaf(steps, one, reached, head?.size ?? 0));
  const known = placed.flatMap(({ index }) => (index === undefined ? [] : [index]));
  if (!checkpoint || !head || known.length === 0) return { leaves: placed.map(({ answer }) => answer) };
  const paths = await readInclusions(reader, place, head.size, known);
  const pathOf = new Map(known.map((index, at) => [index, paths[at] ?? []]));
  const leaves = placed.map(({ index, answer, leaf }): ProvedLeaf => {
    if (index === undefined) return answer;
    const path = pathOf.get(index) ?? [];
    // What is answered was verified, and with the leaf that was asked about: a tree that was altered proves nothing.
    if (!isIncluded(leaf, index, head.size, path, head.root))
      return finding(answer.offset, 'leaf_differs', 'The log holds another leaf at this place.');
    const { origin, size } = head;
    const proof = {
      origin,
      index,
      leaf: leaf.toString('hex'),
      size,
      root: head.root.toString('hex'),
      path: toHex(path),
    };
    return { offset: answer.offset, state: 'included', proof };
  });
  return { leaves, head: await proveHead(reader, head, checkpoint), checkpoint: checkpoint.note };
}

/** The whole way from one record's leaf to the signature of a checkpoint, or why there is none. */
export async function proveRecord(
  reader: Reader,
  place: StoredPartition,
  asked: AskedLeaf,
  signed: SignedCheckpoint | undefined,
): Promise<Exclude<ProvedLeaf, { state: 'included' }> | ({ readonly state: 'included' } & Evidence)> {
  const { leaves, head, checkpoint } = await proveLeaves(reader, place, [asked], signed);
  const [answer] = leaves;
  if (answer?.state === 'included' && head && checkpoint !== undefined)
    return { state: 'included', leaf: answer.proof, head, checkpoint };
  return answer && answer.state !== 'included' ? answer : { offset: asked.offset, state: 'not_yet' };
}

/**
 * That the log of checkpoints, or a partition's tree, at one size is its beginning at another. Sizes are those of signed
 * heads: a Problem `not_found` for others.
 */
export async function proveConsistency(
  reader: Reader,
  tenant: string,
  tree: { readonly topic: string; readonly partition: number } | 'checkpoints',
  first: number,
  second: number,
): Promise<ConsistencyProof> {
  const heads = await Promise.all([first, second].map((size) => rootAt(reader, tree, size)));
  const [firstRoot, secondRoot] = heads;
  if (!firstRoot || !secondRoot)
    throw new Problem('not_found', `The tree had no signed head of size ${firstRoot ? second : first}.`);
  const path = await readConsistency(reader, tree, first, second);
  return {
    origin: tree === 'checkpoints' ? logOriginOf(tenant) : originOf({ tenant, ...tree }),
    first: { size: first, root: firstRoot.toString('hex') },
    second: { size: second, root: secondRoot.toString('hex') },
    path: toHex(path),
  };
}

async function rootAt(
  reader: Reader,
  tree: { readonly topic: string; readonly partition: number } | 'checkpoints',
  size: number,
): Promise<Buffer | undefined> {
  if (tree !== 'checkpoints') return (await findHeadOfSize(reader, tree, size))?.root;
  const found = await readCheckpoint(reader, size);
  return found?.size === size ? found.root : undefined;
}

async function proveHead(reader: Reader, head: TreeHead, checkpoint: SignedCheckpoint): Promise<HeadProof> {
  const path = await readInclusion(reader, 'checkpoints', checkpoint.size, head.place);
  const { origin, size, root, place } = head;
  return { origin, size, root: root.toString('hex'), index: place, path: toHex(path) };
}

/** Where a leaf stands in the tree, as far as it is signed; else the answer as it is without a proof. */
function placeLeaf(
  steps: readonly TreeStep[],
  { offset, leaf }: AskedLeaf,
  reached: number,
  signed: number,
): { readonly index?: number; readonly leaf: Buffer; readonly answer: ProvedLeaf } {
  const step = stepOf(steps, offset);
  if (!step && offset <= reached)
    return { leaf, answer: finding(offset, 'missing', 'The log goes on behind this place, and does not hold it.') };
  if (!step) return { leaf, answer: { offset, state: 'not_yet' } };
  if (step.kind === 'gap') return { leaf, answer: finding(offset, 'gap', 'The log holds a gap at this place.') };
  const index = step.leafFrom + offset - step.firstOffset;
  const answer: ProvedLeaf = { offset, state: 'not_yet' };
  return index < signed ? { index, leaf, answer } : { leaf, answer };
}

function stepOf(steps: readonly TreeStep[], offset: number): TreeStep | undefined {
  return steps.find((one) => one.firstOffset <= offset && offset <= one.lastOffset);
}

/** An answer that something is wrong with a leaf. */
export function finding(offset: number, code: ProofFindingCode, message: string): ProvedLeaf {
  return { offset, state: 'finding', code, message };
}

function toHex(path: readonly Buffer[]): string[] {
  return path.map((hash) => hash.toString('hex'));
}
