import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@clickhouse/client';
import { z } from 'zod';
import { crcOf, createDigest, readDigest, sameDigest } from '../../store/digest.ts';
import { ensureRows } from '../../store/ensure-rows.ts';
import { derivedRange } from '../../store/log-state.ts';
import { openServerStore, openServerWriter } from '../../store/server-store.ts';
import type { StoreServer } from '../../store/settings.ts';
import { EDGES } from '../../store/tables.ts';

/**
 * `npm run check:clickhouse`: what cannot be tried without a ClickHouse server, against the one of CLICKHOUSE_URL (with the
 * user and password of one who may make databases) and, where CLICKHOUSE_CLUSTER names it, its cluster. In a database of its
 * own, dropped at the end. Ends with 1 if a check fails.
 */

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const given = process.env['CLICKHOUSE_URL'];
if (given === undefined || given === '') {
  say('CLICKHOUSE_URL names no server: nothing was checked (deploy/clickhouse/README.md)');
  process.exit(process.env['CLICKHOUSE_REQUIRED'] === '1' ? 1 : 0);
}

const { username, password, origin, pathname } = new URL(given);
const cluster = process.env['CLICKHOUSE_CLUSTER'];
const database = `custody_check_${randomUUID().slice(0, 8)}`;
const on = cluster === undefined ? '' : ` ON CLUSTER '${cluster}'`;
const login = { user: decodeURIComponent(username) || 'default', password: decodeURIComponent(password) };
const server: StoreServer = {
  ...login,
  url: origin + (pathname === '/' ? '' : pathname),
  database,
  ...(cluster === undefined ? {} : { cluster }),
  silenceMs: 60_000,
  connections: 10,
  compression: 'gzip',
};
const admin = createClient({ url: server.url, username: login.user, password: login.password });
const anything = z.record(z.string(), z.unknown());
let failed = 0;

async function check(name: string, work: () => Promise<boolean>): Promise<void> {
  const ok = await work().catch((error: unknown) => {
    say(
      `  ${error instanceof Error ? [error.message, error.cause instanceof Error ? error.cause.message : ''].join(' ') : String(error)}`,
    );
    return false;
  });
  say(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
  if (!ok) failed += 1;
}

/** One edge in RowBinary: texts with their length before them, numbers little-endian. */
function rowOf(index: number): Buffer {
  const text = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value)]);
  const number = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  };
  const one = Buffer.from([1]);
  const names = [text('t'), text(`k-${index}`), one, text('o'), one, text('r'), one, text('u'), text('')];
  const times = [number(1_750_000_000_000_000n), number(1_750_000_000_123n), number(1_750_000_000_000_456n)];
  return Buffer.concat([...names, number(BigInt(index)), ...times]);
}

const folder = await mkdtemp(join(tmpdir(), 'custody-check-'));
await admin.command({ query: `CREATE DATABASE ${database}${on}` });
try {
  const store = await openServerStore({ server, startWithinMs: 5_000 });
  const range = derivedRange(1n, 1_000n, 0, 2_000_000_000_000_000);
  const digest = createDigest();
  const lines: Buffer[] = [];
  for (let index = 1; index <= 1_000; index += 1) {
    lines.push(rowOf(index));
    digest.add(BigInt(index), crcOf(`k-${index}`) + 1);
  }
  const file = join(folder, 'rows.tsv');
  await writeFile(file, Buffer.concat(lines));
  const rows = { spec: EDGES, file, range, expected: digest.digest() };

  await check('rows of a body arrive through input(), and are read back', async () => {
    const inserts = await ensureRows(store.writer, rows, { fresh: true, replace: true });
    return inserts === 1 && sameDigest(await readDigest(store.writer, EDGES, range), rows.expected);
  });
  await check('rows that are missing are added alone', async () => {
    await store.writer.run('ALTER TABLE edges DELETE WHERE ref % 2 = 0 SETTINGS mutations_sync = 2');
    return (await ensureRows(store.writer, rows, { fresh: false, replace: true })) === 1;
  });
  await check('large values of an insert arrive in the body of the request', async () => {
    const finding = 'x'.repeat(120_000);
    const adding = await openServerWriter({ server });
    const sql = 'INSERT INTO check_items (tenant, finding) SELECT {tenant:String}, {finding:String}';
    await adding.writer.run(sql, { tenant: 'check', finding });
    await adding.close();
    const count = "SELECT count() AS n FROM check_items WHERE tenant = 'check' AND length(finding) = 120000";
    const [found] = await store.writer.read({ sql: count, params: {}, row: anything });
    return String(found?.['n']) === '1';
  });
  await check('an insert that begins too late does nothing, and is not taken for done', async () => {
    const late = await openServerStore({ server, startWithinMs: -60_000 });
    await late.writer.run('TRUNCATE TABLE edges');
    const refused = await ensureRows(late.writer, rows, { fresh: true, replace: true }).then(
      () => false,
      () => true,
    );
    await late.close();
    return refused && (await readDigest(store.writer, EDGES, range)).rows === 0;
  });
  await check('a statement whose answer was lost is found by its id and killed before the next one', async () => {
    const hasty = await openServerStore({ server: { ...server, silenceMs: 1_500 } });
    const long =
      'INSERT INTO edges (key) SELECT toString(sleepEachRow(1)) FROM numbers(60) SETTINGS max_block_size = 1, min_insert_block_size_rows = 100000';
    const lost = await hasty.writer.run(long).then(
      () => false,
      () => true,
    );
    const began = performance.now();
    const [found] = await hasty.writer.read({ sql: 'SELECT count() AS n FROM edges', params: {}, row: anything });
    await hasty.close();
    return lost && performance.now() - began < 30_000 && String(found?.['n']) === '0';
  });
  await check('a reader cannot write, nor lift its limits', async () => {
    const reading = await openServerWriter({ server });
    const own = await reading.openReader({ resultRows: 10 });
    const fails = async (sql: string): Promise<boolean> =>
      own.read({ sql, params: {}, row: anything }).then(
        () => false,
        () => true,
      );
    const all = await Promise.all([
      fails('WITH 1 AS x SELECT number FROM numbers(1000)'),
      fails('SELECT 1 SETTINGS max_result_rows = 0, readonly = 0'),
      fails("WITH 1 AS x SELECT * FROM file('/etc/passwd', 'LineAsString')"),
    ]);
    await reading.close();
    return all.every(Boolean);
  });
  if (cluster !== undefined) {
    await check('an insert with quorum is on every replica, or is read so', async () => {
      await ensureRows(store.writer, rows, { fresh: false, replace: true });
      await sleep(1_000);
      const sql = `SELECT count() AS n FROM clusterAllReplicas('${cluster}', ${database}.edges)`;
      const replicas = `SELECT count() AS n FROM clusterAllReplicas('${cluster}', system.one)`;
      const [all] = await store.writer.read({ sql, params: {}, row: anything });
      const [count] = await store.writer.read({ sql: replicas, params: {}, row: anything });
      return Number(all?.['n']) === 1_000 * Number(count?.['n']);
    });
  }
  await store.close();
} finally {
  await admin.command({ query: `DROP DATABASE ${database}${on} SYNC` });
  await admin.close();
  await rm(folder, { recursive: true, force: true });
}
say(failed === 0 ? 'all checks passed' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
