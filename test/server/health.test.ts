import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { createInFlight } from '../../ingest/intake/in-flight.ts';
import { Problem } from '../../model/problem.ts';
import { createHealth } from '../../server/health.ts';
import { createManagement } from '../../server/management.ts';
import { createMetrics } from '../../server/metrics.ts';
import { untilThere } from '../../server/until-there.ts';
import { startWatch } from '../../server/watch.ts';
import type { WatchDeps } from '../../server/watch.ts';

const place = { topic: 'okta.log', partition: 2 } as const;
const away = new Problem('unavailable', 'The store did not answer.', { failure: 'other' });
const full = new Problem('unavailable', 'The disk of the store is full.', { failure: 'disk_full' });
const broken = new Problem('internal', 'The store holds other records.');

test('what hinders is told, and is over when the partition goes on', () => {
  const health = createHealth();
  expect(health.hindrances()).toEqual([]);
  health.onFault({ partition: place, problem: away, fatal: false });
  expect(health.hindrances()).toEqual(['store_unavailable']);
  health.onFault({ partition: place, problem: full, fatal: false });
  health.onFault({ partition: { ...place, partition: 0 }, problem: broken, fatal: true });
  expect(health.hindrances()).toEqual(['store_disk_full', 'partition_stopped']);
  expect(health.partitions()).toEqual({ waiting: 1, stopped: 1 });
  health.went(place);
  expect(health.hindrances()).toEqual(['partition_stopped']);
  health.left({ ...place, partition: 0 });
  expect(health.hindrances()).toEqual([]);
});

test('the listener for monitoring tells the reasons, and the numbers', async () => {
  const health = createHealth();
  const inFlight = createInFlight(1_000);
  const lags = [{ ...place, records: 41 }];
  const watch = { lags: () => lags, disk: () => ({ free: 7, size: 9 }), stop: () => Promise.resolve() };
  const gaps = [{ topic: 'ce', reason: 'retention_lost', ranges: 1, offsets: 12 }];
  const reader = { read: () => Promise.resolve(gaps as never) };
  const metrics = createMetrics({ health, watch: () => watch, reader: () => reader, inFlight });
  const app = createManagement({ health, metrics, logger: pino({ level: 'silent' }) });
  const get = async (url: string): Promise<[number, string]> => {
    const { statusCode, body } = await app.inject(url);
    return [statusCode, body];
  };
  expect(await get('/healthz')).toEqual([200, '{"status":"ok"}']);
  expect(await get('/readyz')).toEqual([200, '{"status":"ready","reasons":[]}']);
  health.set('starting', true);
  health.onFault({ partition: place, problem: away, fatal: false });
  metrics.fault('unavailable');
  metrics.batch({ partition: place, records: 5, events: 3, ends: { accepted: 3, unreadable: 2 }, milliseconds: 300 });
  inFlight.take(64);
  expect(await get('/readyz')).toEqual([503, '{"status":"not_ready","reasons":["starting","store_unavailable"]}']);
  expect((await get('/healthz'))[0]).toBe(200);
  const [, page] = await get('/metrics');
  for (const line of [
    'custody_ingest_lag_records{topic="okta.log",partition="2"} 41',
    'custody_ingest_records_total{topic="okta.log",end="accepted"} 3',
    'custody_ingest_records_total{topic="okta.log",end="unreadable"} 2',
    'custody_ingest_events_total{topic="okta.log"} 3',
    'custody_ingest_batch_seconds_bucket{le="0.5",topic="okta.log"} 1',
    'custody_ingest_batch_seconds_bucket{le="0.25",topic="okta.log"} 0',
    'custody_ingest_faults_total{code="unavailable"} 1',
    'custody_ingest_partitions{state="waiting"} 1',
    'custody_log_gap_offsets{topic="ce",reason="retention_lost"} 12',
    'custody_intake_held_bytes 64',
    'custody_data_disk_free_bytes 7',
    'custody_hindrance{reason="starting"} 1',
  ])
    expect(page.split('\n')).toContain(line);
  expect((await get('/v1/events'))[0]).toBe(404);
  await app.close();
});

function watching(more: Partial<WatchDeps>): {
  said: string[];
  health: ReturnType<typeof createHealth>;
  readonly stop: () => Promise<void>;
} {
  const said: string[] = [];
  const health = createHealth();
  const logger = pino({ level: 'info' }, { write: (line: string) => void said.push(line) });
  const log = { endOffset: () => Promise.resolve(10) };
  const room = (): Promise<{ free: number; size: number }> => Promise.resolve({ free: 90, size: 100 });
  const watch = startWatch({
    health,
    logger,
    folder: '/',
    log,
    positions: () => [],
    probe: place,
    everyMs: 5,
    room,
    ...more,
  });
  return { said, health, stop: () => watch.stop() };
}

test('a disk that fills up is an alarm once, and no place to send to at the end', async () => {
  let free = 50;
  const { said, health, stop } = watching({ room: () => Promise.resolve({ free, size: 100 }) });
  await sleep(30);
  expect(said).toEqual([]);
  free = 15;
  await vi.waitUntil(() => said.length > 0);
  await sleep(30);
  expect(said.length).toBe(1);
  expect(JSON.parse(said[0] ?? '')).toMatchObject({ level: 50, alarm: 'disk', free_percent: 15 });
  expect(health.hindrances()).toEqual([]);
  free = 3;
  await vi.waitUntil(() => health.hindrances().includes('data_disk_nearly_full'));
  free = 60;
  await vi.waitUntil(() => health.hindrances().length === 0);
  expect(said.length).toBe(2);
  await stop();
});

test('a log that is away hinders until it answers', async () => {
  let isAway = true;
  const { health, stop } = watching({
    log: { endOffset: () => (isAway ? Promise.reject(new Error('gone')) : Promise.resolve(3)) },
  });
  await vi.waitUntil(() => health.hindrances().includes('log_unavailable'));
  isAway = false;
  await vi.waitUntil(() => health.hindrances().length === 0);
  await stop();
});

test('a server that is not there yet is waited for; a wrong setting is not', async () => {
  const waits: number[] = [];
  let tries = 0;
  const work = (): Promise<string> => ((tries += 1) < 2 ? Promise.reject(away) : Promise.resolve('there'));
  const never = new AbortController();
  expect(await untilThere(work, (_problem, wait) => waits.push(wait), never.signal)).toBe('there');
  expect(waits).toHaveLength(1);
  const wrong = new Problem('configuration', 'no');
  await expect(
    untilThere(
      () => Promise.reject(wrong),
      () => undefined,
      never.signal,
    ),
  ).rejects.toBe(wrong);
  const stopped = AbortSignal.timeout(20);
  await expect(
    untilThere(
      () => Promise.reject(away),
      () => undefined,
      stopped,
    ),
  ).rejects.toBe(away);
});
