import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { IngestWorker, WorkerDeps } from '../../../ingest/worker/worker.ts';
import { emptyPolicy } from '../../../model/policy.ts';
import { rebuildDerived } from '../../../ingest/worker/rebuild.ts';
import { openStore } from '../../../store/clickhouse.ts';
import { groupRows } from '../../../store/row-groups.ts';
import { EDGES, EVENTS, RECORDS } from '../../../store/tables.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../../support/cloudtrail-records.ts';
import { failingWriter } from '../../support/failing-writer.ts';
import type { Fate, Statement } from '../../support/failing-writer.ts';
import {
  SALT_KEY,
  dumpDerived,
  dumpRecords,
  emptyStore,
  scalar,
  startInline,
  testWorker,
} from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import type { MemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
let log: MemoryLog;
let expected: { records: string; derived: Record<string, string> };

const TOPIC = 'aws.cloudtrail';
const BATCH = { maxBatchRecords: 60 };

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
  log = await filledLog();
  const worker = testWorker(store, log, folder.path, BATCH);
  await worker.start();
  await worker.idle();
  await worker.stop();
  expected = await dump();
  expect(
    await scalar(
      store,
      "SELECT countIf(status = 'accepted'), countIf(status = 'duplicate'), countIf(status = 'conflict') FROM records",
    ),
  ).toBe('90\t10\t1');
});
beforeEach(() => emptyStore(store));
afterAll(async () => {
  await store.close();
  await folder.remove();
});

async function filledLog(): Promise<MemoryLog> {
  const made = createMemoryLog();
  const records = Array.from({ length: 90 }, (_, index) => cloudtrailRecord(cloudtrailEvent(index)));
  await made.append(TOPIC, 'a', [
    ...records.slice(0, 60),
    ...records.slice(30, 40),
    cloudtrailRecord(cloudtrailEvent(5, { eventName: 'DeleteService' })),
  ]);
  made.skip(TOPIC, 3);
  await made.append(TOPIC, 'a', records.slice(60));
  return made;
}

async function dump(): Promise<typeof expected> {
  return { records: await dumpRecords(store), derived: await dumpDerived(store, 'ingested_at') };
}

function workerWith(fate: (statement: Statement) => Fate, more: Partial<WorkerDeps> = {}): IngestWorker {
  const failing = { writer: failingWriter(store.writer, fate), openReader: store.openReader };
  return testWorker(failing, log, folder.path, { ...BATCH, ...more });
}

/** A rebuild changes nothing: what stands in the derived tables is what the records say. */
async function expectWhole(): Promise<void> {
  expect(await dump()).toEqual(expected);
  const before = await dumpDerived(store);
  await rebuildDerived({
    store,
    folder: folder.path,
    policy: emptyPolicy(),
    saltKey: SALT_KEY,
    startTransformer: startInline,
  });
  expect(await dumpDerived(store)).toEqual(before);
  expect(await scalar(store, 'SELECT count(), uniqExact(offset) FROM records')).toBe('101\t101');
  expect(await scalar(store, 'SELECT groupArray((first_offset, last_offset)) FROM gaps')).toBe('[(71,73)]');
}

describe('a crash at any write', () => {
  // Each index is a place at which the process ends: before the statement, or after it but before its answer is seen.
  test.each(['fail_before', 'lose_answer'] as const)(
    'fault 03: %s: the next start loses nothing and doubles nothing',
    async (fate) => {
      for (let at = 0; ; at += 1) {
        let reached = false;
        const dying = workerWith(
          ({ kind, index }) => {
            if (index < at || (index === at && kind === 'read')) return 'work';
            reached = true;
            return index === at ? fate : 'fail_before';
          },
          { backoffMs: 60_000, stopMs: 0 },
        );
        const started = dying.start().then(() => dying.idle());
        await Promise.race([started.catch(() => undefined), until(() => reached)]);
        await dying.stop();
        await started.catch(() => undefined);
        const next = testWorker(store, log, folder.path, BATCH);
        await next.start();
        await next.idle();
        await next.stop();
        expect(await dump(), `after a crash at statement ${at}`).toEqual(expected);
        if (!reached) break;
        expect(at).toBeLessThan(40);
        await emptyStore(store);
      }
      await expectWhole();
    },
    120_000,
  );
});

