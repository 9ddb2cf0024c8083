import { join } from 'node:path';
import { DEAD_LETTERS } from '../../model/source.ts';
import type { Topic } from '../../model/source.ts';
import { Problem } from '../../model/problem.ts';
import type { AppendedRange, LogRecord } from './event-log.ts';
import type { EmbeddedLog, Identity, LocalIndex, Verdict } from './local-index.ts';
import { startConsumer } from './log-consumer.ts';
import { FACT, firstOffsetOf, openLogStore } from './log-store.ts';
import { createLogWriter } from './log-writer.ts';
import type { LogWriter, PendingFacts } from './log-writer.ts';
import type { LogStore } from './log-store.ts';
import { partitionOf } from './partition-of.ts';

export interface EmbeddedLogOptions {
  /** The data folder, which this process must own (folder.ts). The log lies in `log/` below it, and is made there. */
  readonly folder: string;
  /** Partitions of each topic, fixed when the log is made; 1 if not given. */
  readonly partitions?: number;
}

/**
 * Opens the durable log in a folder: EventLog on LMDB, with the index beside it. An append is one transaction, synced to
 * the disk before it resolves; appends that wait for the same sync share it. Problems: `configuration` for a log of
 * another make, `unavailable` when it is closed or the disk refuses.
 */
export function openEmbeddedLog({ folder, partitions }: EmbeddedLogOptions): EmbeddedLog {
  const store = openLogStore(join(folder, 'log'), partitions);
  const writer = createLogWriter(store);
  const consumers = new Set<() => Promise<void>>();
  const placeOf: PlaceOf = (topic, key) => ({ topic, partition: partitionOf(key, store.partitions) });

  return {
    async append(topic, partitionKey, records) {
      return rangeOf(await writer.append({ ...placeOf(topic, partitionKey), records }));
    },
    async announce(partitionKey, records) {
      return rangeOf(await writer.append({ ...placeOf(DEAD_LETTERS, partitionKey), records }));
    },
    partitions: () => store.partitions,
    startOffset: async (partition) => firstOffsetOf(store, partition, writer.end(partition)),
    endOffset: async (partition) => writer.end(partition),
    async consume(options, handler) {
      const consumer = startConsumer(store, writer, options, handler);
      const stop = async (): Promise<void> => {
        consumers.delete(stop);
        await consumer.stop();
      };
      consumers.add(stop);
      return { ...consumer, stop };
    },
    committed: (group, partition) => Number(store.facts.get(FACT.group(group, partition)) ?? 0),
    index: createIndex(store, writer, placeOf),
    async close() {
      await Promise.all([...consumers].map((stop) => stop()));
      await writer.close();
      await store.close();
    },
  };
}

type PlaceOf = <T extends Topic>(topic: T, key: string) => { topic: T; partition: number };

function createIndex(store: LogStore, writer: LogWriter, placeOf: PlaceOf): LocalIndex {
  return {
    cursor: (name) => Number(store.facts.get(FACT.cursor(name)) ?? 0),
    async appendAt(topic, partitionKey, records, { name, from, to }) {
      const decide = (facts: PendingFacts): boolean => {
        const at = Number(facts.get(FACT.cursor(name)) ?? 0);
        if (at !== from) throw new Problem('conflict', `the import stands at ${at}, not at ${from}`, { at, from });
        facts.set(FACT.cursor(name), to);
        return true;
      };
      return rangeOf(await writer.append({ ...placeOf(topic, partitionKey), records, decide }));
    },
    async appendIdentified(topic, partitionKey, records, conflicts) {
      let verdicts: readonly Verdict[] = [];
      const decide = (facts: PendingFacts): boolean => {
        const identities = records.map((record) => record.identity);
        verdicts = judge(identities, facts);
        if (conflicts === 'refuse' && verdicts.includes('conflict')) return false;
        identities.forEach(({ name, hash }, index) => {
          if (verdicts[index] === 'new') facts.set(FACT.identity(name), hash);
        });
        return true;
      };
      const appended = await writer.append({ ...placeOf(topic, partitionKey), records: records.map(plain), decide });
      return appended === undefined ? { verdicts } : { verdicts, appended };
    },
    note(name) {
      const text = store.facts.get(FACT.note(name));
      return typeof text === 'string' ? text : undefined;
    },
    async remember({ name, text }) {
      const decide = (facts: PendingFacts): boolean => {
        facts.set(FACT.note(name), text);
        return false;
      };
      await writer.append({ ...placeOf('custody.self', name), records: [], decide });
    },
    async appendNoted(topic, partitionKey, records, { name, text }) {
      const decide = (facts: PendingFacts): boolean => {
        facts.set(FACT.note(name), text);
        return true;
      };
      return rangeOf(await writer.append({ ...placeOf(topic, partitionKey), records, decide }));
    },
  };
}

/** A verdict for each identity, by what is known and by those before it in the same call. */
function judge(identities: readonly Identity[], facts: PendingFacts): Verdict[] {
  const inCall = new Map<string, string>();
  return identities.map(({ name, hash }) => {
    const known = inCall.get(name) ?? facts.get(FACT.identity(name));
    if (known === undefined) inCall.set(name, hash);
    return known === undefined ? 'new' : known === hash ? 'repeat' : 'conflict';
  });
}

function plain({ timestampMs, key, value, headers }: LogRecord): LogRecord {
  return { timestampMs, key, value, headers };
}

function rangeOf<T extends Topic>(range: AppendedRange<T> | undefined): AppendedRange<T> {
  if (range === undefined) throw new Problem('internal', 'an append without a condition appended nothing');
  return range;
}
