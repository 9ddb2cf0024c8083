import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openServerWriter } from '../../store/server-store.ts';
import { problemOf } from '../contracts/store.ts';
import { scalar } from '../support/ingest-harness.ts';
import { EVENTS_OVER_HTTP, insertFault, overHttp } from '../support/over-http.ts';

// A store behind HTTP whose connections break. Statements that hang or come late are in server-faults.test.ts.
const http = overHttp();
const anything = z.record(z.string(), z.unknown());

test('the worker gives the same rows over HTTP as in the process', async () => {
  // An insert that begins too late does nothing and is sent again: on a busy machine it is given a minute here.
  const calm = await http.open({}, 60_000);
  const worker = await http.carried(calm);
  await worker.stop();
  await calm.close();
  expect(await http.dump()).toEqual(http.expected());
  const inserts = (await http.clickhouse().statements()).filter(({ sql }) => sql.includes('FROM input('));
  expect(inserts.map(({ fault }) => fault)).toEqual(inserts.map(() => undefined));
  expect(inserts.length).toBe(9);
  for (const { settings, queryId, bodyBytes } of inserts) {
    expect(settings).toMatchObject({ async_insert: '0', wait_end_of_query: '1' });
    expect(queryId).toMatch(/^custody-[0-9a-f-]{36}$/);
    expect(bodyBytes).toBeGreaterThan(500);
  }
});

describe('over HTTP, an insert whose end is not told', () => {
  test.each([
    ['the connection goes before it', { kind: 'drop_before' }, 4],
    ['the connection goes after it', { kind: 'drop_after' }, 3],
    ['half an answer', { kind: 'half' }, 3],
    ['a page of a proxy', { kind: 'status', code: 502 }, 4],
    ['an error of the engine', { kind: 'refuse', code: 252 }, 4],
  ] as const)(
    'fault 08, 09: %s: it is read back, and sent again only if nothing is there',
    async (_name, fault, inserts) => {
      await http.clickhouse().fault(insertFault('records', fault), insertFault('events', fault));
      const worker = await http.carried();
      expect(await http.insertsInto('records')).toBe(inserts);
      expect(await http.dump()).toEqual(http.expected());
      expect(worker.faults()).toEqual([]);
    },
  );
});

describe('over HTTP, an answer to a question', () => {
  test.each([
    [{ kind: 'half' }],
    [{ kind: 'late_error' }],
    [{ kind: 'drop_after' }],
    [{ kind: 'status', code: 503 }],
  ] as const)('that breaks by %o is no answer, and the next one is whole', async (fault) => {
    const rows = (): Promise<unknown[]> =>
      http.store().reader.read({ sql: 'SELECT number AS asked FROM numbers(1000)', params: {}, row: anything });
    await http.clickhouse().fault({ match: 'AS asked', times: 1, ...fault });
    expect((await problemOf(rows())).code).toBe('unavailable');
    expect(await rows()).toHaveLength(1_000);
  });
});

describe('over HTTP, a server that goes away', () => {
  test('fault 12: and comes back: nothing is lost, nothing twice', async () => {
    const seen: string[] = [];
    const onFault = ({ problem }: { problem: { code: string } }): void => void seen.push(problem.code);
    const worker = http.worker(http.store(), { maxBatchRecords: 10, onFault });
    await worker.start();
    await http.clickhouse().kill();
    await sleep(1_000);
    await http.clickhouse().start();
    await worker.idle();
    expect(new Set(seen)).toEqual(new Set(['unavailable']));
    expect(await http.dump()).toEqual(http.expected());
    expect(await scalar(http.store(), 'SELECT count(), uniqExact(offset) FROM records')).toBe(
      `${EVENTS_OVER_HTTP}\t${EVENTS_OVER_HTTP}`,
    );
  });

  test('fault 14: a disk that is full is told as such, and waited out', async () => {
    const seen = new Set<string>();
    await http.clickhouse().fault(insertFault('records', { kind: 'refuse', code: 243 }, 6));
    const worker = http.worker(http.store(), { backoffMs: 10, onFault: ({ problem }) => seen.add(problem.message) });
    await worker.start();
    await worker.idle();
    expect(await http.dump()).toEqual(http.expected());
    expect([...seen]).toEqual([
      'The disk of the store is full. Nothing is dropped: the log keeps what comes until there is room again.',
    ]);
  });
});

describe('over HTTP, opening', () => {
  test('with a wrong password says what to look at, without the password', async () => {
    const problem = await problemOf(http.open({ password: 'hunter2-is-wrong' }));
    expect(problem.code).toBe('configuration');
    expect(problem.message).toContain('refuses the user writer');
    expect(JSON.stringify([problem.message, problem.facts])).not.toContain('hunter2');
  });

  test('where nobody listens is `unavailable`, so that it can be tried again', async () => {
    const problem = await problemOf(http.open({ url: 'http://127.0.0.1:9' }));
    expect(problem).toMatchObject({
      code: 'unavailable',
      message: 'ClickHouse at http://127.0.0.1:9 does not answer.',
    });
  });

  test('a reader changes nothing, and sends readonly with every query', async () => {
    const reading = await openServerWriter({ server: http.clickhouse().server() });
    await http.clickhouse().fault();
    await reading.reader.read({ sql: 'SELECT 1 AS a', params: {}, row: anything });
    const [asked] = await http.clickhouse().statements();
    expect(asked?.settings).toMatchObject({ readonly: '1', max_result_rows: '5000000', async_insert: '0' });
    await reading.close();
  });
});
