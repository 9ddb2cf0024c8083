import { emptyPolicy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import type { Family } from '../../model/source.ts';
import type { Settled } from '../../ingest/intake/deps.ts';
import type { AppendedRange, EventLog, LoggedRecord, LogRecord } from '../../ingest/log/event-log.ts';
import type { LocalIndex, Verdict } from '../../ingest/log/local-index.ts';
import { deriveRecord } from '../../ingest/worker/derive.ts';
import { adapterFor } from '../../ingest/sources/registry.ts';

export interface FakeLog extends Pick<EventLog, 'append'> {
  readonly index: LocalIndex;
  /** Everything that was appended, by topic, in order. */
  readonly topics: Map<Family, LoggedRecord[]>;
  readonly all: () => LoggedRecord[];
  /** Makes every append from now on fail, or work again. */
  readonly break: (broken: boolean) => void;
  /** Counts how the records of these ranges would end: by the adapters, and by whether the event was seen before. */
  readonly settle: (ranges: readonly AppendedRange[]) => Promise<Settled>;
}

/** The log in memory, with the index beside it, and a worker of a few lines. */
export function createFakeLog(tenant = 'acme'): FakeLog {
  const topics = new Map<Family, LoggedRecord[]>();
  const cursors = new Map<string, number>();
  const identities = new Map<string, string>();
  const notes = new Map<string, string>();
  let broken = false;
  const append = async (topic: Family, _key: string, records: readonly LogRecord[]): Promise<AppendedRange> => {
    if (broken) throw new Error('ENOSPC: no space left on device, write /secret/path/data.mdb');
    const held = topics.get(topic) ?? [];
    topics.set(topic, held);
    const firstOffset = held.length;
    for (const record of records) held.push({ ...record, offset: held.length });
    return { topic, partition: 0, firstOffset, lastOffset: held.length - 1 };
  };
  const index: LocalIndex = {
    cursor: (name) => cursors.get(name) ?? 0,
    async appendAt(topic, key, records, cursor) {
      if ((cursors.get(cursor.name) ?? 0) !== cursor.from) throw new Problem('conflict', 'the cursor stands elsewhere');
      const range = await append(topic, key, records);
      cursors.set(cursor.name, cursor.to);
      return range;
    },
    async appendIdentified(topic, key, records) {
      const appended = await append(topic, key, records);
      const verdicts = records.map(({ identity }): Verdict => {
        const known = identities.get(identity.name);
        if (known === undefined) identities.set(identity.name, identity.hash);
        return known === undefined ? 'new' : known === identity.hash ? 'repeat' : 'conflict';
      });
      return { verdicts, appended };
    },
    note: (name) => notes.get(name),
    async remember({ name, text }) {
      if (broken) throw new Error('ENOSPC: no space left on device, write /secret/path/data.mdb');
      notes.set(name, text);
    },
    async appendNoted(topic, key, records, { name, text }) {
      const range = await append(topic, key, records);
      notes.set(name, text);
      return range;
    },
  };
  const seen = new Map<string, { readonly hash: string; readonly at: string }>();
  const settleRecord = (record: LoggedRecord, at: string): string => {
    const input = {
      headers: new Map(Object.entries(record.headers)),
      receivedAtMs: record.timestampMs,
      value: record.value,
    };
    const derived = deriveRecord(input, { tenant, policy: emptyPolicy(), adapterFor });
    if (!derived.ok) return derived.reason;
    const [event] = derived.events;
    if (!event) return 'accepted';
    const known = seen.get(event.eventId);
    if (!known) seen.set(event.eventId, { hash: event.contentHash, at });
    if (!known || known.at === at) return 'accepted';
    return known.hash === event.contentHash ? 'duplicate' : 'conflict';
  };
  return {
    append,
    index,
    topics,
    all: () => [...topics.values()].flat(),
    break: (now) => void (broken = now),
    async settle(ranges) {
      const counts = { accepted: 0, duplicate: 0, conflict: 0 };
      const rejected: Record<string, number> = {};
      for (const { topic, firstOffset, lastOffset } of ranges) {
        for (const record of (topics.get(topic) ?? []).slice(firstOffset, lastOffset + 1)) {
          const end = settleRecord(record, `${topic}/${record.offset}`);
          if (end === 'accepted' || end === 'duplicate' || end === 'conflict') counts[end] += 1;
          else rejected[end] = (rejected[end] ?? 0) + 1;
        }
      }
      return { ...counts, rejected };
    },
  };
}
