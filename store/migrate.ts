import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Problem } from '../model/problem.ts';
import { clusterMigrations, clusterStatement } from './cluster-ddl.ts';
import { isUnknownTable } from './engine-error.ts';
import type { Session } from './session.ts';

export interface Migration {
  readonly name: string;
  readonly sha256: string;
  readonly statements: readonly string[];
}

const applied = z.object({ name: z.string(), sha256: z.string() });

/**
 * Applies the migrations that this store has not seen, in the order of their numbers. A file that was changed after it
 * was applied is refused, and so is a store that a newer version has migrated (both `configuration`): two histories of
 * one table cannot be told apart later. Each statement is written so that it may run twice, for a crash may come
 * between the statement and the note of it. With `cluster` the tables are those of a cluster of that name.
 */
export async function migrate(
  session: Session,
  migrations?: readonly Migration[],
  cluster?: string,
): Promise<readonly string[]> {
  const notes = `CREATE TABLE IF NOT EXISTS schema_migrations (name String, sha256 String, applied_at DateTime64(3, 'UTC'))
     ENGINE = MergeTree ORDER BY name SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;
  await session.run(cluster === undefined ? notes : clusterStatement(notes, cluster));
  const files = migrations ?? (await readMigrations());
  const missing = await missingOf(session, cluster === undefined ? files : clusterMigrations(files, cluster));
  for (const migration of missing) {
    for (const statement of migration.statements) await session.run(statement);
    const note = 'INSERT INTO schema_migrations SELECT {name:String}, {sha256:String}, now64(3)';
    await session.run(note, { name: migration.name, sha256: migration.sha256 });
  }
  return missing.map(({ name }) => name);
}

/**
 * Throws unless every migration of this version is applied: `unavailable` where some are not yet, for a process that may
 * change them is still to come or at work, and `configuration` where they never will be.
 */
export async function checkMigrated(reader: Pick<Session, 'read'>): Promise<void> {
  const text = 'The tables of this version are not there yet: custody ingest makes them when it starts.';
  const missing = await missingOf(reader, await readMigrations()).catch((error: unknown) => {
    if (!isUnknownTable(error)) throw error;
    throw new Problem('unavailable', text);
  });
  if (missing.length > 0) throw new Problem('unavailable', text, { missing: missing.map(({ name }) => name) });
}

async function missingOf(session: Pick<Session, 'read'>, known: readonly Migration[]): Promise<readonly Migration[]> {
  const done = await session.read({
    sql: 'SELECT name, sha256 FROM schema_migrations ORDER BY name',
    params: {},
    row: applied,
  });
  for (const { name, sha256 } of done) {
    const file = known.find((migration) => migration.name === name);
    if (!file)
      throw new Problem(
        'configuration',
        `The store was written by a newer version of Custody: migration ${name} is unknown here.`,
      );
    if (file.sha256 !== sha256)
      throw new Problem(
        'configuration',
        `Migration ${name} is not the one that made this store; migrations never change once applied.`,
      );
  }
  return known.filter((migration) => !done.some(({ name }) => name === migration.name));
}

/** The migrations of this version, by number. A statement ends with a semicolon at the end of a line. */
export async function readMigrations(folder = migrationsFolder()): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(`${folder}/${name}`, 'utf8');
      const statements = text
        .split(/;[ \t]*(?:\n|$)/)
        .filter((part) => part.replaceAll(/^\s*--.*$/gm, '').trim() !== '');
      return { name, sha256: createHash('sha256').update(text).digest('hex'), statements };
    }),
  );
}

/** Beside this file; a build that copies no .sql files finds them in the sources that `dist/` stands in. */
function migrationsFolder(): string {
  const places = ['./migrations/', '../../store/migrations/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new Problem(
      'configuration',
      'The migrations of the store are missing: the build must copy store/migrations/*.sql.',
    );
  return found;
}
