import { createHash } from 'node:crypto';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import { Problem } from '../../model/problem.ts';
import { TOPICS } from '../../model/source.ts';
import type { Topic } from '../../model/source.ts';
import type { LoggedRecord, TopicPartition } from './event-log.ts';
import { countOf, decodeBlock, recordKey } from './log-format.ts';

const FORMAT = 1;

/** The two tables of the log: blocks of records by place, and small facts by name. */
export interface LogStore {
  readonly blocks: Database<Buffer, number>;
  readonly facts: Database<number | string, string>;
  readonly partitions: number;
  close(): Promise<void>;
}

/**
 * Opens the log in a folder, made if it is not there. One process at a time may write (folder.ts sees to that).
 * `overlappingSync` is off: then a commit has been synced to the disk when its promise resolves, and nothing is visible
 * before it is durable. A Problem of code `configuration` if the folder was made by another version, or with another
 * number of partitions, because records would then be looked for in the wrong place.
 */
export function openLogStore(folder: string, partitions: number | undefined): LogStore {
  const root: RootDatabase = open({ path: folder, noSubdir: false, overlappingSync: false, maxDbs: 4 });
  const blocks = root.openDB<Buffer, number>({ name: 'blocks', encoding: 'binary' });
  const facts = root.openDB<number | string, string>({ name: 'facts', encoding: 'msgpack' });
  const format = facts.get('format');
  if (format !== undefined && format !== FORMAT) {
    throw new Problem('configuration', `the log was written in format ${format}, this version reads ${FORMAT}`);
  }
  const stored = facts.get('partitions');
  if (typeof stored === 'number' && partitions !== undefined && stored !== partitions) {
    throw new Problem('configuration', `the log has ${stored} partitions a topic, not ${partitions}`);
  }
  const count = typeof stored === 'number' ? stored : (partitions ?? 1);
  if (format === undefined) {
    root.transactionSync(() => {
      facts.putSync('format', FORMAT);
      facts.putSync('partitions', count);
    });
  }
  return { blocks, facts, partitions: count, close: () => root.close() };
}

/** The names of facts. Names that come from outside are hashed: a key of LMDB has at most 1,978 bytes. */
export const FACT = {
  end: ({ topic, partition }: TopicPartition<Topic>): string => `end ${topic} ${partition}`,
  group: (group: string, { topic, partition }: TopicPartition): string => `group ${hash(group)} ${topic} ${partition}`,
  cursor: (name: string): string => `cursor ${hash(name)}`,
  identity: (name: string): string => `identity ${hash(name)}`,
  note: (name: string): string => `note ${hash(name)}`,
} as const;

function hash(name: string): string {
  return createHash('sha256').update(name).digest('base64url').slice(0, 32);
}

/** The first offset that is held; the end if the partition is empty. */
export function firstOffsetOf(store: LogStore, partition: TopicPartition, end: number): number {
  const base = recordKey(partition, 0);
  for (const key of store.blocks.getKeys({ start: base, end: recordKey(partition, end), limit: 1 })) return key - base;
  return end;
}

/**
 * The end of each partition that was ever written. Blocks beyond it would be the trace of a commit that was not whole;
 * LMDB leaves none, and what it never leaves must not be taken for records if it ever does.
 */
export function readEnds(store: LogStore): Map<string, number> {
  const ends = new Map<string, number>();
  for (const topic of TOPICS) {
    for (let partition = 0; partition < store.partitions; partition++) {
      const name = FACT.end({ topic, partition });
      const end = store.facts.get(name);
      if (typeof end === 'number') ends.set(name, end);
      const beyond = recordKey({ topic, partition }, typeof end === 'number' ? end : 0);
      for (const key of store.blocks.getKeys({
        start: beyond,
        end: recordKey({ topic, partition: partition + 1 }, 0),
      })) {
        store.blocks.removeSync(key);
      }
    }
  }
  return ends;
}

/** How much one look into the log may take, so that the event loop stays free; a batch is put together from several. */
export interface ReadBounds {
  readonly records: number;
  readonly bytes: number;
}

/**
 * Reads records from offset `from` (inclusive) to `end` (exclusive) within the bounds, which count bytes of values; one
 * record is given however large it is. Synchronous: mind the bounds.
 */
export function readRecords(
  store: LogStore,
  partition: TopicPartition<Topic>,
  from: number,
  end: number,
  bounds: ReadBounds,
): LoggedRecord[] {
  const records: LoggedRecord[] = [];
  let bytes = 0;
  let isFull = false;
  const take = (record: LoggedRecord): boolean => {
    const isOver = records.length >= bounds.records || bytes + record.value.length > bounds.bytes;
    isFull = record.offset >= end || (isOver && records.length > 0);
    if (isFull) return false;
    records.push(record);
    bytes += record.value.length;
    return true;
  };
  const base = recordKey(partition, 0);
  for (const { key, value } of store.blocks.getRange({ start: firstBlock(store, base, from), end: base + end })) {
    decodeBlock(value, key - base, from, take);
    if (isFull) break;
  }
  return records;
}

/** The key of the block that holds an offset, or of the next one after it. */
function firstBlock(store: LogStore, base: number, from: number): number {
  for (const { key, value } of store.blocks.getRange({
    start: base + from,
    end: base - 0.5,
    reverse: true,
    limit: 1,
  })) {
    if (key + countOf(value) > base + from) return key;
  }
  return base + from;
}
