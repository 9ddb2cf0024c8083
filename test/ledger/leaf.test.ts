import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  commitOf,
  entryOf,
  gapLeafOf,
  hashLeaf,
  leafOf,
  originOf,
  saltOf,
  frameHeaders,
  sortHeaders,
} from '../../ledger/leaf.ts';
import { vectorsOf } from '../support/leaf-vectors.ts';

const key = Buffer.alloc(32, 7);
const place = { tenant: 'acme', topic: 'okta.log', partition: 3, offset: 2 ** 33 + 5, sourceEpoch: 1 };
const salt = Buffer.alloc(16, 1);

test('committed vectors still hold', () => {
  const committed: unknown = JSON.parse(readFileSync(new URL('../vectors/leaf.json', import.meta.url), 'utf8'));
  expect(vectorsOf()).toEqual(committed);
});

test('the parts are those of the written format, computed here a second time', () => {
  const content = {
    key: Buffer.from('k'),
    value: Buffer.from([0xff, 0x00, 0x0a]),
    headers: frameHeaders(sortHeaders({ b: 'ü', a: '' })),
  };
  const bytes = Buffer.concat([
    salt,
    Buffer.from([0, 0, 0, 1]),
    Buffer.from('k'),
    Buffer.from([0, 0, 0, 3, 0xff, 0x00, 0x0a]),
    Buffer.from([0, 0, 0, 2, 0, 0, 0, 1]),
    Buffer.from('a'),
    Buffer.from([0, 0, 0, 0]),
    Buffer.from([0, 0, 0, 1]),
    Buffer.from('b'),
    Buffer.from([0, 0, 0, 2, 0xc3, 0xbc]),
  ]);
  const commit = createHash('sha256').update(bytes).digest();
  expect(commitOf(salt, content)).toEqual(commit);
  const saltInput = Buffer.concat([
    Buffer.from('audit-salt/v1custody.acmeokta.log'),
    Buffer.from([0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 5]),
  ]);
  expect(saltOf(key, place)).toEqual(createHmac('sha256', key).update(saltInput).digest().subarray(0, 16));
  const entry = `audit-leaf/v1\ncustody.acme/okta.log/3\n1\nokta.log\n3\n8589934597\n1767225600123\nrecord\n${commit.toString('hex')}\n`;
  expect(entryOf(place, 'record', 1_767_225_600_123, commit.toString('hex'))).toBe(entry);
  expect(hashLeaf(entry)).toEqual(
    createHash('sha256')
      .update(Buffer.concat([Buffer.from([0]), Buffer.from(entry)]))
      .digest(),
  );
  expect(originOf(place)).toBe('custody.acme/okta.log/3');
});

describe('the commitment', () => {
  test('differs for every way to split the same bytes into fields', () => {
    const random = generator(42);
    const seen = new Map<string, string>();
    for (let round = 0; round < 8_000; round += 1) {
      const bytes = Buffer.from(Array.from({ length: random(7) }, () => random(3)));
      const cuts = Array.from({ length: 1 + 2 * random(3) }, () => random(bytes.length + 1)).toSorted((a, b) => a - b);
      const pieces = [0, ...cuts].map((cut, index) => bytes.subarray(cut, cuts[index] ?? bytes.length));
      const headers: [string, string][] = [];
      for (let i = 2; i + 1 < pieces.length; i += 2) headers.push([String(pieces[i]), String(pieces[i + 1])]);
      const fields = { key: pieces[0] ?? bytes, value: pieces[1] ?? bytes, headers: frameHeaders(headers) };
      const split = JSON.stringify([fields.key.toString('hex'), fields.value.toString('hex'), headers]);
      const commit = commitOf(salt, fields).toString('hex');
      expect(seen.get(commit) ?? split).toBe(split);
      seen.set(commit, split);
    }
    expect(new Set(seen.values()).size).toBe(seen.size);
    expect(seen.size).toBeGreaterThan(2_000);
  });

  test('changes with a header, with a byte, with the salt', () => {
    const base = { key: Buffer.from('k'), value: Buffer.from('v'), headers: frameHeaders(sortHeaders({ a: '1' })) };
    const all = [
      commitOf(salt, base),
      commitOf(Buffer.alloc(16, 2), base),
      commitOf(salt, { ...base, value: Buffer.from('w') }),
      commitOf(salt, { ...base, headers: frameHeaders(sortHeaders({ a: '2' })) }),
      commitOf(salt, { ...base, headers: frameHeaders([]) }),
    ];
    expect(new Set(all.map(String)).size).toBe(all.length);
  });

  test('does not depend on the order in which headers were given', () => {
    expect(sortHeaders({ b: '1', a: '2', A: '3' })).toEqual(sortHeaders({ A: '3', a: '2', b: '1' }));
  });
});

test('a leaf depends on its place, its type and its time', () => {
  const content = { key: Buffer.from('k'), value: Buffer.from('v'), headers: frameHeaders([]) };
  const leaves = [
    leafOf(key, place, 'record', 1, content),
    leafOf(key, { ...place, offset: place.offset + 1 }, 'record', 1, content),
    leafOf(key, { ...place, partition: 4 }, 'record', 1, content),
    leafOf(key, { ...place, topic: 'ce' }, 'record', 1, content),
    leafOf(key, { ...place, tenant: 'other' }, 'record', 1, content),
    leafOf(key, { ...place, sourceEpoch: 2 }, 'record', 1, content),
    leafOf(key, place, 'redaction', 1, content),
    leafOf(key, place, 'record', 2, content),
    gapLeafOf(key, place, place.offset + 3, 'retention_lost'),
    gapLeafOf(key, place, place.offset + 4, 'retention_lost'),
    gapLeafOf(key, place, place.offset + 3, 'rewound'),
  ].map(({ leaf }) => leaf.toString('hex'));
  expect(new Set(leaves).size).toBe(leaves.length);
});

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
