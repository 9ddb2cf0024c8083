import { afterEach, describe, expect, test } from 'vitest';
import type {
  BatchHandler,
  Consumer,
  EventLog,
  LogBatch,
  LoggedRecord,
  LogRecord,
  TopicPartition,
} from '../../ingest/log/event-log.ts';

/** A log under test. `reopen` closes it and opens the same one again, as after a restart. */
export interface LogFixture {
  readonly log: EventLog;
  readonly reopen: () => Promise<EventLog>;
  readonly dispose: () => Promise<void>;
}

const TOPIC = 'okta.log';
const FIRST: TopicPartition = { topic: TOPIC, partition: 0 };

export function record(text: string, extra: Partial<LogRecord> = {}): LogRecord {
  return { timestampMs: 1_760_000_000_123, key: 'acme.example', value: Buffer.from(text), headers: {}, ...extra };
}

/** Reads from offset `from` until `wanted` records were seen, then stops; gives the batches. */
export async function readSome(
  log: EventLog,
  wanted: number,
  options: {
    from?: number;
    maxBatchRecords?: number;
    maxBatchBytes?: number;
    group?: string;
    partition?: TopicPartition;
  } = {},
): Promise<LogBatch[]> {
  const { from = 0, group = 'test', partition = FIRST, ...bounds } = options;
  const batches: LogBatch[] = [];
  let seen = 0;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const consumer = await log.consume(
    { group, topics: [partition.topic], ...bounds },
    {
      assigned: async (assigned) => (assigned.partition === partition.partition ? from : log.endOffset(assigned)),
      batch: async (batch) => {
        batches.push(batch);
        seen += batch.records.length;
        if (seen >= wanted) finish();
      },
    },
  );
  await finished;
  await consumer.stop();
  return batches;
}

const recordsOf = (batches: readonly LogBatch[]): LoggedRecord[] => batches.flatMap((batch) => batch.records);
const textsOf = (batches: readonly LogBatch[]): string[] => recordsOf(batches).map(({ value }) => value.toString());

