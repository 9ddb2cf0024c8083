import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { compactVerify, importJWK } from 'jose';
import { MAX_LISTED_LEAVES, leafCountOf, signReceipt, verifyReceipt } from '../../ledger/receipt.ts';
import { fromJwk, toJwk, toSigningKey } from '../../ledger/signing-key.ts';
import { rootOfLeaves } from '../../ledger/tree.ts';
import { knownKey, leafOfNumber } from '../support/tree-vectors.ts';

const key = knownKey();
const place = {
  iss: 'custody.acme',
  iat: 1_767_225_600,
  tenant: 'acme',
  topic: 'ce',
  partition: 0,
  sourceEpoch: 1,
  offset: 41,
};
const leaves = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => leafOfNumber(at));
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function forged(header: object, payload: unknown = { ...place }): string {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`;
}

describe('a receipt', () => {
  test('says where the records stand, and jose reads it too', async () => {
    const receipt = signReceipt({ ...place, leaves: leaves(2) }, key);
    const payload = { iss: 'custody.acme', iat: 1_767_225_600, tenant: 'acme', topic: 'ce', partition: 0, source_epoch: 1, offset: 41, leaves: leaves(2).map((leaf) => leaf.toString('hex')) }; // prettier-ignore
    expect(verifyReceipt(receipt, [key])).toEqual({ ok: true, payload });
    const read = await compactVerify(receipt, await importJWK(toJwk(key), 'EdDSA'), { algorithms: ['EdDSA'] });
    expect(JSON.parse(Buffer.from(read.payload).toString())).toEqual(payload);
    expect(read.protectedHeader).toEqual({ alg: 'EdDSA', typ: 'custody-receipt+jwt', kid: key.kid });
  });

  test('of a large delivery names number and root of its leaves, so its size is bounded', () => {
    const most = signReceipt({ ...place, leaves: leaves(MAX_LISTED_LEAVES) }, key);
    const larger = signReceipt({ ...place, leaves: leaves(MAX_LISTED_LEAVES + 1) }, key);
    expect(most.length).toBeLessThan(24_000);
    expect(larger.length).toBeLessThan(600);
    const read = verifyReceipt(larger, [key]);
    if (!read.ok) throw new Error(read.fault);
    expect(read.payload).toMatchObject({ leaf_count: 257, leaves_root: rootOfLeaves(leaves(257)).toString('hex') });
    expect(leafCountOf(read.payload)).toBe(257);
  });

  test('every character matters', () => {
    const receipt = signReceipt({ ...place, leaves: leaves(1) }, key);
    const accepted: string[] = [];
    for (let at = 0; at < receipt.length; at += 1) {
      for (const other of ['A', 'z', '_', '.', '=']) {
        const changed = receipt.slice(0, at) + other + receipt.slice(at + 1);
        if (changed !== receipt && verifyReceipt(changed, [key]).ok) accepted.push(changed);
      }
    }
    expect(accepted).toEqual([]);
  });

  test('other algorithms, types, keys and shapes are refused', () => {
    const header = { alg: 'EdDSA', typ: 'custody-receipt+jwt', kid: key.kid };
    const good = JSON.parse(Buffer.from(signReceipt({ ...place, leaves: leaves(1) }, key).split('.')[1] ?? '', 'base64url').toString()) as object; // prettier-ignore
    expect(verifyReceipt(forged(header, good), [key]).ok).toBe(true);
    const hostile = [
      ...['none', 'None', 'HS256', 'ES256', 'Ed25519', '', null].map((alg) => forged({ ...header, alg }, good)),
      ...['JWT', 'jwt', 'application/custody-receipt+jwt', undefined].map((typ) => forged({ ...header, typ }, good)),
      forged({ ...header, crit: ['b64'], b64: false }, good),
      forged({ ...header, jwk: toJwk(key) }, good),
      forged({ ...header, jku: 'https://evil.example' }, good),
      ...[null, [], 'x', {}, { ...good, leaves: [] }, { ...good, leaves: ['AB'] }, { ...good, offset: -1 }, { ...good, offset: 1.5 }, { ...good, more: 1 }, { ...good, leaf_count: 1, leaves_root: '0'.repeat(64) }].map((payload) => forged(header, payload)), // prettier-ignore
      '', '.', '..', 'a.b.c', 'a.b.c.d', 'x'.repeat(50_000),
    ]; // prettier-ignore
    for (const receipt of hostile) expect(verifyReceipt(receipt, [key]).ok, receipt.slice(0, 80)).toBe(false);
    const head = `${encode({ ...header, alg: 'HS256' })}.${encode(good)}`;
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
    expect(verifyReceipt(`${head}.${createHmac('sha256', pem).update(head).digest('base64url')}`, [key]).ok).toBe(
      false,
    );
    const other = toSigningKey(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const receipt = signReceipt({ ...place, leaves: leaves(1) }, key);
    expect(verifyReceipt(receipt, [other])).toEqual({ ok: false, fault: 'unknown_key' });
    expect(verifyReceipt(receipt, [{ ...other, kid: key.kid }])).toEqual({ ok: false, fault: 'bad_signature' });
  });

  test('a key that is no public Ed25519 key, or not the one it is called, is none', () => {
    expect(fromJwk({ ...toJwk(key) })?.kid).toBe(key.kid);
    for (const change of [{ kid: 'x' }, { crv: 'X25519' }, { kty: 'EC' }, { x: 'AAAA' }, { d: 'AAAA' }])
      expect(fromJwk({ ...toJwk(key), ...change })).toBeUndefined();
  });
});
