import { gapLeafOf, leafOf, frameHeaders, sortHeaders } from '../../ledger/leaf.ts';

const place = { tenant: 'default', topic: 'aws.cloudtrail', partition: 0, offset: 0, sourceEpoch: 1 };
const key = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');

const CASES = [
  { name: 'empty', place, timestampMs: 0, key: '', value: '', headers: {} },
  {
    name: 'json',
    place: { ...place, offset: 1 },
    timestampMs: 1_767_225_600_000,
    key: 'acct-1',
    value: '7b2261223a317d',
    headers: { 'x-custody-source': 'aws.cloudtrail', 'x-custody-delivery': 'push' },
  },
  {
    name: 'not UTF-8',
    place: { ...place, offset: 2 },
    timestampMs: 1_767_225_600_001,
    key: 'ü',
    value: 'ff00fe0a5c09',
    headers: {},
  },
  {
    name: 'large offset',
    place: { ...place, topic: 'ce', partition: 1_023, offset: 2 ** 36 - 1 },
    timestampMs: 7_258_118_399_999,
    key: 'k',
    value: '00',
    headers: { z: '', a: '\u{1f512}' },
  },
] as const;

/** Leaves of fixed inputs. `test/vectors/leaf.json` is what they were when the format was decided; it never changes. */
export function vectorsOf(): unknown {
  const records = CASES.map((entry) => {
    const content = {
      key: Buffer.from(entry.key, 'utf8'),
      value: Buffer.from(entry.value, 'hex'),
      headers: frameHeaders(sortHeaders(entry.headers)),
    };
    const made = leafOf(key, entry.place, 'record', entry.timestampMs, content);
    return {
      ...entry,
      salt: made.salt.toString('hex'),
      commit: made.commit.toString('hex'),
      entry: made.entry,
      leaf: made.leaf.toString('hex'),
    };
  });
  const gap = gapLeafOf(key, { ...place, offset: 10 }, 19, 'retention_lost');
  return {
    salt_key: key.toString('hex'),
    records,
    gap: { first: 10, last: 19, reason: 'retention_lost', entry: gap.entry, leaf: gap.leaf.toString('hex') },
  };
}
