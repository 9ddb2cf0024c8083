import { describe, expect, test } from 'vitest';
import { HEADERS } from '../../ingest/log/event-log.ts';
import type { LogRecord } from '../../ingest/log/event-log.ts';
import { DEAD_LETTERS } from '../../model/source.ts';
import type { Family } from '../../model/source.ts';
import { auditStore } from '../support/fault-audit.ts';
import { onBothLogs, onKafka } from '../support/fault-lanes.ts';
import { eventsOf } from '../support/fault-scenario.ts';
import { scalar } from '../support/ingest-harness.ts';
import { tokenEvent } from '../support/intake-samples.ts';
import { rawKafka } from '../support/kafka-fixture.ts';

const TOPIC = 'aws.cloudtrail';
const MIB = 1_024 * 1_024;
const [sample] = eventsOf(0, 1);
const headers = sample?.headers ?? {};
const recordOf = (value: Buffer, key = '111122223333'): LogRecord => ({
  timestampMs: Date.UTC(2026, 0, 6),
  key,
  value,
  headers,
});
/** The same event in a value of exactly so many bytes. */
const padded = (bytes: number): LogRecord => {
  const open = JSON.stringify({ ...(JSON.parse(sample?.value.toString() ?? '{}') as object), eventID: `e-${bytes}` });
  const filler = `${open.slice(0, -1)},"filler":"`;
  return { ...recordOf(Buffer.from(`${filler}${'x'.repeat(bytes - filler.length - 2)}"}`)) };
};

onBothLogs('what records hold', (lane) => {
  test('fault 29: an event that its producer sent twice is two rows, and counted once', async () => {
    const log = await lane.log();
    await log.append(TOPIC, 'a', eventsOf(0, 30));
    await log.append(TOPIC, 'a', eventsOf(10, 30));
    const worker = await lane.worker({ maxBatchRecords: 25 });
    await worker.idle();
    const counts = "SELECT count(), countIf(status = 'accepted'), countIf(status = 'duplicate') FROM records";
    expect(await scalar(lane.store(), counts)).toBe('50\t30\t20');
    expect(await scalar(lane.store(), "SELECT count() FROM events WHERE disposition = 'accepted'")).toBe('30');
    expect(await auditStore(lane.store(), log)).toEqual([]);
  });

  test('fault 32: no key, no bytes, a byte below a mebibyte and a byte above it: each is a row', async () => {
    const log = await lane.log();
    const records = [recordOf(Buffer.alloc(0)), recordOf(Buffer.alloc(0), ''), padded(MIB - 1), padded(MIB + 1)];
    for (const record of records) await log.append(TOPIC, 'a', [record]);
    const worker = await lane.worker();
    await worker.idle();
    const rows = 'SELECT groupArray((key, length(value), status, reason)) FROM (SELECT * FROM records ORDER BY offset)';
    expect(await scalar(lane.store(), rows)).toBe(
      `[('111122223333',0,'rejected','unreadable'),('',0,'rejected','unreadable'),('111122223333',${MIB - 1},'accepted',''),('111122223333',${MIB + 1},'accepted','')]`,
    );
    expect(await auditStore(lane.store(), log)).toEqual([]);
  });

  test('fault 33: 10,000 poison records in a row are rows with a reason, all announced, at a fifth of the pace at least', async () => {
    const log = await lane.log();
    const pace = async (count: number, make: (index: number) => LogRecord): Promise<number> => {
      for (let from = 0; from < count; from += 500)
        await log.append(
          TOPIC,
          'a',
          Array.from({ length: 500 }, (_, at) => make(from + at)),
        );
      const began = process.cpuUsage();
      const worker = await lane.worker({ restMs: 0 });
      await worker.idle();
      await worker.stop();
      const { user, system } = process.cpuUsage(began);
      // By the work it takes, so that a machine that is busy otherwise does not judge.
      return count / ((user + system) / 1e6);
    };
    const good = eventsOf(0, 4_000);
    const normal = await pace(4_000, (index) => good[index] ?? recordOf(Buffer.alloc(0)));
    const poisoned = await pace(10_000, (index) => recordOf(Buffer.from(`{"eventID":"${index}", poison`)));
    expect(poisoned / normal).toBeGreaterThan(0.2);
    const ends =
      "SELECT countIf(status = 'accepted'), countIf(status = 'rejected' AND reason = 'unreadable') FROM records";
    expect(await scalar(lane.store(), ends)).toBe('4000\t10000');
    expect(await scalar(lane.store(), 'SELECT sum(letters) FROM announcements')).toBe('10000');
    expect(await log.endOffset({ topic: DEAD_LETTERS as unknown as Family, partition: 0 })).toBe(10_000);
    expect(await auditStore(lane.store(), log)).toEqual([]);
  });
});

onBothLogs(
  'what issuers of tomorrow send',
  (lane) => {
    test('fault 34: a version of the contract from the future is stored, its data not read, and said so', async () => {
      const log = await lane.log();
      const ce = (changes: object, data: object): LogRecord => ({
        timestampMs: Date.parse(tokenEvent.time) + 1_000,
        key: tokenEvent.source,
        value: Buffer.from(JSON.stringify({ ...tokenEvent, ...changes, data: { ...tokenEvent.data, ...data } })),
        headers: { [HEADERS.source]: 'issuer.cloudevents', [HEADERS.instance]: tokenEvent.source },
      });
      await log.append('ce', 'a', [
        ce({}, {}),
        ce({ id: 'v2', type: 'io.accessaudit.token.issued.v2' }, { schema_version: 2, token: 7 }),
        ce({ id: 'schema-2' }, { schema_version: 2 }),
      ]);
      const worker = await lane.worker();
      await worker.idle();
      expect(await scalar(lane.store(), "SELECT countIf(status = 'accepted'), count() FROM records")).toBe('3\t3');
      const events =
        'SELECT groupArray((native_id, toString(action), unread)) FROM (SELECT * FROM events ORDER BY ref)';
      expect(await scalar(lane.store(), events)).toBe(
        `[('${tokenEvent.id}','token.issue',[]),('v2','other',['data']),('schema-2','other',['data'])]`,
      );
      expect(await auditStore(lane.store(), log, { topic: 'ce' })).toEqual([]);
    });
  },
  { families: ['ce'] },
);

onKafka('what others produce', (lane) => {
  describe('with the client of another', () => {
    test('fault 32: neither key nor value is a row without bytes; fault 29: a send that is repeated is counted once', async () => {
      const log = await lane.log();
      const producer = rawKafka(lane.kafka?.addresses() ?? []).producer({ idempotent: false });
      await producer.connect();
      const topic = lane.topics().prefix + TOPIC;
      const message = { key: 'k', value: sample?.value ?? null, headers: { ...headers } };
      await producer.send({ topic, messages: [{ key: null, value: null, headers: { ...headers } }, message] });
      await producer.send({ topic, messages: [message] });
      await producer.disconnect();
      const worker = await lane.worker();
      await worker.idle();
      const rows = 'SELECT groupArray((key, length(value), status)) FROM (SELECT * FROM records ORDER BY offset)';
      const bytes = sample?.value.length;
      expect(await scalar(lane.store(), rows)).toBe(
        `[('',0,'rejected'),('k',${bytes},'accepted'),('k',${bytes},'duplicate')]`,
      );
      expect(await auditStore(lane.store(), log)).toEqual([]);
    });
  });
});
