import { expect, test } from 'vitest';
import { createHeaderReader, RECEIVED_HEADER, recordOf } from '../../../ingest/log/kafka-headers.ts';
import type { MessageHeaders } from '../../../ingest/log/kafka-headers.ts';
import type { KafkaMessage } from '../../../ingest/log/kafka-records.ts';
import { encodeHeaders } from '../../support/kafka-batches.ts';

type Pairs = readonly (readonly [string, string | null])[];

/** The headers of records that stand one behind the other in one batch. */
function readAll(...sets: readonly Pairs[]): MessageHeaders[] {
  const bytes = Buffer.concat(sets.map(encodeHeaders));
  const read = createHeaderReader(bytes);
  const cursor = { at: 0 };
  const all = sets.map(() => read(cursor));
  expect(cursor.at).toBe(bytes.length);
  return all;
}

function messageOf(more: Partial<KafkaMessage>): KafkaMessage {
  return {
    offset: '7',
    timestamp: '1000',
    key: 'k',
    value: Buffer.from('v'),
    headers: {},
    received: undefined,
    isControlRecord: false,
    batchContext: { producerId: '-1', inTransaction: false },
    ...more,
  };
}

test('when Custody received a record stands in a header, and is not believed where it is later than the log or no time', () => {
  const stampOf = (received: string): number => recordOf(messageOf({ received })).timestampMs;
  expect(['900', '1000', '1001', '-5', '1e2', '', '9'.repeat(16)].map(stampOf)).toEqual([
    900, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000,
  ]);
  expect(recordOf(messageOf({ headers: { a: '1' } }))).toEqual({
    offset: 7,
    timestampMs: 1_000,
    key: 'k',
    value: Buffer.from('v'),
    headers: { a: '1' },
  });
  expect(recordOf(messageOf({ key: null, value: null }))).toMatchObject({
    key: '',
    value: Buffer.alloc(0),
    headers: {},
  });
});

test('equal headers one after another are one object, whenever they were received', () => {
  const received = (text: string): readonly [string, string] => [RECEIVED_HEADER, text];
  const [first, second, third, fourth] = readAll(
    [['a', '1'], ['b', '2'], received('900')],
    [['a', '1'], ['b', '2'], received('90100')],
    [['a', '1'], received('7'), ['b', '2']],
    [received(''), ['a', '1'], ['b', '2']],
  ); // prettier-ignore
  expect(first).toEqual({ headers: { a: '1', b: '2' }, received: '900' });
  expect(second?.headers).toBe(first?.headers);
  expect(second?.received).toBe('90100');
  expect(third).toEqual({ headers: { a: '1', b: '2' }, received: '7' });
  expect(fourth).toEqual({ headers: { a: '1', b: '2' }, received: '' });
});

test.each([
  { a: '1' },
  { a: '1', b: '3' },
  { a: '1', c: '2' },
  { a: '1', b: '2', c: '3' },
  { a: '12', b: '' },
  { ab: '', a: '1' },
  { [RECEIVED_HEADER.slice(0, -1)]: 'd' },
  { a: '900' },
  {},
])('any difference makes another object: %j', (others) => {
  const [own, pairs] = [{ a: '1', b: '2' }, Object.entries(others)];
  const all = readAll(Object.entries(own), [...pairs, [RECEIVED_HEADER, '902']], pairs, Object.entries(own));
  expect(all.map(({ headers }) => headers)).toEqual([own, others, others, own]);
  expect(all.map(({ received }) => received)).toEqual([undefined, '902', undefined, undefined]);
});

test('names given twice, without a value, or that are no names of ours stay what they are', () => {
  const [twice, nothing, odd] = readAll(
    [[RECEIVED_HEADER, '1'], ['a', 'x'], [RECEIVED_HEADER, '2'], ['a', 'y']],
    [['a', null], [RECEIVED_HEADER, null]],
    [['__proto__', '\u{1F600}'], ['', '']],
  ); // prettier-ignore
  expect(twice).toEqual({ headers: { a: 'y' }, received: '2' });
  expect(nothing).toEqual({ headers: { a: '' }, received: '' });
  expect(Object.entries(odd?.headers ?? {})).toEqual([['__proto__', '\u{1F600}'], ['', '']]); // prettier-ignore
});

test('headers that are cut off at any byte are refused', () => {
  const whole = encodeHeaders([['a', '1'], [RECEIVED_HEADER, '900']]); // prettier-ignore
  for (let length = 0; length < whole.length; length += 1) {
    const bytes = whole.subarray(0, length);
    expect(() => createHeaderReader(bytes)({ at: 0 })).toThrow(RangeError);
  }
});
