import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { groupRows } from '../../store/row-groups.ts';
import { RECORDS } from '../../store/tables.ts';
import type { Writer } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { auditStore } from '../support/fault-audit.ts';
import { onBothLogs } from '../support/fault-lanes.ts';
import type { Lane } from '../support/fault-lanes.ts';
import { crashAndGoOn, eventsOf, fillLog, until } from '../support/fault-scenario.ts';
import type { MakeWorker } from '../support/fault-scenario.ts';
import { failingWriter } from '../support/failing-writer.ts';
import { emptyStore, scalar, testWorker } from '../support/ingest-harness.ts';

const TOPIC = 'aws.cloudtrail';
const MIB = 2 ** 20;
/** How long an outage lasts that reliability.md gives minutes for: seconds here, minutes by CUSTODY_FAULT_SECONDS. */
const OUTAGE_MS = Number(process.env['CUSTODY_FAULT_SECONDS'] ?? 20) * 1_000;

const before = (lane: Lane, writer: Writer) => ({ store: { writer, openReader: lane.store().openReader } });
const isInsertOf = (table: string, sql: string): boolean => sql.startsWith(`INSERT INTO ${table} `);

onBothLogs('faults of the store', (lane) => {
  const whole = async (options = {}): Promise<void> =>
    expect(await auditStore(lane.store(), await lane.log(), options)).toEqual([]);

  test('fault 03: a process that ends at any write, before it or after it, loses nothing and doubles nothing', async () => {
    // Every place is tried in test/ingest/worker/faults.test.ts; here some of them on each log.
    const apart = lane.kind === 'kafka' ? 5 : 3;
    for (const fate of ['fail_before', 'lose_answer'] as const) {
      for (let at = 0; ; at += apart) {
        await emptyStore(lane.store());
        const log = await lane.again();
        if ((await log.endOffset({ topic: TOPIC, partition: 0 })) === 0) await fillLog(log);
        const make: MakeWorker = (writer, { maxBatchRecords, dies }) => {
          const more = { maxBatchRecords, restMs: 0, ...(dies ? { backoffMs: 60_000, stopMs: 0 } : {}) };
          return Promise.resolve(testWorker(before(lane, writer).store, log, lane.folder(), more));
        };
        const reached = await crashAndGoOn(lane.store().writer, make, at, fate);
        expect(await auditStore(lane.store(), log), `${fate} at ${at}`).toEqual([]);
        if (!reached) break;
        expect(at).toBeLessThan(40);
      }
    }
  }, 900_000);

  test('fault 08: an insert that fails before it was sent is sent again', async () => {
    await fillLog(await lane.log());
    let inserts = 0;
    const failing = failingWriter(lane.store().writer, ({ kind }) =>
      kind === 'insertFile' && (inserts += 1) % 2 === 1 ? 'fail_before' : 'work',
    );
    const worker = await lane.worker({ ...before(lane, failing), maxBatchRecords: 30 });
    await worker.idle();
    expect(inserts).toBeGreaterThan(10);
    expect(worker.faults()).toEqual([]);
    await whole();
  });

  test('fault 09: an answer that was lost after the rows were stored is read back: no second insert', async () => {
    await fillLog(await lane.log());
    const inserts: string[] = [];
    const failing = failingWriter(lane.store().writer, ({ kind, sql }) => {
      if (kind !== 'insertFile') return 'work';
      inserts.push(sql);
      return 'lose_answer';
    });
    const worker = await lane.worker({ ...before(lane, failing), maxBatchRecords: 200, restMs: 0 });
    await worker.idle();
    const batches = Number(await scalar(lane.store(), 'SELECT count() FROM batches'));
    expect(inserts.filter((sql) => isInsertOf('records', sql))).toHaveLength(batches);
    await whole();
  });

  test('fault 11: of an insert that was done in part only the missing rows are added', async () => {
    await fillLog(await lane.log());
    const { writer } = lane.store();
    const added: string[] = [];
    const partly: Writer = {
      ...writer,
      async insertFile(insert) {
        if (!isInsertOf('records', insert.into)) return writer.insertFile(insert);
        if (insert.where !== '') {
          added.push(insert.where);
          return writer.insertFile(insert);
        }
        const bytes = await readFile(insert.file);
        await writeFile(`${insert.file}.cut`, bytes.subarray(0, groupRows(bytes, RECORDS)[2]?.end));
        await writer.insertFile({ ...insert, file: `${insert.file}.cut` });
        throw new Error('killed between two parts');
      },
    };
    const worker = await lane.worker({ ...before(lane, partly), maxBatchRecords: 40 });
    await worker.idle();
    expect(added.length).toBeGreaterThan(1);
    expect(added.every((where) => where.includes('NOT IN'))).toBe(true);
    await whole();
  });

  test('fault 12: a store that is away is waited for in bounded memory, and all is stored when it is back', async () => {
    const log = await lane.again({ maxHeldBytes: 8 * MIB });
    // 120 MB wait in the log; the worker may hold a small part of them, however long the store is away.
    const filler = 'x'.repeat(8_000);
    for (let from = 0; from < 15_000; from += 100)
      await log.append(
        TOPIC,
        'a',
        Array.from({ length: 100 }, (_, at) => cloudtrailRecord(cloudtrailEvent(from + at, { filler }))),
      );
    let isAway = true;
    const failing = failingWriter(lane.store().writer, ({ kind }) =>
      isAway && kind === 'insertFile' ? 'fail_before' : 'work',
    );
    const codes = new Set<string>();
    const atFirst = process.memoryUsage().rss;
    const worker = await lane.worker({
      ...before(lane, failing),
      maxBatchBytes: 2 * MIB,
      backoffMs: 50,
      onFault: ({ problem }) => codes.add(problem.code),
    });
    await until(() => codes.size > 0);
    let most = 0;
    for (const end = Date.now() + OUTAGE_MS; Date.now() < end; await sleep(100))
      most = Math.max(most, process.memoryUsage().rss);
    isAway = false;
    await worker.idle();
    expect([...codes]).toEqual(['unavailable']);
    expect((most - atFirst) / MIB).toBeLessThan(100);
    await whole();
  }, 900_000);

  test('fault 13: a store that takes two seconds for an insert keeps its partition: no rebalance, nothing twice', async () => {
    const log = await lane.again({ sessionTimeoutMs: 4_000 });
    await fillLog(log);
    const { writer } = lane.store();
    const slow: Writer = {
      ...writer,
      async insertFile(insert) {
        await sleep(2_000);
        return writer.insertFile(insert);
      },
    };
    let taken = 0;
    const counting = {
      ...log,
      consume: ((options, handler) =>
        log.consume(options, {
          ...handler,
          assigned: async (place) => ((taken += 1), handler.assigned(place)),
        })) as typeof log.consume,
    };
    const worker = await lane.worker({ ...before(lane, slow), maxBatchRecords: 30 }, counting);
    await worker.idle();
    expect(taken).toBe(1);
    await whole();
  });

  test('fault 15: too many parts: the partition waits, and goes on when the engine takes rows again', async () => {
    const { writer } = lane.store();
    await writer.run('SYSTEM STOP MERGES records');
    await writer.run('ALTER TABLE records MODIFY SETTING parts_to_throw_insert = 2, parts_to_delay_insert = 1');
    const messages: string[] = [];
    try {
      await fillLog(await lane.log());
      const worker = await lane.worker({
        maxBatchRecords: 20,
        backoffMs: 50,
        onFault: ({ problem }) => messages.push(problem.code),
      });
      await until(() => messages.length > 1);
      expect(Number(await scalar(lane.store(), 'SELECT count() FROM records'))).toBeLessThan(101);
      await writer.run('ALTER TABLE records RESET SETTING parts_to_throw_insert, parts_to_delay_insert');
      await writer.run('SYSTEM START MERGES records');
      await worker.idle();
      expect(new Set(messages)).toEqual(new Set(['unavailable']));
    } finally {
      await writer.run('ALTER TABLE records RESET SETTING parts_to_throw_insert, parts_to_delay_insert');
      await writer.run('SYSTEM START MERGES records');
    }
    await whole();
  });

  test('fault 18: a deduplication token is refused by our own code, and the engine keeps none', async () => {
    const { writer } = lane.store();
    const file = `${lane.folder()}/none`;
    await writeFile(file, '');
    const into = "INSERT INTO records (topic) SETTINGS insert_deduplication_token = 'again' SELECT topic";
    const insert = { into, where: '', structure: 'topic String', file, params: {} };
    await expect(writer.insertFile(insert)).rejects.toMatchObject({ code: 'internal' });
    await expect(writer.insertFrom({ into, source: 'records', where: '1', params: {} })).rejects.toThrow(
      /deduplication/,
    );
    for (const sql of [
      "SET insert_deduplication_token = 'x'",
      'ALTER TABLE records MODIFY SETTING non_replicated_deduplication_window = 100',
      'INSERT INTO gaps SETTINGS insert_deduplicate = 1 SELECT 1',
    ])
      await expect(writer.run(sql)).rejects.toThrow(/deduplication/);
    // The same rows twice, as a blind retry would send them, stand there twice: nothing is dropped behind our back.
    await (await lane.log()).append(TOPIC, 'a', eventsOf(0, 20));
    const worker = await lane.worker();
    await worker.idle();
    await whole();
    await writer.run('INSERT INTO records SELECT * FROM records');
    expect(await scalar(lane.store(), 'SELECT count() FROM records')).toBe('40');
    expect((await auditStore(lane.store(), await lane.log())).filter((one) => one.startsWith('twice:'))).toHaveLength(
      20,
    );
  });

  test('fault 24: a committed offset ahead of the store: the store wins, and nothing is skipped', async () => {
    const log = await lane.log();
    await fillLog(log);
    const worker = await lane.worker({ maxBatchRecords: 30 });
    await worker.idle();
    await worker.stop();
    await log.append(TOPIC, 'a', eventsOf(90, 130));
    await commitAhead(lane);
    const next = await lane.worker({}, await lane.again());
    await next.idle();
    expect(await scalar(lane.store(), 'SELECT count(), uniqExact(offset) FROM records')).toBe('141\t141');
    await whole();
  });
});

/** Commits the end of the log for the group of the workers, as a faulty or meddling one would. */
async function commitAhead(lane: Lane): Promise<void> {
  const log = await lane.log();
  const end = await log.endOffset({ topic: TOPIC, partition: 0 });
  if (!lane.kafka) {
    const handler = { assigned: async () => end, batch: async () => undefined };
    const consumer = await log.consume({ group: 'custody-worker', topics: [TOPIC] }, handler);
    await consumer.commit({ topic: TOPIC, partition: 0 }, end);
    return consumer.stop();
  }
  const { withAdmin } = await import('../support/kafka-fixture.ts');
  const { prefix } = lane.topics();
  await withAdmin(lane.kafka.addresses(), async (admin) => {
    const groupId = `${prefix}custody-worker`;
    await admin.setOffsets({ groupId, topic: prefix + TOPIC, partitions: [{ partition: 0, offset: String(end) }] });
  });
}
