import type { Migration } from './migrate.ts';

/**
 * A statement of a migration as that of a cluster: on all of its servers, and replicated, with the same columns, orders
 * and settings. The path in the keeper and the name of the replica are the server's own defaults (`{uuid}`, `{shard}`, `{replica}`).
 * Statements that are neither CREATE TABLE nor ALTER TABLE stay as they are: what they change is replicated with the table.
 */
export function clusterStatement(statement: string, cluster: string): string {
  return statement
    .replace(/^(\s*(?:--[^\n]*\n\s*)*CREATE TABLE IF NOT EXISTS \w+)/, `$1 ON CLUSTER '${cluster}'`)
    .replace(/^(\s*(?:--[^\n]*\n\s*)*ALTER TABLE \w+)/, `$1 ON CLUSTER '${cluster}'`)
    .replace(/\bENGINE = MergeTree\b/, 'ENGINE = ReplicatedMergeTree')
    .replace(/\bnon_replicated_deduplication_window\b/, 'replicated_deduplication_window');
}

/** The migrations for a cluster. Their names and sums are those of the files: the history of the tables is the same. */
export function clusterMigrations(migrations: readonly Migration[], cluster: string): readonly Migration[] {
  return migrations.map((migration) => ({
    ...migration,
    statements: migration.statements.map((statement) => clusterStatement(statement, cluster)),
  }));
}
