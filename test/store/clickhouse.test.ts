import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { openSession } from '../../store/session.ts';
import { tempFolder } from '../support/temp-folder.ts';

const anything = z.record(z.string(), z.unknown());
let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
  await store.writer.run('CREATE TABLE evidence (id UInt64, name String) ENGINE = MergeTree ORDER BY id');
  await store.writer.run("INSERT INTO evidence VALUES (18446744073709551615, 'first')");
});

afterAll(async () => {
  await store.close();
  await folder.remove();
});

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof Problem) return error;
  throw new Error(`expected a Problem, got ${String(error)}`);
}

describe('a reader', () => {
  const select = (sql: string, params = {}): Promise<unknown[]> => store.reader.read({ sql, params, row: anything });

  test('reads what the writer wrote, 64-bit numbers as text', async () => {
    expect(await select('SELECT * FROM evidence')).toEqual([{ id: '18446744073709551615', name: 'first' }]);
  });

  test.each([
    ['a string', 'SELECT {v:String} AS v', "x' OR 1=1 --\t\\\n", "x' OR 1=1 --\t\\\n"],
    ['a large number', 'SELECT {v:UInt64} AS v', '18446744073709551615', '18446744073709551615'],
    ['strings', 'SELECT {v:Array(String)} AS v', ["a'b", '\t\\n', 'ü'], ["a'b", '\t\\n', 'ü']],
    ['large numbers', 'SELECT {v:Array(UInt64)} AS v', ['1', '18446744073709551615'], ['1', '18446744073709551615']],
    ['no numbers', 'SELECT {v:Array(UInt64)} AS v', [], []],
  ])('binds %s', async (_, sql, value, expected) => {
    expect(await select(sql, { v: value })).toEqual([{ v: expected }]);
  });

  test.each([
    ["INSERT INTO evidence VALUES (1, 'forged')"],
    ['DROP TABLE evidence'],
    ['ALTER TABLE evidence DELETE WHERE 1'],
    ['TRUNCATE TABLE evidence'],
    ['SET readonly = 0'],
    ['SYSTEM STOP MERGES'],
    ['SELECT 1; SELECT 2'],
    ["SELECT * FROM evidence INTO OUTFILE '/tmp/custody-outfile'"],
    ["SELECT * FROM file('/etc/hostname', 'LineAsString')"],
    ["SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"],
    ["SELECT * FROM remote('127.0.0.1:1', 'system', 'one')"],
    ["SELECT * FROM executable('id', 'TSV', 'a String')"],
    ['SELECT 1 SETTINGS readonly = 0'],
    ['SELECT 1 SETTINGS max_result_rows = 0'],
  ])('cannot: %s', async (sql) => {
    const problem = await problemOf(select(sql));
    expect(problem.code).toBe('internal');
    expect(await select('SELECT count() AS n FROM evidence')).toEqual([{ n: '1' }]);
    expect(existsSync('/tmp/custody-outfile')).toBe(false);
  });

  test('is refused by the engine too where the text would pass', async () => {
    const session = await store.openReader();
    for (const sql of [
      "WITH 1 AS x SELECT * FROM file('/etc/hostname', 'LineAsString')",
      'SELECT 1 SETTINGS max_execution_time = 0',
    ]) {
      expect((await problemOf(session.read({ sql, params: {}, row: anything }))).facts).toEqual({
        failure: 'readonly',
      });
    }
    await session.close();
  });

  test.each([
    [{ resultRows: 10 }, 'SELECT number FROM numbers(1000)'],
    [{ executionSeconds: 1 }, 'SELECT count() FROM numbers(100000000000)'],
    [{ memoryBytes: 10_000_000 }, 'SELECT groupArray(toString(number)) FROM numbers(3000000)'],
  ])('is held to %o', async (limits, sql) => {
    const session = await store.openReader(limits);
    const problem = await problemOf(session.read({ sql, params: {}, row: anything }));
    expect(problem.code).toBe('unavailable');
    expect(problem.facts).toEqual({ failure: 'limit' });
    expect(await session.read({ sql: "SELECT 'next' AS a", params: {}, row: anything })).toEqual([{ a: 'next' }]);
    await session.close();
  });

  test('never sees the rows of a query that failed before', async () => {
    const session = await store.openReader();
    const failing = 'SELECT number, throwIf(number = 90000) AS t FROM numbers(300000)';
    const answers = await Promise.all([
      session.read({ sql: failing, params: {}, row: anything }).catch(() => 'failed'),
      session.read({ sql: "SELECT 'mine' AS a", params: {}, row: anything }),
    ]);
    expect(answers).toEqual(['failed', [{ a: 'mine' }]]);
    await session.close();
  });

  test('checks the shape of rows', async () => {
    const problem = await problemOf(
      store.reader.read({ sql: 'SELECT 1 AS a', params: {}, row: z.object({ a: z.string() }) }),
    );
    expect(problem.code).toBe('internal');
  });
});

describe('errors', () => {
  test.each([
    ['SELECT nothing FROM evidence', 'internal'],
    ["SELECT * FROM file('/no/such/file', 'TSV', 'a String')", 'unavailable'],
    ["INSERT INTO evidence SELECT 'x', 'y'", 'internal'],
  ])('%s tells nothing of the statement', async (sql, code) => {
    const problem = await problemOf(store.writer.run(sql));
    expect(problem.code).toBe(code);
    expect(JSON.stringify({ message: problem.message, facts: problem.facts })).not.toMatch(
      /SELECT|evidence|\/no|\/tmp|nothing/,
    );
  });

  test('a session that cannot be flushed answers nothing', async () => {
    const broken = {
      command: () => Promise.resolve({}),
      exec: () => Promise.reject(new Error('gone')),
      close: () => Promise.resolve(),
    };
    const session = await openSession(broken as never, { async_insert: 0 });
    await problemOf(session.bytes({ sql: 'SELECT 1', params: {} }));
    expect((await problemOf(session.bytes({ sql: 'SELECT 1', params: {} }))).message).toContain('cleanly');
  });
});

test('the engine keeps its files under the folder that was named', () => {
  expect(existsSync(join(folder.path, 'store', 'store'))).toBe(true);
});

test('a second data folder is refused while one is open', async () => {
  const other = await tempFolder();
  expect((await problemOf(openStore({ folder: other.path }))).code).toBe('folder_in_use');
  await other.remove();
});
