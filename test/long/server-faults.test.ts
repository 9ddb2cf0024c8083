import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { ServerFault } from '../support/clickhouse-faults.ts';
import { problemOf } from '../contracts/store.ts';
import { emptyStore } from '../support/ingest-harness.ts';
import { insertFault, overHttp } from '../support/over-http.ts';

// Statements that hang, come late, or are lost again and again. Connections that break are in server-breaks.test.ts.
const http = overHttp();
const anything = z.record(z.string(), z.unknown());

describe('over HTTP, an insert whose end is not told', () => {
  test('fault 08, 09: an answer later than we wait: it is read back, and not sent again', async () => {
    const fault = { kind: 'slow', ms: 6_000 } as const;
    await http.clickhouse().fault(insertFault('records', fault), insertFault('events', fault));
    const worker = await http.carried(http.hasty());
    expect(await http.insertsInto('records')).toBe(3);
    expect(await http.dump()).toEqual(http.expected());
    expect(worker.faults()).toEqual([]);
  });

  test('fault 10: that is still at work is waited for, not sent beside it', async () => {
    // It hangs until it was asked for often enough, and no time of ours decides when that is: a machine that stands still
    // for some seconds must not make a time-out of the worker's out of it.
    await http.clickhouse().fault(insertFault('records', { kind: 'hang', ms: 600_000 }));
    // The test server asks for the time when it lets go, where a real one asked when it began: so it is given more of it.
    const waiting = await http.open({ silenceMs: 3_000 }, 30_000);
    const carrying = http.carried(waiting);
    const looks = async (): Promise<number> =>
      (await http.clickhouse().statements()).filter(({ sql }) => sql.includes('system.processes')).length;
    await vi.waitUntil(async () => (await looks()) > 5, { timeout: 60_000, interval: 50 });
    await http.clickhouse().release();
    await (await carrying).stop();
    const seen = await http.clickhouse().statements();
    const [hung, next] = seen.filter(({ sql }) => sql.startsWith('INSERT INTO records ('));
    expect(hung).toMatchObject({ fault: 'hang', ended: 'ok' });
    const between = hung && next ? seen.slice(seen.indexOf(hung), seen.indexOf(next)) : [];
    expect(between.filter(({ sql }) => sql.includes('system.processes')).length).toBeGreaterThan(5);
    // What follows it is the next batch, and not the same rows once more.
    expect(next?.bodyBytes).not.toBe(hung?.bodyBytes);
    expect(await http.insertsInto('records')).toBe(3);
    expect(await http.dump()).toEqual(http.expected());
    await waiting.close();
  });

  test('fault 10: that hangs is killed, and then sent again', async () => {
    await http.clickhouse().fault(insertFault('records', { kind: 'hang', ms: 60_000 }));
    await http.carried(http.hasty());
    const seen = await http.clickhouse().statements();
    expect(seen.find(({ fault }) => fault === 'hang')).toMatchObject({ ended: 'killed' });
    expect(seen.some(({ sql }) => sql.startsWith('KILL QUERY WHERE query_id IN'))).toBe(true);
    expect(await http.insertsInto('records')).toBe(4);
    expect(await http.dump()).toEqual(http.expected());
  });

  test('fault 10: that was long on its way does nothing when it arrives', async () => {
    const strict = await http.open({ silenceMs: 3_000 }, 2_000);
    await http.clickhouse().fault(insertFault('records', { kind: 'transit', ms: 7_000 }));
    await http.carried(strict);
    expect(await http.insertsInto('records')).toBe(4);
    const arrived = async (): Promise<unknown> =>
      (await http.clickhouse().statements()).find(({ fault }) => fault === 'transit')?.ended;
    await vi.waitUntil(async () => (await arrived()) === 'ok', { timeout: 20_000, interval: 100 });
    expect(await http.dump()).toEqual(http.expected());
    await strict.close();
  });

  test('fault 08, 09: with every seventh statement lost, before or after it was done', async () => {
    for (const kind of ['drop_before', 'drop_after'] as const) {
      await emptyStore(http.store());
      const faults = Array.from({ length: 12 }, (): ServerFault[] => [
        { kind: 'slow', ms: 0, match: '.', times: 6 },
        { kind, match: '.', times: 1 },
      ]);
      await http.clickhouse().fault(...faults.flat());
      await http.carried();
      expect((await http.clickhouse().statements()).filter(({ fault }) => fault === kind).length).toBeGreaterThan(3);
      await http.clickhouse().fault();
      expect(await http.dump()).toEqual(http.expected());
    }
  });
});

describe('over HTTP, an answer to a question', () => {
  test('that comes later than we wait is no answer, and the next one is whole', async () => {
    const rows = (): Promise<unknown[]> =>
      http.hasty().reader.read({ sql: 'SELECT number AS asked FROM numbers(1000)', params: {}, row: anything });
    await http.clickhouse().fault({ match: 'AS asked', times: 1, kind: 'slow', ms: 6_000 });
    expect((await problemOf(rows())).code).toBe('unavailable');
    expect(await rows()).toHaveLength(1_000);
  });
});
