import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openTreeKeeper } from '../../ingest/trees/tree-keeper.ts';
import { openStore } from '../../store/clickhouse.ts';
import { readPartitions, readReach } from '../../store/log-state.ts';
import type { StoreDigests } from './dump-folder.ts';

/** What depends on when and by whom a row was written is left out. */
export const TABLES = {
  records: ['* EXCEPT (ingested_at, writer_epoch, salt, leaf), hex(salt), hex(leaf)', 'topic, source_epoch, partition, offset'],
  events: ['* EXCEPT (ingested_at, content_hash), hex(content_hash)', 'ref'],
  event_keys: ['* EXCEPT (ingested_at)', 'tenant, key, occurred_at, ref, role, field'],
  edges: ['* EXCEPT (ingested_at)', 'tenant, key, direction, other, relation, ref, rule'],
  gaps: ['* EXCEPT (ingested_at)', 'topic, source_epoch, partition, first_offset'],
} as const; // prettier-ignore

/** The same with every column, for a rebuild, which must give back all of them. */
const WHOLE = { events: TABLES.events[1], event_keys: TABLES.event_keys[1], edges: TABLES.edges[1] } as const;

/** What Custody tells of itself is left out where only what was sent to it is asked for. */
const OWN: Readonly<Record<string, string>> = {
  records: "topic != 'custody.self'",
  gaps: "topic != 'custody.self'",
  events: "family != 'custody.self'",
};

/**
 * A digest and a count of each table of a data folder, in an order that does not depend on how rows came; with `file` the
 * rows are written beside it, with `sent` only what was sent to Custody counts and not what it tells of itself. A process
 * opens one folder at a time; it may open one after another.
 */
export async function dumpStore(folder: string, file = '', part: 'all' | 'sent' = 'all'): Promise<StoreDigests> {
  const store = await openStore({ folder });
  const digests: Record<string, { rows: number; sha256: string }> = {};
  const ofOthers = (table: string): string =>
    part === 'sent'
      ? ` WHERE ${OWN[table] ?? "ref NOT IN (SELECT ref FROM events WHERE family = 'custody.self')"}`
      : '';
  const dump = async (name: string, columns: string, table: string, order: string): Promise<void> => {
    const sql = `SELECT ${columns} FROM ${table} ORDER BY ${order} FORMAT TSV`;
    const bytes = await store.writer.bytes({ sql, params: {} });
    let rows = 0;
    for (const byte of bytes) if (byte === 0x0a) rows += 1;
    digests[name] = { rows, sha256: createHash('sha256').update(bytes).digest('hex') };
    if (file !== '') writeFileSync(`${file}.${name}.tsv`, bytes);
  };
  for (const [table, [columns, order]] of Object.entries(TABLES))
    await dump(table, columns, `${table}${ofOthers(table)}`, order);
  for (const [table, order] of Object.entries(WHOLE))
    await dump(`whole_${table}`, '*', `${table}${ofOthers(table)}`, order);
  // A process that was killed may have left a tree behind; it goes on from there, and must come to the same root.
  const keeper = await openTreeKeeper({ store });
  for (const place of await readPartitions(store.writer))
    keeper.covered(place, (await readReach(store.writer, place)).covered + 1, 1);
  await keeper.sealed();
  await keeper.close();
  const steps = `tree_steps ${part === 'sent' ? "WHERE topic != 'custody.self' " : ''}GROUP BY topic, partition`;
  await dump('trees', 'topic, partition, max(leaf_to), hex(argMax(root_after, leaf_to))', steps, 'topic, partition');
  await store.close();
  return digests;
}

// Run by tests whose own process holds a store: dump-store.ts FOLDER [FILE] [all|sent] prints the digests as JSON.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = '', file, part] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await dumpStore(folder, file, part === 'sent' ? 'sent' : 'all'))}
`);
}
