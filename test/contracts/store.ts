import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import type { Store } from '../../store/clickhouse.ts';
import { crcOf, createDigest, readDigest } from '../../store/digest.ts';
import { ensureRows } from '../../store/ensure-rows.ts';
import type { FileRows } from '../../store/ensure-rows.ts';
import { findRefused } from '../../store/find-refused.ts';
import { derivedRange, ensureGap, insertBatchNote, nextWriterEpoch, readReach } from '../../store/log-state.ts';
import { migrate } from '../../store/migrate.ts';
import { EDGES } from '../../store/tables.ts';
import { tempFolder } from '../support/temp-folder.ts';

const anything = z.record(z.string(), z.unknown());

/** A store that is open, and what closes it. */
export interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** Gives the Problem that the work ended with; fails if it did not. */
export async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof Problem) return error;
  throw new Error(`expected a Problem, got ${String(error)}`);
}

/** What every store must do, wherever its engine stands. `open` is called once, for a store without rows. */
export function storeContract(open: () => Promise<OpenedStore>): void {
  let opened: OpenedStore;
  let files: Awaited<ReturnType<typeof tempFolder>>;
  const store = (): Store => opened.store;

  beforeAll(async () => {
    files = await tempFolder();
    opened = await open();
    await store().writer.run('CREATE TABLE evidence (id UInt64, name String) ENGINE = MergeTree ORDER BY id');
    await store().writer.run("INSERT INTO evidence VALUES (18446744073709551615, 'first')");
  });
  afterAll(async () => {
    await opened.close();
    await files.remove();
  });

  describe('a reader', () => {
    const select = (sql: string, params = {}): Promise<unknown[]> =>
      store().reader.read({ sql, params, row: anything });

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
      const session = await store().openReader();
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
      const session = await store().openReader(limits);
      const problem = await problemOf(session.read({ sql, params: {}, row: anything }));
      expect(problem.code).toBe('unavailable');
      expect(problem.facts).toEqual({ failure: 'limit' });
      expect(await session.read({ sql: "SELECT 'next' AS a", params: {}, row: anything })).toEqual([{ a: 'next' }]);
      await session.close();
    });

    test('never sees the rows of a query that failed before', async () => {
      const session = await store().openReader();
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
        store().reader.read({ sql: 'SELECT 1 AS a', params: {}, row: z.object({ a: z.string() }) }),
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
      const problem = await problemOf(store().writer.run(sql));
      expect(problem.code).toBe(code);
      expect(JSON.stringify({ message: problem.message, facts: problem.facts })).not.toMatch(
        /SELECT|evidence|\/no|\/tmp|nothing/,
      );
    });
  });

  describe('parameters', () => {
    test('of any size are bound', async () => {
      // Longer than a statement may be (`max_query_size`, 256 KiB) and than an address may be (1 MiB).
      const ids = Array.from({ length: 100_000 }, (_, index) => `id-${index}-'\t`);
      const sql = 'SELECT length({ids:Array(String)}) AS n, {ids:Array(String)}[100000] AS last';
      expect(await store().reader.read({ sql, params: { ids }, row: anything })).toEqual([
        { n: '100000', last: "id-99999-'\t" },
      ]);
    });

    test('times and bytes come as they are', async () => {
      const sql = "SELECT unhex('00ff0a09') AS b, toInt64(-5) AS n FORMAT RowBinary";
      const bytes = await store().writer.bytes({ sql, params: {} });
      expect(bytes.toString('hex')).toBe('0400ff0a09fbffffffffffffff');
    });
  });

  describe('rows of a file', () => {
    const KEYS = 40;
    const keyOf = (index: number): string => `token:jti:${index}\t'quoted'\\ü`;
    // As the engine reads RowBinary: texts with their length before them, numbers little-endian.
    const text = (value: string): Buffer => {
      const bytes = Buffer.from(value, 'utf8');
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    };
    const number = (value: bigint): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(value);
      return bytes;
    };
    const lineOf = (index: number, confidence = 1): Buffer =>
      Buffer.concat([
        text('acme'),
        text(keyOf(index)),
        Buffer.from([1]),
        text('other'),
        Buffer.from([1]),
        text('names'),
        Buffer.from([confidence]),
        text('rule'),
        text(''),
        number(BigInt(5_000 + index)),
        number(1_750_000_000_000_000n),
        number(1_750_000_000_123n),
        number(1_750_000_000_000_456n),
      ]);

    async function staged(name: string, lines: readonly Buffer[]): Promise<FileRows> {
      const file = join(files.path, name);
      await writeFile(file, Buffer.concat(lines));
      const digest = createDigest();
      for (let index = 0; index < KEYS; index += 1) digest.add(BigInt(5_000 + index), crcOf(keyOf(index)) + 1);
      const range = derivedRange(5_000n, 5_000n + BigInt(KEYS) - 1n, 0, 2_000_000_000_000_000);
      return { spec: EDGES, file, range, expected: digest.digest() };
    }
    const all = Array.from({ length: KEYS }, (_, index) => lineOf(index));
    const rows = (): Promise<unknown[]> =>
      store().reader.read({ sql: 'SELECT key FROM edges ORDER BY ref', params: {}, row: anything });
    const options = { fresh: false, replace: true };

    test('arrive byte for byte, once, however often they are ensured', async () => {
      const whole = await staged('whole.tsv', all);
      expect(await ensureRows(store().writer, whole, { ...options, fresh: true })).toBe(1);
      expect(await ensureRows(store().writer, whole, options)).toBe(0);
      expect(await rows()).toEqual(Array.from({ length: KEYS }, (_, index) => ({ key: keyOf(index) })));
      expect(await readDigest(store().writer, EDGES, whole.range)).toEqual(whole.expected);
    });

    test('that are missing are added, and nothing else', async () => {
      await store().writer.run('ALTER TABLE edges DELETE WHERE ref % 3 = 0 SETTINGS mutations_sync = 2');
      expect(await ensureRows(store().writer, await staged('part.tsv', all), options)).toBe(1);
      expect(await rows()).toHaveLength(KEYS);
    });

    test('that are too many are replaced where that is allowed', async () => {
      const whole = await staged('twice.tsv', all);
      await ensureRows(store().writer, whole, { ...options, fresh: true }).catch(() => undefined);
      await ensureRows(store().writer, whole, options);
      expect(await rows()).toHaveLength(KEYS);
      const evidence = { ...whole, expected: { ...whole.expected, rows: KEYS - 1 } };
      const problem = await problemOf(ensureRows(store().writer, evidence, { fresh: false, replace: false }));
      expect(problem.facts).toMatchObject({ integrity: true, found: KEYS });
      expect(await rows()).toHaveLength(KEYS);
    });

    test('that the engine refuses are found, without a trace of the search', async () => {
      const bad = all.map((line, index) => (index === 7 || index === 31 ? lineOf(index, 99) : line));
      const poisoned = await staged('bad.tsv', bad);
      const problem = await problemOf(ensureRows(store().writer, poisoned, { ...options, fresh: true }));
      expect(problem.facts).toEqual({ failure: 'bad_rows' });
      expect(await findRefused(store().writer, poisoned)).toEqual([5_007n, 5_031n]);
      expect(await findRefused(store().writer, await staged('good.tsv', all))).toEqual([]);
      expect(await rows()).toHaveLength(KEYS);
    });
  });

  describe('the state of the log', () => {
    const place = { topic: 'okta.log', sourceEpoch: 1, partition: 3 };
    const ingestedAtUs = 1_750_000_000_000_000;

    test('is empty, then what was noted', async () => {
      const { writer } = store();
      expect(await readReach(writer, place)).toEqual({ record: -1, covered: -1, derived: -1 });
      const gap = {
        ...place,
        firstOffset: 4,
        lastOffset: 9,
        reason: 'retention_lost',
        leaf: 'ab'.repeat(32),
        ingestedAtUs,
      };
      await ensureGap(writer, gap);
      await ensureGap(writer, gap);
      const none = createDigest().digest();
      const digests = { events: none, keys: none, edges: none, records: none };
      const before = await nextWriterEpoch(writer);
      await insertBatchNote(writer, {
        ...place,
        firstOffset: 0,
        lastOffset: 3,
        records: 4,
        digests,
        writerEpoch: before,
        ingestedAtUs,
      });
      expect(await readReach(writer, place)).toEqual({ record: -1, covered: 9, derived: 3 });
      expect(await nextWriterEpoch(writer)).toBe(before + 1);
      const sql = 'SELECT count() AS n FROM gaps';
      expect(await store().reader.read({ sql, params: {}, row: anything })).toEqual([{ n: '1' }]);
    });

    test('migrations that are applied are not applied again', async () => {
      expect(await migrate(store().writer)).toEqual([]);
    });
  });
}
