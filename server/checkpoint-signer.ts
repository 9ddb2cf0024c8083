import { formatCheckpoint, logOriginOf } from '../ledger/checkpoint.ts';
import { originOf } from '../ledger/leaf.ts';
import { parseNote, parseVerifierKey, signNote, verifierKeyOf, verifyNote } from '../ledger/note.ts';
import type { PublicLogKey, SigningKey } from '../ledger/signing-key.ts';
import { createTree, rootOf } from '../ledger/tree.ts';
import { headLeaf } from '../ledger/verify-evidence.ts';
import { isConsistent } from '../ledger/verify-path.ts';
import { Problem } from '../model/problem.ts';
import type { Reader } from '../store/query.ts';
import type { Session } from '../store/session.ts';
import { countHeads, insertCheckpoint, insertHeads, readCheckpoint, readHeads } from '../store/trees/heads.ts';
import type { SignedCheckpoint, TreeHead } from '../store/trees/heads.ts';
import { LOG_OF_CHECKPOINTS, insertNodes } from '../store/trees/nodes.ts';
import type { TreeNode } from '../store/trees/nodes.ts';
import { readConsistency } from '../store/trees/proofs.ts';
import { readLastSteps } from '../store/trees/steps.ts';
import type { SignerState, SignerStateFile } from './signer-state.ts';

export interface SignerDeps {
  readonly reader: Reader;
  readonly writer: Pick<Session, 'run'>;
  readonly tenant: string;
  readonly key: SigningKey;
  /** All keys that signed for this log, those that no longer do included: a checkpoint of any other is not continued. */
  readonly known: readonly PublicLogKey[];
  /** What was signed last; kept with the key, not in the store (server/signer-state.ts). */
  readonly state: SignerStateFile;
  /** Microseconds UTC. */
  readonly now: () => number;
}

const HEADS_A_ROUND = 10_000;
const ONE_SIGNER =
  'A store has one signer, with one folder: either another one signs this store, then stop this one; or keys/ of this folder is not as it was when it signed last, then put that back (log-signing.pem, retired/, signed.json).';

/**
 * Signs what the store holds by now: adds the heads of trees that have grown to the log of checkpoints, and signs its
 * root. It is its own first witness (reliability.md 2.4): a head is signed only with a proof that it continues the head
 * of this tree that was signed before, and so is the log of checkpoints. A store that was rolled back, rewritten or forked
 * gets no signature: a Problem `internal` with `integrity`. Gives whether something was signed.
 */
export async function signCheckpoint(deps: SignerDeps): Promise<boolean> {
  const signed = deps.state.read();
  const last = await readCheckpoint(deps.reader);
  checkStored(deps, signed, last);
  await addHeads(deps, signed);
  const heads = await readHeads(deps.reader, last?.size ?? 0, (last?.size ?? 0) + HEADS_A_ROUND);
  if (heads.length === 0 && (last?.size ?? 0) === signed.size) return false;
  const nodes: TreeNode[] = [];
  const tree = createTree(last?.frontier, (level, place, hash) => nodes.push({ level, place, hash }));
  const trees = new Map(Object.entries(signed.trees));
  for (const head of heads) {
    checkPlace(head, tree.size());
    // What was signed before a crash and not noted is in the state already; it is not a step back.
    if (head.place >= signed.size) trees.set(head.origin, await checkHead(deps, head, trees.get(head.origin)));
    tree.append(head.leaf);
    if (tree.size() === signed.size && tree.root().toString('hex') !== signed.root)
      throw refused('The log of checkpoints is not the one that was signed.', { size: signed.size });
  }
  if (tree.size() < signed.size) throw refused('The log of checkpoints is shorter than what was signed.', {});
  if (tree.size() === 0) return false;
  const state: SignerState = {
    size: tree.size(),
    root: tree.root().toString('hex'),
    trees: Object.fromEntries(trees),
  };
  const origin = logOriginOf(deps.tenant);
  const text = formatCheckpoint({ origin, size: tree.size(), root: tree.root() });
  await insertNodes(deps.writer, LOG_OF_CHECKPOINTS, nodes);
  // Before the signature leaves this process it is known to have been given.
  await deps.state.write(state);
  const note = signNote(text, origin, deps.key.privateKey);
  await insertCheckpoint(deps.writer, {
    size: tree.size(),
    root: tree.root(),
    frontier: tree.frontier(),
    note,
    madeAtUs: deps.now(),
  });
  return true;
}

