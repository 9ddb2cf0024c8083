import { expect, test } from 'vitest';
import { createRecordReader, RECEIVED_HEADER } from '../../../ingest/log/kafka-headers.ts';
import type { KafkaMessage } from '../../../ingest/log/kafka-records.ts';

function messageOf(headers: Readonly<Record<string, string>>, more: Partial<KafkaMessage> = {}): KafkaMessage {
  return {
    offset: '7',
    timestamp: '1000',
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    isControlRecord: false,
    batchContext: { producerId: '-1', inTransaction: false },
    ...more,
  };
}

test('when Custody received a record stands in a header, and is not believed where it is later than the log or no time', () => {
  const read = createRecordReader();
  const stampOf = (received: string): number => read(messageOf({ a: '1', [RECEIVED_HEADER]: received })).timestampMs;
  expect(['900', '1000', '1001', '-5', '1e2', '', '9'.repeat(16)].map(stampOf)).toEqual([
    900, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000,
  ]);
  expect(read(messageOf({ a: '1' }))).toEqual({
    offset: 7,
    timestampMs: 1_000,
    key: 'k',
    value: Buffer.from('v'),
    headers: { a: '1' },
  });
  expect(read(messageOf({}, { key: null, value: null }))).toMatchObject({
    key: '',
    value: Buffer.alloc(0),
    headers: {},
  });
});

test('equal headers one after another are one object; any difference makes another', () => {
  const read = createRecordReader();
  const headersOf = (headers: Readonly<Record<string, string>>): object => read(messageOf(headers)).headers;
  const first = headersOf({ a: '1', b: '2', [RECEIVED_HEADER]: '900' });
  expect(first).toEqual({ a: '1', b: '2' });
  expect(headersOf({ a: '1', b: '2', [RECEIVED_HEADER]: '901' })).toBe(first);
  for (const others of [
    { a: '1' },
    { a: '1', b: '3' },
    { a: '1', c: '2' },
    { a: '1', b: '2', c: '3' },
    { a: '12', b: '' },
    {},
  ]) {
    expect(headersOf({ ...others, [RECEIVED_HEADER]: '902' })).toEqual(others);
    expect(headersOf({ a: '1', b: '2' })).toEqual(first);
  }
});

test('a value that equals the stamp of the record is a header like any other', () => {
  const read = createRecordReader();
  const received = Buffer.from('900');
  const headers = { [RECEIVED_HEADER]: received, a: received };
  expect(read(messageOf({}, { headers })).headers).toEqual({ a: '900' });
  expect(read(messageOf({ a: 'x', [RECEIVED_HEADER]: '900' })).headers).toEqual({ a: 'x' });
  expect(read(messageOf({}, { headers })).headers).toEqual({ a: '900' });
});
