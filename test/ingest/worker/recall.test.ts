import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTransformPool } from '../../../ingest/worker/transform-pool.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../../support/cloudtrail-records.ts';
import { emptyStore, scalar, testWorker } from '../../support/ingest-harness.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const TOPIC = 'aws.cloudtrail';
const COUNT = 40;

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
afterEach(() => emptyStore(store));
afterAll(async () => {
  await store.close();
  await folder.remove();
});

const all = Array.from({ length: COUNT }, (_, index) => cloudtrailEvent(index));

/** The same happening as another serialiser writes it: members the other way round, and spaces between them. */
function rewritten(event: Record<string, unknown>): ReturnType<typeof cloudtrailRecord> {
  const turned = Object.fromEntries(Object.entries(event).toReversed());
  return { ...cloudtrailRecord(event), value: Buffer.from(JSON.stringify(turned, null, 2)) };
}

const changed = (event: Record<string, unknown>): ReturnType<typeof cloudtrailRecord> =>
  rewritten({ ...event, userAgent: 'another/1.0' });

async function ingest(log: ReturnType<typeof createMemoryLog>, more = {}): Promise<unknown> {
  const worker = testWorker(store, log, folder.path, more);
  await worker.start();
  await worker.idle();
  const { ends } = worker.progress()[TOPIC] ?? {};
  await worker.stop();
  return ends;
}

const records = all.map((event) => cloudtrailRecord(event));

describe('an event that comes again in other bytes', () => {
  test('is a duplicate, and one that says something else a conflict: all in one batch', async () => {
    const log = createMemoryLog();
    await log.append(TOPIC, 'a', [...records, ...all.map(rewritten), ...all.map(changed)]);
    expect(await ingest(log)).toEqual({ accepted: COUNT, duplicate: COUNT, conflict: COUNT });
    expect(await scalar(store, 'SELECT uniqExact(event_id), uniqExact(first_ref), count() FROM events')).toBe(
      `${COUNT}\t${COUNT}\t${3 * COUNT}`,
    );
  });

  test('the same where the first stands in the store', async () => {
    const log = createMemoryLog();
    await log.append(TOPIC, 'a', records);
    expect(await ingest(log)).toEqual({ accepted: COUNT });
    await log.append(TOPIC, 'a', [...all.map(rewritten), ...all.map(changed)]);
    expect(await ingest(log)).toEqual({ duplicate: COUNT, conflict: COUNT });
  });

  test('the same where batches are in several threads at once', async () => {
    const log = createMemoryLog();
    await log.append(TOPIC, 'a', [...records, ...all.map(rewritten), ...all.map(changed)]);
    const more = { maxBatchRecords: 7, startTransformer: (deps: never) => startTransformPool(deps, 2) };
    expect(await ingest(log, more)).toEqual({ accepted: COUNT, duplicate: COUNT, conflict: COUNT });
  });
});