/** Adds the heads of trees that have grown since they were signed or added. */
async function addHeads(deps: SignerDeps, signed: SignerState): Promise<void> {
  const waiting = await countHeads(deps.reader);
  const unsigned = await readHeads(deps.reader, signed.size, waiting);
  const known = new Map(Object.entries(signed.trees).map(([origin, { size }]) => [origin, size]));
  for (const { origin, size } of unsigned) known.set(origin, Math.max(size, known.get(origin) ?? 0));
  const steps = await readLastSteps(deps.reader);
  for (const step of steps) {
    const origin = originOf({ tenant: deps.tenant, ...step });
    const before = signed.trees[origin];
    if (before?.size === step.leafTo && before.root !== step.root.toString('hex'))
      throw refused('A tree is not the one that was signed.', { tree: origin, size: step.leafTo });
  }
  const grown = steps
    .map((step) => ({ step, origin: originOf({ tenant: deps.tenant, ...step }) }))
    .filter(({ step, origin }) => step.leafTo > (known.get(origin) ?? 0));
  const heads = grown.map(({ step, origin }, index): TreeHead => {
    const head = { origin, size: step.leafTo, root: step.root };
    return { ...head, topic: step.topic, partition: step.partition, place: waiting + index, leaf: headLeaf(head) };
  });
  await insertHeads(deps.writer, heads, deps.now());
}

function checkStored({ tenant, known }: SignerDeps, signed: SignerState, last: SignedCheckpoint | undefined): void {
  if (!last) return;
  const origin = logOriginOf(tenant);
  const note = parseNote(last.note);
  const own = known.flatMap(({ publicKey }) => parseVerifierKey(verifierKeyOf(origin, publicKey)) ?? []);
  if (!note || verifyNote(note, own) !== 'verified')
    throw refused(`The store holds a checkpoint that another key signed. ${ONE_SIGNER}`, { stored: last.size });
  if (!rootOf(last.frontier).equals(last.root))
    throw refused('The state of the log of checkpoints was altered in the store.', { size: last.size });
  const isSame = last.size === signed.size && last.root.toString('hex') === signed.root;
  // After a crash between the signer's note and the store's, the store is behind; what was signed is made again.
  if (!isSame && last.size >= signed.size)
    throw refused(`The store holds a checkpoint that is not noted here as signed. ${ONE_SIGNER}`, {
      stored: last.size,
      signed: signed.size,
    });
}

function checkPlace(head: TreeHead, expected: number): void {
  if (head.place !== expected) throw refused('A head is missing in the log of checkpoints.', { place: expected });
  if (!head.leaf.equals(headLeaf(head)))
    throw refused('A head in the log of checkpoints was altered.', { place: head.place, tree: head.origin });
}

async function checkHead(
  deps: SignerDeps,
  head: TreeHead,
  before: { readonly size: number; readonly root: string } | undefined,
): Promise<{ size: number; root: string }> {
  const { origin, topic, partition, size, root } = head;
  if (origin !== originOf({ tenant: deps.tenant, topic, partition }))
    throw refused('A head in the log of checkpoints is of no tree of this log.', { place: head.place });
  const now = { size, root: root.toString('hex') };
  if (!before) return now;
  const path = await readConsistency(deps.reader, head, before.size, size).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'invalid_request') return undefined;
    throw error;
  });
  if (path && isConsistent(before.size, Buffer.from(before.root, 'hex'), size, root, path)) return now;
  throw refused('A tree does not continue what was signed of it.', { tree: origin, signed: before.size, found: size });
}

function refused(message: string, facts: Readonly<Record<string, unknown>>): Problem {
  return new Problem('internal', `${message} No checkpoint is signed until this is explained.`, {
    integrity: true,
    ...facts,
  });
}
