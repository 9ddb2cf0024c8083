import { createPrivateKey } from 'node:crypto';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import { hashLeaf } from '../../ledger/leaf.ts';
import { signNote, verifierKeyOf } from '../../ledger/note.ts';
import { signReceipt } from '../../ledger/receipt.ts';
import { toJwk, toSigningKey } from '../../ledger/signing-key.ts';
import { createTree } from '../../ledger/tree.ts';
import { createMemoryTree } from './memory-tree.ts';

/** The inputs of the test vectors that implementations of certificate transparency share. */
export const CT_INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];

/** A key that everybody knows: the private half is 32 bytes of 07. */
export function knownKey(): ReturnType<typeof toSigningKey> {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return toSigningKey(key.export({ type: 'pkcs8', format: 'pem' }));
}

/** The leaf hash of a number: what vectors and tests fill trees with. */
export function leafOfNumber(value: number): Buffer {
  return hashLeaf(String(value));
}

/** Everything of `test/vectors/tree.json`; it never changes. */
export function treeVectors(): unknown {
  const ct = createTree();
  const ctRoots = CT_INPUTS.map((hex) => {
    ct.append(hashLeaf(Buffer.from(hex, 'hex').toString('latin1')));
    return ct.root().toString('hex');
  });
  const tree = createMemoryTree();
  for (let at = 0; at < 1_000; at += 1) tree.append(leafOfNumber(at));
  const key = knownKey();
  const origin = 'custody.acme';
  const text = formatCheckpoint({ origin, size: 1_000, root: tree.root() });
  const receipt = {
    iss: origin,
    iat: 1_767_225_600,
    tenant: 'acme',
    topic: 'ce',
    partition: 0,
    sourceEpoch: 1,
    offset: 41,
  };
  const hex = (hashes: readonly Buffer[]): string[] => hashes.map((one) => one.toString('hex'));
  const leaves = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => leafOfNumber(at));
  return {
    certificate_transparency: { inputs: CT_INPUTS, roots: ctRoots },
    numbers: {
      size: 1_000,
      root: tree.root().toString('hex'),
      inclusion: [0, 511, 512, 998, 999].map((index) => ({ index, path: hex(tree.inclusion(1_000, index)) })),
      consistency: [1, 256, 511, 999].map((first) => ({ first, path: hex(tree.consistency(first, 1_000)) })),
    },
    key: { jwk: toJwk(key), verifier: verifierKeyOf(origin, key.publicKey) },
    checkpoint: signNote(text, origin, key.privateKey),
    receipts: {
      listed: signReceipt({ ...receipt, leaves: leaves(3) }, key),
      counted: signReceipt({ ...receipt, leaves: leaves(257) }, key),
    },
  };
}