describe('an engine that lets down while the process lives', () => {
  test.each(['fail_before', 'lose_answer'] as const)('fault 08, 09: %s, every seventh statement', async (fate) => {
    let statements = 0;
    const worker = workerWith(() => ((statements += 1) % 7 === 2 ? fate : 'work'));
    await worker.start();
    await worker.idle();
    await worker.stop();
    await expectWhole();
  });

  test('fault 09: an answer that was lost leads to no second insert', async () => {
    const inserts: string[] = [];
    const worker = workerWith(({ kind, sql }) => {
      if (kind !== 'insertFile') return 'work';
      inserts.push(/INTO (\w+)/.exec(sql)?.[1] ?? '');
      return 'lose_answer';
    });
    await worker.start();
    await worker.idle();
    await worker.stop();
    expect(inserts.filter((table) => table === 'records')).toHaveLength(3);
    await expectWhole();
  });

  test.each(['records', 'events', 'event_keys', 'edges'])(
    'fault 11: a part of %s that was lost is added, and nothing else',
    async (table) => {
      let cut = 0;
      const failing = failingWriter(store.writer, () => 'work');
      const worker = testWorker(
        {
          openReader: store.openReader,
          writer: {
            ...failing,
            // The engine says that all went well, and kept only the first rows.
            async insertFrom(insert) {
              const isWhole = insert.into.startsWith(`INSERT INTO ${table} `) && !insert.where.includes('NOT IN');
              if (isWhole) cut += 1;
              await failing.insertFrom(isWhole ? { ...insert, where: `${insert.where} LIMIT 3` } : insert);
            },
            async insertFile(insert) {
              if (!insert.into.startsWith(`INSERT INTO ${table} `) || insert.where !== '')
                return failing.insertFile(insert);
              cut += 1;
              const bytes = await readFile(insert.file);
              const spec = [RECORDS, EVENTS, EDGES].find((known) => known.table === table) ?? RECORDS;
              await writeFile(`${insert.file}.cut`, bytes.subarray(0, groupRows(bytes, spec)[2]?.end));
              return failing.insertFile({ ...insert, file: `${insert.file}.cut` });
            },
          },
        },
        log,
        folder.path,
        BATCH,
      );
      await worker.start();
      await worker.idle();
      await worker.stop();
      expect(cut).toBeGreaterThan(1);
      await expectWhole();
    },
  );

  test('other records in the place of ours stop the partition, and stay', async () => {
    const forged = 'INSERT INTO records (topic, source_epoch, partition, offset, ref, value) VALUES';
    const worker = workerWith(
      ({ kind, sql }) => (kind === 'insertFile' && sql.includes('INTO records') ? 'lose_answer' : 'work'),
      {
        store: {
          openReader: store.openReader,
          writer: {
            ...store.writer,
            async insertFile(insert) {
              if (!insert.into.startsWith('INSERT INTO records ')) return store.writer.insertFile(insert);
              await store.writer.run(
                `${forged} ${Array.from({ length: 60 }, (_, offset) => `('${TOPIC}', 1, 0, ${offset}, ${offset}, 'forged')`).join(',')}`,
              );
            },
          },
        },
      },
    );
    await worker.start();
    await expect(worker.idle()).rejects.toMatchObject({ code: 'internal', facts: { integrity: true } });
    await worker.stop();
    expect(await scalar(store, 'SELECT count(), any(value) FROM records')).toBe('60\tforged');
  });
});

describe('an engine that refuses a row', () => {
  const marker = /"eventID":"[^"]+"/;
  const SPECS = { records: RECORDS, events: EVENTS, edges: EDGES } as const;

  test.each(['records', 'events', 'edges'] as const)(
    'of %s: the record is kept with its reason, the others are not touched',
    async (table) => {
      // The event at offset 9 begins a session, so it has edges.
      const eventId = marker.exec(cloudtrailRecord(cloudtrailEvent(9)).value.toString('utf8'))?.[0].slice(11, -1) ?? '';
      const ref = (5n << 58n) | (9n << 12n);
      const worker = testWorker(
        {
          openReader: store.openReader,
          writer: {
            ...store.writer,
            async insertFile(insert) {
              const own = insert.structure === SPECS[table].structure;
              if (own && (await isPoisoned(insert.file, table, ref, eventId)))
                return failingWriter(store.writer, () => 'refuse').insertFile(insert);
              return store.writer.insertFile(insert);
            },
          },
        },
        log,
        folder.path,
        BATCH,
      );
      await worker.start();
      await worker.idle();
      await worker.stop();
      expect(
        await scalar(store, "SELECT groupArray((offset, reason, events)) FROM records WHERE status = 'rejected'"),
      ).toBe("[(9,'engine_rejected',0)]");
      expect(
        await scalar(
          store,
          `SELECT (SELECT count() FROM events WHERE ref = ${ref}), (SELECT count() FROM event_keys WHERE ref = ${ref}), (SELECT count() FROM edges WHERE ref = ${ref})`,
        ),
      ).toBe('0\t0\t0');
      expect(await scalar(store, 'SELECT count() FROM records')).toBe('101');
      expect((await dumpRecords(store)).split('\n').length).toBe(expected.records.split('\n').length);
      const before = await dumpDerived(store);
      await rebuildDerived({
        store,
        folder: folder.path,
        policy: emptyPolicy(),
        saltKey: SALT_KEY,
        startTransformer: startInline,
      });
      expect(await dumpDerived(store)).toEqual(before);
    },
  );

  // As long as the record stands in the file as an accepted one (status 1), the engine refuses it.
  // A record only while it is accepted: once it is marked as rejected, the engine takes it.
  async function isPoisoned(file: string, table: keyof typeof SPECS, ref: bigint, eventId: string): Promise<boolean> {
    const bytes = await readFile(file);
    return groupRows(bytes, SPECS[table]).some((group) => {
      const row = bytes.subarray(group.start, group.end);
      return table === 'records' ? row.includes(eventId) && !row.includes('engine_rejected') : group.ref === ref;
    });
  }
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
