import { describe, expect, test } from 'vitest';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import type { ConsistencyProof, Evidence } from '../../ledger/evidence.ts';
import { signNote, verifierKeyOf } from '../../ledger/note.ts';
import { headLeaf, verifyConsistency, verifyEvidence } from '../../ledger/verify-evidence.ts';
import { createMemoryTree } from '../support/memory-tree.ts';
import { knownKey, leafOfNumber } from '../support/tree-vectors.ts';

const key = knownKey();
const trusted = { origin: 'custody.acme', verifiers: [verifierKeyOf('custody.acme', key.publicKey)] };
const hex = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('hex'));

function make(index = 300): Evidence {
  const tree = createMemoryTree();
  for (let at = 0; at < 700; at += 1) tree.append(leafOfNumber(at));
  const head = { origin: 'custody.acme/okta.log/0', size: 700, root: tree.root() };
  const top = createMemoryTree();
  for (let at = 0; at < 9; at += 1) top.append(at === 4 ? headLeaf(head) : leafOfNumber(-at));
  const text = formatCheckpoint({ origin: 'custody.acme', size: 9, root: top.root() });
  const shown = { origin: head.origin, size: 700, root: head.root.toString('hex') };
  return {
    leaf: { ...shown, index, leaf: leafOfNumber(index).toString('hex'), path: hex(tree.inclusion(700, index)) },
    head: { ...shown, index: 4, path: hex(top.inclusion(9, 4)) },
    checkpoint: signNote(text, 'custody.acme', key.privateKey),
  };
}

const codes = (evidence: unknown): string[] => verifyEvidence(evidence, trusted).map(({ code }) => code);
const other = '0'.repeat(64);

describe('evidence', () => {
  test('holds from leaf to signature', () => {
    expect(codes(make())).toEqual([]);
    expect(codes(JSON.parse(JSON.stringify(make(0))))).toEqual([]);
  });

  test('each part that is changed is found, and named', () => {
    const good = make();
    const { leaf, head } = good;
    expect(codes({ ...good, leaf: { ...leaf, leaf: other } })).toEqual(['leaf_not_included']);
    expect(codes({ ...good, leaf: { ...leaf, index: 301 } })).toEqual(['leaf_not_included']);
    expect(codes({ ...good, leaf: { ...leaf, path: leaf.path.slice(1) } })).toEqual(['leaf_not_included']);
    expect(codes({ ...good, leaf: { ...leaf, root: other } })).toEqual(['wrong_head']);
    expect(codes({ ...good, leaf: { ...leaf, origin: 'custody.acme/ce/0' } })).toEqual(['wrong_head']);
    expect(codes({ ...good, head: { ...head, index: 5 } })).toEqual(['head_not_included']);
    expect(codes({ leaf: { ...leaf, root: other }, head: { ...head, root: other }, checkpoint: good.checkpoint })).toEqual(['head_not_included', 'leaf_not_included']); // prettier-ignore
    expect(codes({ ...good, head: { ...head, origin: 'custody.other/okta.log/0' } })).toEqual(['wrong_origin', 'wrong_head']); // prettier-ignore
    expect(codes({ ...good, checkpoint: good.checkpoint.replace('\n9\n', '\n8\n') })).toEqual(['bad_signature']);
    expect(codes({ ...good, checkpoint: 'nonsense' })).toEqual(['malformed']);
    expect(verifyEvidence(good, { ...trusted, verifiers: [] })).toMatchObject([{ code: 'unknown_key' }]);
    expect(verifyEvidence(good, { ...trusted, origin: 'custody.other' })).toMatchObject([{ code: 'wrong_origin' }]);
    for (const shape of [
      null,
      undefined,
      1,
      '',
      [],
      {},
      { ...good, more: 1 },
      { ...good, leaf: { ...leaf, index: -1 } },
    ])
      expect(codes(shape)).toEqual(['malformed']);
  });
});

test('a tree is compared with what somebody holds', () => {
  const tree = createMemoryTree();
  for (let at = 0; at < 40; at += 1) tree.append(leafOfNumber(at));
  const held = { origin: 'custody.acme', size: 40, root: tree.root() };
  for (let at = 40; at < 70; at += 1) tree.append(leafOfNumber(at));
  const later = { origin: 'custody.acme', size: 70, root: tree.root() };
  const proof: ConsistencyProof = {
    origin: 'custody.acme',
    first: { size: 40, root: held.root.toString('hex') },
    second: { size: 70, root: later.root.toString('hex') },
    path: hex(tree.consistency(40, 70)),
  };
  expect(verifyConsistency(proof, held, later)).toEqual([]);
  expect(verifyConsistency({ ...proof, path: proof.path.slice(1) }, held, later)).toMatchObject([{ code: 'not_consistent' }]); // prettier-ignore
  expect(verifyConsistency(proof, { ...held, root: leafOfNumber(0) }, later)).toMatchObject([{ code: 'wrong_head' }]);
  const rewritten = { ...held, root: leafOfNumber(0) };
  const fitted = { ...proof, first: { size: 40, root: leafOfNumber(0).toString('hex') } };
  expect(verifyConsistency(fitted, rewritten, later)).toMatchObject([{ code: 'not_consistent' }]);
  expect(verifyConsistency({}, held, later)).toMatchObject([{ code: 'malformed' }]);
});
