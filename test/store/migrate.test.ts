import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { migrate, readMigrations } from '../../store/migrate.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;
beforeEach(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
});
afterEach(async () => {
  await store.close();
  await folder.remove();
});

test('a fresh folder gets every migration once', async () => {
  const known = await readMigrations();
  expect(known.map(({ name }) => name)).toEqual(known.map(({ name }) => name).toSorted());
  const noted = await store.reader.read({
    sql: 'SELECT name FROM schema_migrations ORDER BY name',
    params: {},
    row: z.object({ name: z.string() }),
  });
  expect(noted).toEqual(known.map(({ name }) => ({ name })));
  expect(await migrate(store.writer, known)).toEqual([]);
});

test('a changed file is refused', async () => {
  const known = await readMigrations();
  const changed = known.map((migration, index) => (index === 0 ? { ...migration, sha256: '0'.repeat(64) } : migration));
  await expect(migrate(store.writer, changed)).rejects.toMatchObject({ code: 'configuration' });
});

test('a folder of a newer version is refused', async () => {
  await expect(migrate(store.writer, (await readMigrations()).slice(1))).rejects.toMatchObject({
    code: 'configuration',
  });
});

test('a migration that was cut off before it was noted is applied again', async () => {
  const next = {
    name: '9999_test.sql',
    sha256: 'a'.repeat(64),
    statements: ['CREATE TABLE IF NOT EXISTS later (a UInt8) ENGINE = MergeTree ORDER BY a'],
  };
  await store.writer.run(next.statements[0] ?? '');
  expect(await migrate(store.writer, [...(await readMigrations()), next])).toEqual([next.name]);
});

test('evidence tables flush to disk and keep no deduplication tokens', async () => {
  const rows = await store.reader.read({
    sql: "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND name != 'schema_migrations'",
    params: {},
    row: z.object({ name: z.string(), engine_full: z.string() }),
  });
  expect(rows.map(({ name }) => name).toSorted()).toEqual([
    'announcements',
    'batches',
    'check_items',
    'check_runs',
    'checkpoints',
    'dups',
    'edges',
    'event_keys',
    'events',
    'gaps',
    'leases',
    'records',
    'seals',
    'tree_heads',
    'tree_nodes',
    'tree_steps',
  ]);
  for (const { engine_full } of rows) {
    expect(engine_full).toMatch(/^MergeTree/);
    expect(engine_full).toContain('fsync_after_insert = 1');
    expect(engine_full).toContain('non_replicated_deduplication_window = 0');
  }
});
