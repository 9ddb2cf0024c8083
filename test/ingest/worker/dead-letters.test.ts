import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HEADERS } from '../../../ingest/log/event-log.ts';
import type { LogRecord } from '../../../ingest/log/event-log.ts';
import { LETTER_HEADERS } from '../../../ingest/worker/dead-letters.ts';
import type { IngestWorker, WorkerDeps } from '../../../ingest/worker/worker.ts';
import { Problem } from '../../../model/problem.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../../support/cloudtrail-records.ts';
import { failingWriter } from '../../support/failing-writer.ts';
import type { Fate, Statement } from '../../support/failing-writer.ts';
import { emptyStore, scalar, testWorker } from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import type { MemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
let log: MemoryLog;

const TOPIC = 'aws.cloudtrail';
const good = (index: number): LogRecord => cloudtrailRecord(cloudtrailEvent(index));
const bad = (value: string): LogRecord => ({ ...good(0), value: Buffer.from(value) });

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
}, 30_000);
beforeEach(async () => {
  await emptyStore(store);
  log = createMemoryLog();
});
afterAll(async () => {
  await store.close();
  await folder.remove();
});

function workerOn(used: MemoryLog, fate: (statement: Statement) => Fate = () => 'work', more: Partial<WorkerDeps> = {}): IngestWorker {
  const deps = { writer: failingWriter(store.writer, fate), openReader: store.openReader };
  return testWorker(deps, used, folder.path, { restMs: 0, ...more });
} // prettier-ignore
const sources = (): (string | undefined)[] => log.announced.map(({ headers }) => headers[LETTER_HEADERS.source]);
const isAnnouncing = ({ sql }: Statement): boolean => sql.includes('announcements');

describe('announcing what was rejected', () => {
  test('each once, in order, with why and where, and only then the log is told', async () => {
    await log.append(TOPIC, 'a', [bad('[]'), good(1), bad('{"eventID":"x"}'), good(2)]);
    const inner = log;
    const committed: number[] = [];
    const watched = { ...log, announce: (key: string, letters: readonly LogRecord[]) => (committed.push(log.commits.length), inner.announce(key, letters)) }; // prettier-ignore
    const worker = workerOn(watched);
    await worker.start();
    await worker.idle();
    await log.append(TOPIC, 'a', [bad('7')]);
    await worker.idle();
    await worker.stop();
    expect(sources()).toEqual([`${TOPIC}/0/0`, `${TOPIC}/0/2`, `${TOPIC}/0/4`]);
    expect(committed[0]).toBe(0);
    const leaf = await scalar(store, 'SELECT lower(hex(leaf)) FROM records WHERE offset = 2');
    expect(log.announced[1]).toMatchObject({
      key: '111122223333',
      headers: {
        [HEADERS.source]: TOPIC,
        'x-reason': 'missing_required_fields',
        'x-detail': expect.any(String),
        'x-leaf': leaf,
        'x-first-seen': expect.stringMatching(/^2026-01-05T.*Z$/),
      },
    });
    expect(log.announced[1]?.value.toString()).toBe('{"eventID":"x"}');
    expect(await scalar(store, 'SELECT sum(letters), count(), uniqExact(announced_first) FROM announcements')).toBe('3\t2\t2'); // prettier-ignore
  });

  test('a batch of good records asks nothing about letters', async () => {
    await log.append(TOPIC, 'a', [good(1)]);
    const asked: string[] = [];
    const worker = workerOn(log, (statement) => (isAnnouncing(statement) && asked.push(statement.kind), 'work'));
    await worker.start();
    await worker.idle();
    await log.append(TOPIC, 'a', [good(2), good(2)]);
    await worker.idle();
    await worker.stop();
    expect(asked).toEqual([]);
    expect(log.announced).toEqual([]);
  });

  test('a topic that does not answer holds the partition, and nothing is skipped', async () => {
    await log.append(TOPIC, 'a', [bad('[]'), good(1)]);
    let left = 2;
    const inner = log;
    const down = { ...log, announce: (key: string, letters: readonly LogRecord[]) => (left-- > 0 ? Promise.reject(new Problem('unavailable', 'injected')) : inner.announce(key, letters)) }; // prettier-ignore
    const waited: string[] = [];
    const worker = workerOn(down, undefined, { onFault: ({ problem }) => waited.push(problem.code) });
    await worker.start();
    await worker.idle();
    await worker.stop();
    expect(waited).toEqual(['unavailable', 'unavailable']);
    expect(sources()).toEqual([`${TOPIC}/0/0`]);
    expect(await scalar(store, 'SELECT count() FROM records')).toBe('2');
  });

  test.each(['fail_before', 'lose_answer'] as const)('%s of the note: announced again, and noted', async (fate) => {
    await log.append(TOPIC, 'a', [bad('[]')]);
    let failed = false;
    const worker = workerOn(log, (statement) => {
      if (failed || statement.kind !== 'run' || !isAnnouncing(statement)) return 'work';
      failed = true;
      return fate;
    });
    await worker.start();
    await worker.idle();
    await worker.stop();
    // After a lost answer the note is there: what it covers is not announced again.
    expect(sources()).toEqual(Array.from({ length: fate === 'fail_before' ? 2 : 1 }, () => `${TOPIC}/0/0`));
    expect(await scalar(store, 'SELECT count() FROM announcements')).toBe('1');
  });

  test('a process that ends between the tree and the announcement makes up for it at the next start', async () => {
    await log.append(TOPIC, 'a', [bad('[]'), good(1), bad('{}')]);
    const gone = { ...log, announce: () => Promise.reject(new Problem('unavailable', 'injected')) };
    const dying = workerOn(gone, undefined, { backoffMs: 60_000, stopMs: 0 });
    await dying.start();
    while ((await scalar(store, 'SELECT count() FROM batches')) === '0') await new Promise((resolve) => setTimeout(resolve, 20)); // prettier-ignore
    await dying.stop();
    expect(log.announced).toEqual([]);
    for (const _ of [1, 2]) {
      const worker = workerOn(log);
      await worker.start();
      await worker.idle();
      await worker.stop();
    }
    expect(sources()).toEqual([`${TOPIC}/0/0`, `${TOPIC}/0/2`]);
    expect(await scalar(store, 'SELECT count() FROM records')).toBe('3');
  });

  test('a value that would not fit is left out, and its size is told', async () => {
    await log.append(TOPIC, 'a', [bad(`["${'x'.repeat(1_000_000)}"]`)]);
    const worker = workerOn(log);
    await worker.start();
    await worker.idle();
    await worker.stop();
    expect(log.announced[0]?.value).toHaveLength(0);
    expect(log.announced[0]?.headers[LETTER_HEADERS.withheld]).toBe('1000004');
  });

  test('10,000 in a row are announced, and cost little beside being stored', async () => {
    await log.append(
      TOPIC,
      'a',
      Array.from({ length: 10_000 }, (_, index) => bad(`{"n":${index}}`)),
    );
    const worker = workerOn(log);
    await worker.start();
    await worker.idle();
    await worker.stop();
    expect(new Set(sources()).size).toBe(10_000);
    expect(log.announced).toHaveLength(10_000);
  }, 60_000);
});
