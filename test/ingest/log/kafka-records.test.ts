import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../ingest/log/crc32c.ts';
import '../../../ingest/log/kafka-client.ts';
import { decodeRecordSet } from '../../../ingest/log/kafka-records.ts';
import { CODECS, compressors, recordBatch, xerialFrame } from '../../support/kafka-batches.ts';

const values = Array.from({ length: 200 }, (_, at) => Buffer.from(`{"number":${at},"text":"${'abc'.repeat(at)}"}`));
const textsOf = (set: Buffer): string[] => decodeRecordSet(set).map(({ value }) => value?.toString() ?? '');
const texts = values.map(String);

describe('the record sets of Kafka', () => {
  test('the checksum is that of the standard', () => {
    // RFC 3720 B.4 and the check value of the catalogue of CRCs.
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from('xx123456789'), 2)).toBe(0xe3069283);
  });

  test('a record with its offset, time, key and headers', () => {
    const [first, second] = decodeRecordSet(recordBatch({ firstOffset: 7_000_000_000, values: values.slice(0, 2) }));
    expect(first).toMatchObject({ offset: '7000000000', timestamp: '1000', key: null, isControlRecord: false });
    expect(second).toMatchObject({ offset: '7000000001', timestamp: '1001' });
    expect(second?.headers['name']?.toString()).toBe('value');
  });

  test('where the broker stamps, its time counts', () => {
    const [first] = decodeRecordSet(recordBatch({ values: values.slice(0, 1), attributes: 8, maxTimestamp: 5_555 }));
    expect(first?.timestamp).toBe('5555');
  });

  test.each(Object.entries(compressors))('%s', (name, compress) => {
    const codec = CODECS[name as keyof typeof CODECS];
    expect(textsOf(recordBatch({ values, codec, compress }))).toEqual(texts);
  });

  test('snappy as Java frames it', () => {
    expect(textsOf(recordBatch({ values, codec: 2, compress: xerialFrame }))).toEqual(texts);
  });

  test('more records than fit on a stack', () => {
    const many = Array.from({ length: 150_000 }, () => Buffer.from('x'));
    expect(decodeRecordSet(recordBatch({ values: many, codec: 1, compress: compressors.gzip }))).toHaveLength(150_000);
  });

  test('a batch that is cut off is left for the next fetch', () => {
    const two = Buffer.concat([recordBatch({ values }), recordBatch({ firstOffset: 200, values })]);
    expect(decodeRecordSet(two.subarray(0, two.length - 1))).toHaveLength(200);
  });

  test.each(Object.entries(compressors))(
    'fault 31: a bomb of %s becomes one message that says so, and holds no memory',
    (name, compress) => {
      const bomb = recordBatch({
        firstOffset: 10,
        values: [Buffer.alloc(40 * 1_024 * 1_024), Buffer.from('y')],
        codec: CODECS[name as keyof typeof CODECS],
        compress,
      });
      const before = process.memoryUsage().rss;
      const got = decodeRecordSet(
        Buffer.concat([bomb, recordBatch({ firstOffset: 12, values: [Buffer.from('after')] })]),
      );
      expect(process.memoryUsage().rss - before).toBeLessThan(120 * 1_024 * 1_024);
      expect(got[0]).toMatchObject({ offset: '11', undecodable: { firstOffset: 10, lastOffset: 11 } });
      expect(got[1]?.value?.toString()).toBe('after');
    },
  );

  test('fault 30: broken bytes, unknown codecs and old formats become one message that says so', () => {
    const broken = recordBatch({ values });
    broken[100] = (broken[100] ?? 0) ^ 1;
    const old = recordBatch({ values });
    old.writeInt8(1, 16);
    const cases: [Buffer, RegExp, number][] = [
      [broken, /checksum/, 199],
      [recordBatch({ values, codec: 5 }), /no codec 5/, 199],
      [recordBatch({ values, codec: 1, compress: () => Buffer.from('not gzip') }), /header/, 199],
      [recordBatch({ values, codec: 3, compress: () => Buffer.from('not lz4 at all') }), /no frame of lz4/, 199],
      [recordBatch({ values, codec: 4, compress: () => Buffer.from('not zstd at all') }), /no frame of zstd/, 199],
      [recordBatch({ values, codec: 2, compress: () => Buffer.from([0xff]) }), /./, 199],
      [old, /format 1/, 0],
    ];
    for (const [set, detail, lastOffset] of cases) {
      const got = decodeRecordSet(Buffer.concat([set, recordBatch({ firstOffset: 200, values: [Buffer.from('z')] })]));
      expect(got).toHaveLength(2);
      expect(got[0]?.undecodable).toMatchObject({ firstOffset: 0, lastOffset });
      expect(got[0]?.undecodable?.detail).toMatch(detail);
    }
  });

  test('random bytes never throw', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);
    for (let round = 0; round < 2_000; round += 1) {
      const set = recordBatch({ values: values.slice(0, 3), codec: round % 6, compress: (bytes) => bytes });
      for (let change = 0; change < 4; change += 1) set[random() % set.length] = random() & 255;
      set.writeUInt32BE(crc32c(set, 21), 17);
      expect(() => decodeRecordSet(set)).not.toThrow();
    }
  });
});

test('the client arms its timer only where something waits', () => {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue') as {
    prototype: { scheduleCheckPendingRequests(this: unknown): void };
  };
  const idle = { pending: [], throttledUntil: -1, throttleCheckTimeoutId: null as NodeJS.Timeout | null };
  prototype.scheduleCheckPendingRequests.call(idle);
  expect(idle.throttleCheckTimeoutId).toBeNull();
  const busy = { ...idle, pending: [1], checkPendingRequests: () => undefined };
  prototype.scheduleCheckPendingRequests.call(busy);
  expect(busy.throttleCheckTimeoutId).not.toBeNull();
  if (busy.throttleCheckTimeoutId) clearTimeout(busy.throttleCheckTimeoutId);
});
