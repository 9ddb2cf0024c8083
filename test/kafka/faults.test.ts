import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import type { Consumer, EventLog, LogBatch, TopicPartition } from '../../ingest/log/event-log.ts';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import { readSome, record } from '../contracts/event-log.ts';
import { lz4StoredFrame, xerialFrame, zstdFrame } from '../support/kafka-batches.ts';
import { describeOnKafka, openTestLog, rawKafka, testTopics, withAdmin } from '../support/kafka-fixture.ts';

const TOPIC = 'okta.log';
const FIRST: TopicPartition = { topic: TOPIC, partition: 0 };
const texts = (batches: readonly LogBatch[]): string[] =>
  batches.flatMap(({ records }) => records.map(({ value }) => value.toString()));
const textsFrom = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `${from + at}`);

async function until(condition: () => boolean, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (condition()) return;
  throw new Error('waited in vain');
}

/** Appends until the log takes it, as a sender does that is told to come again. */
async function appendSurely(log: EventLog, text: string, key = 'a'): Promise<void> {
  for (;;) {
    try {
      await log.append(TOPIC, key, [record(text)]);
      return;
    } catch {
      await sleep(100);
    }
  }
}

describeOnKafka('faults of Kafka', { brokers: 1, own: true }, (kafka) => {
  const logs: EventLog[] = [];
  const open = async (more: Parameters<typeof openTestLog>[2] = {}): Promise<EventLog> => {
    const log = await openTestLog(kafka.addresses(), [TOPIC], more);
    logs.push(log);
    return log;
  };
  afterEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.close()));
  });
  /** Reads from what `position` says, and keeps it up to date, as the store does. */
  const read = (log: EventLog, batches: LogBatch[], position = { at: 0 }, more = {}): Promise<Consumer> =>
    log.consume(
      { group: `g-${Math.random()}`, topics: [TOPIC], ...more },
      {
        assigned: async () => position.at,
        batch: async (batch) => {
          batches.push(batch);
          position.at = batch.lastOffset + 1;
        },
      },
    );

  test('a compacted topic is refused, a missing one too', async () => {
    const topics = testTopics();
    const options = { brokers: kafka.addresses(), families: [TOPIC] as const, topics };
    await expect(openKafkaLog(options)).rejects.toMatchObject({ code: 'configuration', message: /does not exist/ });
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
    await withAdmin(kafka.addresses(), (admin) =>
      admin.createTopics({ topics: [{ topic: topics.prefix + TOPIC, configEntries }], waitForLeaders: true }),
    );
    await expect(openKafkaLog(options)).rejects.toMatchObject({
      code: 'configuration',
      message: /cleanup.policy=compact/,
    });
  });

  test('fault 31: what others produce is read, with every codec; a bomb and its neighbours too', async () => {
    const topics = testTopics();
    const log = await open({ topics });
    const { CompressionTypes: types, CompressionCodecs: codecs } = kafkajs;
    const frames = [
      [types.Snappy, xerialFrame],
      [types.LZ4, lz4StoredFrame],
      [types.ZSTD, zstdFrame],
    ] as const;
    for (const [type, frame] of frames) {
      const compress = ({ buffer }: { buffer: Buffer }): Promise<Buffer> => Promise.resolve(frame(buffer));
      codecs[type] = () => ({ compress, decompress: () => Promise.reject(new Error('not ours')) });
    }
    const producer = rawKafka(kafka.addresses()).producer();
    await producer.connect();
    for (const compression of [types.None, types.GZIP, types.Snappy, types.LZ4, types.ZSTD]) {
      await producer.send({ topic: topics.prefix + TOPIC, compression, messages: [{ value: `codec ${compression}` }] });
    }
    const zeros = Buffer.alloc(100 * 1_024 * 1_024);
    await producer.send({
      topic: topics.prefix + TOPIC,
      compression: types.GZIP,
      messages: [{ value: zeros }, { value: 'x' }],
    });
    await producer.send({ topic: topics.prefix + TOPIC, messages: [{ value: 'after' }, { value: null }] });
    await producer.disconnect();
    const batches = await readSome(log, 7);
    expect(texts(batches)).toEqual([...[0, 1, 2, 3, 4].map((codec) => `codec ${codec}`), 'after', '']);
    expect(batches.flatMap(({ undecodable }) => undecodable ?? [])).toMatchObject([{ firstOffset: 5, lastOffset: 6 }]);
  });

  test('fault 28: control records and what was aborted are covered by ranges, to the very end', async () => {
    const topics = testTopics();
    const log = await open({ topics });
    const producer = rawKafka(kafka.addresses()).producer({
      transactionalId: topics.prefix,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    for (const [value, isKept] of [
      ['kept', true],
      ['aborted', false],
      ['kept too', true],
      ['aborted too', false],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: topics.prefix + TOPIC, messages: [{ value }] });
      await (isKept ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    // The brokers write the last marker after they have answered; until then the log ends before its transaction.
    const end = 8;
    for (let tries = 0; tries < 200 && (await log.endOffset(FIRST)) < end; tries += 1) await sleep(50);
    expect(await log.endOffset(FIRST)).toBe(end);
    const batches: LogBatch[] = [];
    const consumer = await read(log, batches);
    await until(() => batches.at(-1)?.lastOffset === end - 1);
    await consumer.stop();
    expect(texts(batches)).toEqual(['kept', 'kept too']);
    batches.forEach((batch, at) =>
      expect(batch.firstOffset).toBe(at === 0 ? 0 : (batches[at - 1]?.lastOffset ?? -1) + 1),
    );
  });

  test('fault 25: what retention dropped before it was read is told, also where nothing is left', async () => {
    const topics = testTopics();
    const log = await open({ topics });
    await log.append(
      TOPIC,
      'a',
      textsFrom(0, 10).map((text) => record(text)),
    );
    const drop = (offset: number): Promise<void> =>
      withAdmin(kafka.addresses(), async (admin) => {
        const topic = topics.prefix + TOPIC;
        await admin.fetchTopicOffsets(topic);
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
      });
    await drop(10);
    const batches: LogBatch[] = [];
    const position = { at: 4 };
    const consumer = await read(log, batches, position, { maxBatchBytes: 10 });
    await until(() => batches.length === 1);
    expect(batches[0]).toMatchObject({ firstOffset: 10, lastOffset: 9, records: [] });
    // Now while it reads: it is held, more is appended than it fetches ahead, and dropped before it can.
    consumer.pause(FIRST);
    await log.append(TOPIC, 'a', [record('first'.padStart(50, '.'))]);
    await sleep(1_000);
    for (const text of textsFrom(11, 30)) await log.append(TOPIC, 'a', [record(text.padStart(50, '.'))]);
    await drop(28);
    await log.append(TOPIC, 'a', [record('last')]);
    consumer.resume(FIRST);
    await until(() => texts(batches).includes('last'));
    await consumer.stop();
    const jump = batches.findIndex(({ firstOffset }) => firstOffset === 28);
    expect(batches[jump - 1]?.lastOffset).toBeLessThan(27);
    const seen = batches.flatMap(({ records }) => records.map(({ offset }) => offset));
    expect(seen.slice(-3)).toEqual([28, 29, 30]);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('fault 26: a log that ends before the position stops the partition, and says so', async () => {
    const log = await open();
    const failure = await new Promise<unknown>((resolve) => {
      const handler = {
        assigned: async () => 99,
        batch: async () => undefined,
        failed: (_: unknown, error: unknown) => resolve(error),
      };
      void log.consume({ group: 'beyond', topics: [TOPIC] }, handler);
    });
    expect(failure).toMatchObject({ code: 'unavailable', message: /offset 99, but the log ends at 0/ });
  });

  test('a record above what the topic takes is refused; a call above one send is cut', async () => {
    const log = await open();
    const large = Buffer.alloc(33 * 1_024 * 1_024);
    await expect(log.append(TOPIC, 'a', [record('', { value: large })])).rejects.toMatchObject({ code: 'too_large' });
    const many = Array.from({ length: 60 }, (_, at) => record('', { value: Buffer.alloc(100_000, at) }));
    const range = await log.append(TOPIC, 'a', many);
    expect(range.lastOffset - range.firstOffset).toBe(59);
    const got = await readSome(log, 60);
    expect(got.flatMap(({ records }) => records.map(({ value }) => value[0]))).toEqual(many.map((_, at) => at));
  });

  test('fault 19: a broker that is killed and comes back: all arrives, in order, nothing twice', async () => {
    const lines: string[] = [];
    const log = await open({ onClientLog: (level, _, text) => void (level === 'warn' && lines.push(text)) });
    const batches: LogBatch[] = [];
    const consumer = await read(log, batches);
    for (const text of textsFrom(0, 50)) await appendSurely(log, text);
    const [broker] = kafka.cluster().brokers;
    await broker?.stop('SIGKILL');
    const appending = (async () => {
      for (const text of textsFrom(50, 100)) await appendSurely(log, text);
    })();
    await sleep(8_000);
    broker?.start();
    await kafka.cluster().ready();
    await appending;
    const end = await log.endOffset(FIRST);
    await until(() => (batches.at(-1)?.lastOffset ?? 0) >= end - 1);
    await consumer.stop();
    const offsets = batches.flatMap(({ records }) => records.map(({ offset }) => offset));
    expect(offsets).toEqual(Array.from({ length: end }, (_, at) => at));
    expect([...new Set(texts(batches))]).toEqual(textsFrom(0, 100));
    expect(lines.join('\n')).not.toMatch(/ERROR/);
  });

  test('fault 19: a broker that hangs: the consumer is started anew, and goes on', async () => {
    const said: string[] = [];
    const log = await open({
      silenceMs: 3_000,
      onClientLog: (_, facts, text) => void said.push(`${text} ${JSON.stringify(facts)}`),
    });
    const batches: LogBatch[] = [];
    const consumer = await read(log, batches);
    await log.append(TOPIC, 'a', [record('0')]);
    await until(() => texts(batches).length === 1);
    const [broker] = kafka.cluster().brokers;
    broker?.signal('SIGSTOP');
    await until(() => said.some((line) => line.includes('no fetch was answered')));
    broker?.signal('SIGCONT');
    await appendSurely(log, '1');
    await until(() => texts(batches).includes('1'));
    await consumer.stop();
    expect([...new Set(texts(batches))]).toEqual(['0', '1']);
  });

  test('fault 22: two members share the partitions; what one leaves the other takes, and nothing is read twice', async () => {
    const topics = testTopics({ partitions: 4 });
    const [one, two] = [await open({ topics }), await open({ topics })];
    const positions = new Map<number, number>();
    const seen: string[] = [];
    const join = (log: EventLog): Promise<Consumer> =>
      log.consume(
        { group: 'shared', topics: [TOPIC] },
        {
          assigned: async ({ partition }) => positions.get(partition) ?? 0,
          batch: async ({ partition, lastOffset, records }) => {
            for (const { value } of records) seen.push(value.toString());
            positions.set(partition, lastOffset + 1);
          },
        },
      );
    const append = async (from: number, to: number): Promise<void> => {
      for (const text of textsFrom(from, to)) await one.append(TOPIC, `instance-${Number(text) % 17}`, [record(text)]);
    };
    const first = await join(one);
    await append(0, 100);
    await until(() => seen.length === 100);
    const second = await join(two);
    await append(100, 200);
    await until(() => seen.length === 200);
    await first.stop();
    await append(200, 300);
    await until(() => seen.length >= 300);
    await second.stop();
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(textsFrom(0, 300).map(Number));
  });

  test('an idle consumer costs next to nothing', async () => {
    const log = await open();
    const consumer = await read(log, []);
    await sleep(3_000);
    const before = process.cpuUsage();
    await sleep(5_000);
    const { user, system } = process.cpuUsage(before);
    await consumer.stop();
    // 25 ms in 10 s were measured with the guard and 289 without it (reliability.md 4); fetches go on at four a second.
    expect((user + system) / 1_000).toBeLessThan(140);
  });
});
