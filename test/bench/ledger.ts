import { randomBytes } from 'node:crypto';
import { frameHeaders, leafOf, saltOf } from '../../ledger/leaf.ts';
import { signNote, parseNote, parseVerifierKey, verifierKeyOf, verifyNote } from '../../ledger/note.ts';
import { signReceipt, verifyReceipt } from '../../ledger/receipt.ts';
import { createLogVerifier } from '../../ledger/verify-log.ts';
import { isConsistent, isIncluded } from '../../ledger/verify-path.ts';
import { createMemoryTree } from '../support/memory-tree.ts';
import { knownKey } from '../support/tree-vectors.ts';

// npm run bench -- ledger [LEAVES]: sizes of proofs, and what hashing, proving and verifying cost on one core. Times
// are of the processor, not of the clock, so that a busy machine tells about the same.
const PLACE = { tenant: 'acme', topic: 'okta.log', partition: 0, sourceEpoch: 1 };
const SALT_KEY = Buffer.alloc(32, 5);
const HEADERS = frameHeaders([['x-custody-source', 'okta.log']]);
const KEY = Buffer.from('acme.okta.example');
const VALUES = Array.from({ length: 1_024 }, () => randomBytes(1_024));
const ROUNDS = 2_000;

function timed<Result>(work: () => Result): [Result, number] {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return [result, (user + system) / 1e6];
}

const rate = (count: number, seconds: number): number => Math.round(count / seconds);
const entryAt = (offset: number) => {
  const content = { key: KEY, value: VALUES[offset % 1_024] ?? KEY, headers: HEADERS };
  return { offset, timestampMs: 1_767_225_600_000 + offset, salt: saltOf(SALT_KEY, { ...PLACE, offset }), ...content };
};

/** Prints the figures for a tree of so many leaves, a million when left out. */
export async function benchLedger(args: readonly string[]): Promise<void> {
  const size = Number(args[0] ?? 1_000_000);
  const tree = createMemoryTree();
  const leaves = Array.from({ length: size }, (_, offset) => {
    const entry = entryAt(offset);
    return leafOf(SALT_KEY, { ...PLACE, offset }, 'record', entry.timestampMs, entry).leaf;
  });
  const [, growing] = timed(() => {
    for (const leaf of leaves) tree.append(leaf);
  });
  const root = tree.root();
  const [findings, verifying] = timed(() => {
    const log = createLogVerifier(PLACE, { origin: 'custody.acme/okta.log/0', size, root });
    for (let offset = 0; offset < size; offset += 1) log.add(entryAt(offset));
    return log.finish();
  });
  const indexes = Array.from({ length: ROUNDS }, () => Math.floor(Math.random() * size));
  const [paths, proving] = timed(() => indexes.map((index) => tree.inclusion(size, index)));
  const bytes = paths.map((path) => path.length * 32);
  const [included, checking] = timed(
    () => indexes.filter((index, at) => isIncluded(leaves[index] as Buffer, index, size, paths[at] ?? [], root)).length,
  );
  const half = Math.floor(size / 3);
  const beginning = createMemoryTree();
  for (const leaf of leaves.slice(0, half)) beginning.append(leaf);
  const consistency = tree.consistency(half, size);
  const key = knownKey();
  const verifier = parseVerifierKey(verifierKeyOf('custody.acme', key.publicKey));
  const [note, signing] = timed(() => {
    let last = '';
    for (let at = 0; at < ROUNDS; at += 1)
      last = signNote(`custody.acme\n${at}\nAAAA\n`, 'custody.acme', key.privateKey);
    return last;
  });
  const parsed = parseNote(note);
  const [, notes] = timed(() => {
    for (let at = 0; at < ROUNDS; at += 1) if (parsed && verifier) verifyNote(parsed, [verifier]);
  });
  const content = { iss: 'custody.acme', iat: 1, tenant: 'acme', topic: 'ce', partition: 0, sourceEpoch: 1, offset: 0 };
  const [receipt, giving] = timed(() => {
    let last = '';
    for (let at = 0; at < ROUNDS; at += 1) last = signReceipt({ ...content, leaves: leaves.slice(0, 1) }, key);
    return last;
  });
  const [, redeeming] = timed(() => {
    for (let at = 0; at < ROUNDS; at += 1) verifyReceipt(receipt, [key]);
  });
  if (findings.length > 0 || included !== ROUNDS) throw new Error('the bench verifies nothing');
  if (!isConsistent(half, beginning.root(), size, root, consistency)) throw new Error('not consistent');
  console.log(
    JSON.stringify(
      {
        leaves: size,
        grow_leaves_per_s: rate(size, growing),
        verify_whole_log: { seconds: Number(verifying.toFixed(2)), records_per_s: rate(size, verifying), note: 'salt, leaf and tree of 1 KiB records' }, // prettier-ignore
        inclusion_proof_bytes: {
          mean: Math.round(bytes.reduce((a, b) => a + b, 0) / ROUNDS),
          most: Math.max(...bytes),
        },
        consistency_proof_bytes: consistency.length * 32,
        inclusion_proofs_made_per_s: rate(ROUNDS, proving),
        inclusion_proofs_verified_per_s: rate(ROUNDS, checking),
        checkpoints_signed_per_s: rate(ROUNDS, signing),
        checkpoints_verified_per_s: rate(ROUNDS, notes),
        receipts_signed_per_s: rate(ROUNDS, giving),
        receipts_verified_per_s: rate(ROUNDS, redeeming),
        receipt_bytes_of_one_leaf: receipt.length,
      },
      undefined,
      2,
    ),
  );
  await Promise.resolve();
}