/** What every log must do; run it on each implementation. */
export function describeEventLog(name: string, create: (options: { partitions: number }) => Promise<LogFixture>): void {
  describe(`${name}: event log contract`, () => {
    let fixture: LogFixture | undefined;
    const open = async (partitions = 1): Promise<LogFixture> => (fixture = await create({ partitions }));
    afterEach(async () => {
      await fixture?.dispose();
      fixture = undefined;
    });

    test('an announcement has a place of its own, stays, and is given to no reader of a family', async () => {
      const { log, reopen } = await open();
      const first = await log.announce('okta.log/0', [record('one', { headers: { 'x-source': 'okta.log/0/4' } })]);
      expect(first).toMatchObject({ topic: 'custody.dead-letters', partition: 0, firstOffset: 0, lastOffset: 0 });
      const again = await reopen();
      expect(await again.announce('okta.log/0', [record('two'), record('three')])).toMatchObject({ firstOffset: 1, lastOffset: 2 }); // prettier-ignore
      await again.append(TOPIC, 'a', [record('event')]);
      expect(textsOf(await readSome(again, 1))).toEqual(['event']);
      expect(await again.endOffset(FIRST)).toBe(1);
    });

    test('an empty topic starts and ends at the same offset', async () => {
      const { log } = await open();
      expect(await log.startOffset(FIRST)).toBe(await log.endOffset(FIRST));
    });

    test('an append of nothing moves nothing', async () => {
      const { log } = await open();
      const range = await log.append(TOPIC, 'a', []);
      expect(range.lastOffset).toBe(range.firstOffset - 1);
      expect(await log.endOffset(FIRST)).toBe(range.firstOffset);
    });

    test('records of one call keep their order and get rising offsets', async () => {
      const { log } = await open();
      const range = await log.append(TOPIC, 'a', [record('one'), record('two'), record('three')]);
      expect(range).toMatchObject({ topic: TOPIC, partition: 0, lastOffset: range.firstOffset + 2 });
      const batches = await readSome(log, 3, { from: range.firstOffset });
      expect(textsOf(batches)).toEqual(['one', 'two', 'three']);
      expect(recordsOf(batches).map(({ offset }) => offset - range.firstOffset)).toEqual([0, 1, 2]);
    });

    test('a record comes back as it went in: time, key, headers, bytes', async () => {
      const { log } = await open();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const sent = record('', {
        value: bytes,
        key: 'schlüssel-☃',
        headers: {
          'x-custody-source': 'okta.log',
          'x-custody-part': '3/10',
          'x-own': 'grüße',
          __proto__own: 'x',
          'x-empty': '',
        },
      });
      await log.append(TOPIC, 'a', [sent]);
      const [got] = recordsOf(await readSome(log, 1));
      expect(got?.value.equals(bytes)).toBe(true);
      expect({ ...got?.headers }).toEqual(sent.headers);
      expect(got).toMatchObject({ timestampMs: sent.timestampMs, key: sent.key });
    });

    test('values of 0 bytes and of 1 MiB', async () => {
      const { log } = await open();
      const large = Buffer.alloc(1024 * 1024, 'abc');
      await log.append(TOPIC, 'a', [record(''), record('', { value: large }), record('end')]);
      const got = recordsOf(await readSome(log, 3));
      expect(got.map(({ value }) => value.length)).toEqual([0, large.length, 3]);
      expect(got[1]?.value.equals(large)).toBe(true);
    });

    test('everything is there after a restart, and offsets go on', async () => {
      const { log, reopen } = await open();
      const before = await log.append(TOPIC, 'a', [record('one'), record('two')]);
      const again = await reopen();
      expect(await again.endOffset(FIRST)).toBe(before.lastOffset + 1);
      const after = await again.append(TOPIC, 'a', [record('three')]);
      expect(after.firstOffset).toBe(before.lastOffset + 1);
      expect(textsOf(await readSome(again, 3))).toEqual(['one', 'two', 'three']);
    });

    test('many appends at once: each is whole, in order, and none is lost', async () => {
      const { log } = await open();
      const ranges = await Promise.all(
        Array.from({ length: 200 }, (_, call) =>
          log.append(
            TOPIC,
            'a',
            Array.from({ length: 5 }, (__, at) => record(`${call}.${at}`)),
          ),
        ),
      );
      const got = recordsOf(await readSome(log, 1_000));
      const byOffset = new Map(got.map(({ offset, value }) => [offset, value.toString()]));
      ranges.forEach(({ firstOffset }, call) => {
        expect([0, 1, 2, 3, 4].map((at) => byOffset.get(firstOffset + at))).toEqual(
          [0, 1, 2, 3, 4].map((at) => `${call}.${at}`),
        );
      });
      expect(byOffset.size).toBe(1_000);
    });

    test('batches are bounded by count and by bytes, and a larger record comes alone', async () => {
      const { log } = await open();
      await log.append(
        TOPIC,
        'a',
        Array.from({ length: 25 }, (_, at) => record(`${at}`.padStart(100, '.'))),
      );
      const byCount = await readSome(log, 25, { maxBatchRecords: 10 });
      expect(byCount.map(({ records }) => records.length)).toEqual([10, 10, 5]);
      const byBytes = await readSome(log, 25, { maxBatchBytes: 1_050 });
      expect(Math.max(...byBytes.map(({ records }) => records.length))).toBe(10);
      const alone = await readSome(log, 25, { maxBatchBytes: 10 });
      expect(alone).toHaveLength(25);
      expect(recordsOf(alone)).toHaveLength(25);
    });

    test('the ranges of batches follow each other and cover what was read', async () => {
      const { log } = await open();
      await log.append(
        TOPIC,
        'a',
        Array.from({ length: 30 }, (_, at) => record(`${at}`)),
      );
      const batches = await readSome(log, 30, { maxBatchRecords: 7 });
      let next = batches[0]?.firstOffset ?? 0;
      for (const batch of batches) {
        expect(batch.firstOffset).toBe(next);
        expect(batch.records.every(({ offset }) => offset >= batch.firstOffset && offset <= batch.lastOffset)).toBe(
          true,
        );
        next = batch.lastOffset + 1;
      }
    });

    test('reading starts anywhere, also in the middle of what was appended together', async () => {
      const { log } = await open();
      const { firstOffset } = await log.append(
        TOPIC,
        'a',
        Array.from({ length: 50 }, (_, at) => record(`${at}`)),
      );
      for (const from of [0, 1, 17, 49]) {
        expect(textsOf(await readSome(log, 50 - from, { from: firstOffset + from }))[0]).toBe(`${from}`);
      }
    });

    test('a reader waits for new records and gets them', async () => {
      const { log } = await open();
      const reading = readSome(log, 3);
      await log.append(TOPIC, 'a', [record('one')]);
      await log.append(TOPIC, 'a', [record('two'), record('three')]);
      expect(textsOf(await reading)).toEqual(['one', 'two', 'three']);
    });

    test('several readers each see everything', async () => {
      const { log } = await open();
      const readers = ['a', 'b', 'c'].map((group) => readSome(log, 100, { group, maxBatchRecords: 9 }));
      for (let at = 0; at < 100; at++) await log.append(TOPIC, 'a', [record(`${at}`)]);
      for (const batches of await Promise.all(readers)) {
        expect(textsOf(batches)).toEqual(Array.from({ length: 100 }, (_, at) => `${at}`));
      }
    });

    test('topics are apart', async () => {
      const { log } = await open();
      await log.append(TOPIC, 'a', [record('okta')]);
      await log.append('vault.audit', 'a', [record('vault')]);
      expect(textsOf(await readSome(log, 1, { partition: { topic: 'vault.audit', partition: 0 } }))).toEqual(['vault']);
    });

    test('a partition key always goes to the same partition, and keys spread', async () => {
      const { log } = await open(4);
      const seen = new Map<string, number>();
      for (let round = 0; round < 2; round++) {
        for (let at = 0; at < 40; at++) {
          const { partition } = await log.append(TOPIC, `instance-${at}`, [record('x')]);
          expect(seen.get(`instance-${at}`) ?? partition).toBe(partition);
          seen.set(`instance-${at}`, partition);
        }
      }
      expect(new Set(seen.values()).size).toBe(log.partitions(TOPIC));
    });

    test('batches of one partition never overlap in time', async () => {
      const { log } = await open();
      await log.append(
        TOPIC,
        'a',
        Array.from({ length: 20 }, (_, at) => record(`${at}`)),
      );
      let inFlight = 0;
      let most = 0;
      let seen = 0;
      await new Promise<void>((resolve) => {
        const handler: BatchHandler = {
          assigned: async () => 0,
          batch: async ({ records }) => {
            inFlight += 1;
            most = Math.max(most, inFlight);
            await sleep(2);
            inFlight -= 1;
            if ((seen += records.length) === 20) resolve();
          },
        };
        void log.consume({ group: 'g', topics: [TOPIC], maxBatchRecords: 3 }, handler);
      });
      expect(most).toBe(1);
    });

    test('pause holds the reader, resume lets it go on where it was', async () => {
      const { log } = await open();
      const seen: string[] = [];
      const consumer = await collect(log, seen);
      await log.append(TOPIC, 'a', [record('one')]);
      await until(() => seen.length === 1);
      consumer.pause(FIRST);
      await log.append(TOPIC, 'a', [record('two')]);
      await sleep(50);
      expect(seen).toEqual(['one']);
      consumer.resume(FIRST);
      await until(() => seen.length === 2);
      expect(seen).toEqual(['one', 'two']);
      await consumer.stop();
    });

    test('seek goes back and forth', async () => {
      const { log } = await open();
      const seen: string[] = [];
      await log.append(
        TOPIC,
        'a',
        ['a', 'b', 'c', 'd'].map((text) => record(text)),
      );
      const consumer = await collect(log, seen);
      await until(() => seen.length === 4);
      consumer.seek(FIRST, 2);
      await until(() => seen.length === 6);
      expect(seen).toEqual(['a', 'b', 'c', 'd', 'c', 'd']);
      await consumer.stop();
    });

    test('stop waits for the batch in flight, and nothing comes after it', async () => {
      const { log } = await open();
      await log.append(
        TOPIC,
        'a',
        Array.from({ length: 10 }, (_, at) => record(`${at}`)),
      );
      let started = 0;
      let finished = 0;
      const consumer = await log.consume(
        { group: 'g', topics: [TOPIC], maxBatchRecords: 2 },
        {
          assigned: async () => 0,
          batch: async () => {
            started += 1;
            await sleep(40);
            finished += 1;
          },
        },
      );
      await until(() => started === 2);
      await consumer.stop();
      expect(finished).toBe(2);
      await sleep(60);
      expect(started).toBe(2);
    });

    test('a handler that rejects stops its partition and says why', async () => {
      const { log } = await open();
      await log.append(TOPIC, 'a', [record('one'), record('two')]);
      let calls = 0;
      const failure = await new Promise<unknown>((resolve) => {
        void log.consume(
          { group: 'g', topics: [TOPIC], maxBatchRecords: 1 },
          {
            assigned: async () => 0,
            batch: async () => {
              calls += 1;
              throw new Error('not today');
            },
            failed: (_, error) => resolve(error),
          },
        );
      });
      expect(String(failure)).toContain('not today');
      await sleep(30);
      expect(calls).toBe(1);
    });

    test('what a group committed is no more than a note: reading starts where the handler says', async () => {
      const { log } = await open();
      await log.append(TOPIC, 'a', [record('one'), record('two')]);
      const seen: string[] = [];
      const consumer = await collect(log, seen);
      await until(() => seen.length === 2);
      await consumer.commit(FIRST, 2);
      await consumer.stop();
      expect(textsOf(await readSome(log, 2, { group: 'collect' }))).toEqual(['one', 'two']);
    });

    test('records appended while reading all arrive once, in order', async () => {
      const { log } = await open();
      const seen: string[] = [];
      const consumer = await collect(log, seen, { maxBatchRecords: 13 });
      const appends: Promise<unknown>[] = [];
      for (let at = 0; at < 500; at++) {
        appends.push(log.append(TOPIC, 'a', [record(`${at}`)]));
        if (at % 50 === 0) await sleep(1);
      }
      await Promise.all(appends);
      await until(() => seen.length === 500);
      expect(seen).toEqual(Array.from({ length: 500 }, (_, at) => `${at}`));
      await consumer.stop();
    });

    test('a closed log refuses', async () => {
      const { log } = await open();
      await log.close();
      await expect(log.append(TOPIC, 'a', [record('x')])).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
}

async function collect(log: EventLog, seen: string[], bounds: { maxBatchRecords?: number } = {}): Promise<Consumer> {
  return log.consume(
    { group: 'collect', topics: [TOPIC], ...bounds },
    {
      assigned: async () => 0,
      batch: async ({ records }) => {
        for (const { value } of records) seen.push(value.toString());
      },
    },
  );
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 2_000; round++) {
    if (condition()) return;
    await sleep(5);
  }
  throw new Error('waited in vain');
}
