import type { Kafka, Message } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { createKafkaWriter } from '../../../ingest/log/kafka-producer.ts';
import type { KafkaWriter } from '../../../ingest/log/kafka-producer.ts';
import { stampsOf } from '../../../ingest/log/received-at.ts';
import { record } from '../../contracts/event-log.ts';

type Send = (request: {
  topic: string;
  messages: Message[];
  compression?: number;
}) => Promise<{ baseOffset: string; logAppendTime?: string | undefined }[]>;

/** A client of which only the producer is there. It tells who was made, and who was let go. */
function fakeKafka(send: (producer: number) => Send): { kafka: Kafka; made: number[]; gone: number[] } {
  const made: number[] = [];
  const gone: number[] = [];
  const producer = (): object => {
    const id = made.push(made.length) - 1;
    return {
      connect: () => Promise.resolve(),
      send: send(id),
      disconnect: () => Promise.resolve(void gone.push(id)),
    };
  };
  return { kafka: { producer } as unknown as Kafka, made, gone };
}

const PLACE = { topic: 'okta.log', partition: 3 } as const;
const write = (kafka: Kafka, maxBatchBytes = 2_000_000): KafkaWriter =>
  createKafkaWriter({ kafka, nameOf: (topic) => `p.${topic}`, maxBatchBytes: () => maxBatchBytes });

describe('what is sent to Kafka', () => {
  test('calls that wait go into one send, and each gets its own offsets', async () => {
    const sends: string[][] = [];
    let next = 100;
    const { kafka } = fakeKafka(() => ({ topic, messages }) => {
      sends.push([topic, ...messages.map(({ value, partition }) => `${String(value)}@${partition}`)]);
      const baseOffset = String(next);
      next += messages.length;
      return Promise.resolve([{ baseOffset }]);
    });
    const writer = write(kafka);
    const ranges = await Promise.all([
      writer.append(PLACE, [record('a'), record('b')]),
      writer.append(PLACE, [record('c')]),
    ]);
    expect(sends).toEqual([['p.okta.log', 'a@3', 'b@3', 'c@3']]);
    expect(ranges.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual([
      [100, 101],
      [102, 102],
    ]);
    await writer.close();
    await expect(writer.append(PLACE, [record('d')])).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('what the brokers stamped is told send by send, and not where they keep the stamp of the sender', async () => {
    const stamps = ['1760000000500', '1760000000900', '-1'];
    const { kafka } = fakeKafka(() => () => Promise.resolve([{ baseOffset: '0', logAppendTime: stamps.shift() }]));
    const writer = write(kafka);
    const large = Array.from({ length: 12 }, () => record('', { value: Buffer.alloc(100_000) }));
    const { stamps: told } = await writer.append(PLACE, large);
    expect(told?.map(({ atMs }) => atMs)).toEqual([1_760_000_000_500, 1_760_000_000_900]);
    expect(stampsOf(told, 12)?.filter((one) => one === 1_760_000_000_500).length).toBe(told?.[0]?.records);
    expect([stampsOf(told, 11), stampsOf(undefined, 2)]).toEqual([undefined, [undefined, undefined]]);
    expect((await writer.append(PLACE, [record('a')])).stamps).toBeUndefined();
    await writer.close();
  });

  test('no send is larger than a megabyte, but for a record that is; that one is not compressed', async () => {
    const sends: { bytes: number; count: number; compressed: boolean }[] = [];
    const { kafka } = fakeKafka(() => ({ messages, compression }) => {
      const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      sends.push({ bytes, count: messages.length, compressed: compression !== undefined });
      return Promise.resolve([{ baseOffset: '0' }]);
    });
    const writer = write(kafka, 32_000_000);
    const small = Array.from({ length: 30 }, () => record('', { value: Buffer.alloc(100_000) }));
    await writer.append(PLACE, [...small, record('', { value: Buffer.alloc(20_000_000) }), record('end')]);
    expect(sends.slice(0, -2).every(({ bytes, compressed }) => bytes < 1_000_000 && compressed)).toBe(true);
    expect(sends.slice(-2)).toEqual([
      { bytes: 20_000_000, count: 1, compressed: false },
      { bytes: 3, count: 1, compressed: true },
    ]);
    await expect(writer.append(PLACE, [record('', { value: Buffer.alloc(32_000_000) })])).rejects.toMatchObject({
      code: 'too_large',
    });
  });

  test('after a send that failed, another producer sends: its sequence numbers would be taken for repetitions', async () => {
    const sends: number[] = [];
    const { kafka, made, gone } = fakeKafka((producer) => () => {
      sends.push(producer);
      return producer === 0 && sends.length === 2
        ? Promise.reject(new Error('gone'))
        : Promise.resolve([{ baseOffset: '7' }]);
    });
    const writer = write(kafka);
    await writer.append(PLACE, [record('a')]);
    await expect(writer.append(PLACE, [record('b')])).rejects.toMatchObject({ code: 'unavailable' });
    // At once after the failure, so that it meets a queue that has just run empty.
    await writer.append(PLACE, [record('b')]);
    await writer.close();
    expect(sends).toEqual([0, 0, 1]);
    expect(made).toEqual([0, 1]);
    expect(new Set(gone)).toEqual(new Set([0, 1]));
  });

  test('an answer without an offset is no acknowledgement', async () => {
    const { kafka } = fakeKafka(() => () => Promise.resolve([]));
    await expect(write(kafka).append(PLACE, [record('a')])).rejects.toMatchObject({ code: 'internal' });
  });
});
