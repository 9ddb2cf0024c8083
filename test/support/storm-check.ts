import { createHash } from 'node:crypto';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openTreeKeeper } from '../../ingest/trees/tree-keeper.ts';
import { createWorker } from '../../ingest/worker/worker.ts';
import { parsePolicy } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Family } from '../../model/source.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { readPartitions, readReach } from '../../store/log-state.ts';
import { TABLES } from './dump-store.ts';
import { scalar } from './ingest-harness.ts';

/** What a store holds of one topic, in figures that two stores can be compared by. */
export type TopicFigures = Readonly<Record<string, string>>;

/**
 * Rows and a sum over the contents of every table, without what differs from run to run and with second copies counted
 * once, and the size and root of each partition's tree.
 */
export async function figuresOf(store: Store, topic: Family): Promise<TopicFigures> {
  const [first, last] = [
    refOf({ topic, partition: 0, offset: 0 }),
    refOf({ topic, partition: 1_023, offset: 2 ** 36 - 1 }),
  ];
  const figures: Record<string, string> = {};
  for (const [table, [columns]] of Object.entries(TABLES)) {
    const where = table === 'gaps' ? `topic = '${topic}'` : `ref BETWEEN ${first} AND ${last}`;
    const rows = `SELECT DISTINCT ${columns} FROM ${table} WHERE ${where}`;
    figures[table] = await scalar(store, `SELECT count(), sum(sipHash64(toString(tuple(*)))) FROM (${rows})`);
  }
  const roots = `SELECT partition, max(leaf_to), hex(argMax(root_after, leaf_to)) FROM tree_steps WHERE topic = '${topic}' GROUP BY partition ORDER BY partition`;
  figures['trees'] = (await scalar(store, `SELECT groupArray(tuple(*)) FROM (${roots})`)).replaceAll("'", '');
  return figures;
}

/** The same topic carried by one worker that nobody disturbs, into a store of its own, with the same policy and salts. */
export async function carryInPeace(
  log: EventLog,
  topic: Family,
  options: { readonly folder: string; readonly policy: string; readonly saltKey: Buffer },
): Promise<TopicFigures> {
  const { folder, saltKey } = options;
  const store = await openStore({ folder });
  try {
    const policy = parsePolicy(options.policy, 'storm');
    const worker = createWorker({ store, log, folder, policy, saltKey, topics: [topic] });
    await worker.start();
    await worker.idle();
    await worker.stop();
    const keeper = await openTreeKeeper({ store });
    for (const place of await readPartitions(store.writer))
      keeper.covered(place, (await readReach(store.writer, place)).covered + 1, 1);
    await keeper.sealed();
    await keeper.close();
    return await figuresOf(store, topic);
  } finally {
    await store.close();
  }
}

/** A record that was acknowledged, by its place. */
export interface Acknowledged {
  readonly partition: number;
  readonly offset: number;
  readonly md5: string;
}

/** Acknowledged records that the store does not hold at their place with their bytes. */
export async function lostOf(
  store: Store,
  topic: Family,
  acknowledged: readonly Acknowledged[],
): Promise<Acknowledged[]> {
  const held = new Map<string, string>();
  const rows = await scalar(
    store,
    `SELECT DISTINCT partition, offset, lower(hex(MD5(value))) FROM records WHERE topic = '${topic}'`,
  );
  for (const line of rows.split('\n')) {
    const [partition, offset, md5 = ''] = line.split('\t');
    held.set(`${partition}/${offset}`, md5);
  }
  return acknowledged.filter(({ partition, offset, md5 }) => held.get(`${partition}/${offset}`) !== md5);
}

/** What counts twice: copies of records that no seal has found, events that are accepted twice, and rows of theirs. */
export async function twiceOf(store: Store, topic: Family): Promise<Readonly<Record<string, number>>> {
  const count = async (sql: string): Promise<number> => Number(await scalar(store, sql));
  const copies = await count(`SELECT count() - uniqExact(partition, offset) FROM records WHERE topic = '${topic}'`);
  const found = await count(`SELECT sum(copies) FROM dups WHERE topic = '${topic}'`);
  const accepted = `FROM events WHERE family = '${topic}' AND disposition = 'accepted'`;
  return {
    'second copies not found by a seal': copies - found,
    'events accepted twice': await count(`SELECT count() - uniqExact(event_id) ${accepted}`),
    'keys named twice': await count('SELECT count() - uniqExact(ref, key, role, field) FROM event_keys'),
    'edges drawn twice': await count(
      'SELECT count() - uniqExact(ref, key, direction, other, relation, rule) FROM edges',
    ),
  };
}

export function md5Of(value: Buffer): string {
  return createHash('md5').update(value).digest('hex');
}
