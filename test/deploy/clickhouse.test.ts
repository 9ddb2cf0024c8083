import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { clusterMigrations } from '../../store/cluster-ddl.ts';
import { readMigrations } from '../../store/migrate.ts';
import { tempFolder } from '../support/temp-folder.ts';

const USERS = readFileSync(join(import.meta.dirname, '../../deploy/clickhouse/users.sql'), 'utf8');
let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
afterAll(async () => {
  await store.close();
  await folder.remove();
});

/** The statement as the engine's parser writes it again; fails where it cannot be read. */
async function parsed(sql: string): Promise<string> {
  const query = 'SELECT formatQuerySingleLine({sql:String}) FORMAT TSVRaw';
  return (await store.writer.bytes({ sql: query, params: { sql } })).toString('utf8').trim();
}

test('the tables of a cluster are those of one server, on all servers and replicated', async () => {
  const files = await readMigrations();
  const changed = clusterMigrations(files, 'main');
  let tables = 0;
  for (const [index, { statements, name, sha256 }] of changed.entries()) {
    expect({ name, sha256 }).toEqual({ name: files[index]?.name, sha256: files[index]?.sha256 });
    for (const [at, statement] of statements.entries()) {
      const text = await parsed(statement);
      if (!text.startsWith('CREATE TABLE')) continue;
      tables += 1;
      const back = text
        .replace(' ON CLUSTER main', '')
        .replace('ReplicatedMergeTree', 'MergeTree')
        .replace(' replicated_deduplication_window', ' non_replicated_deduplication_window');
      expect(text).toContain(' ON CLUSTER main');
      expect(text).toMatch(/ENGINE = ReplicatedMergeTree\b/);
      expect(text).not.toContain('non_replicated');
      expect(back).toBe(await parsed(files[index]?.statements[at] ?? ''));
    }
  }
  expect(tables).toBeGreaterThan(5);
});

test('the users and rights can be read by the engine, and name only tables that there are', async () => {
  const statements = USERS.split(/;[ \t]*(?:\n|$)/).filter((part) => part.replaceAll(/^\s*--.*$/gm, '').trim() !== '');
  expect(statements.length).toBeGreaterThan(20);
  for (const statement of statements) expect(await parsed(statement)).not.toBe('');
  const tables = new Set(
    (await store.writer.bytes({ sql: 'SHOW TABLES FORMAT TSVRaw', params: {} })).toString('utf8').trim().split('\n'),
  );
  const named = [...USERS.matchAll(/\bcustody\.([a-z_]+)/g)].map(([, table = '']) => table);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((table) => !tables.has(table))).toEqual([]);
  // The passwords are to be set by who installs it: none stands there.
  expect([...USERS.matchAll(/BY '([^']*)'/g)].every(([, password = '']) => /^<.*>$/.test(password))).toBe(true);
});
