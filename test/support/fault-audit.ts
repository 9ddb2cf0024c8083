import { openTreeKeeper } from '../../ingest/trees/tree-keeper.ts';
import type { EventLog, LoggedRecord, TopicPartition } from '../../ingest/log/event-log.ts';
import { SOURCE_EPOCH } from '../../ingest/worker/worker.ts';
import { frameHeaders, gapLeafOf, leafOf, sortHeaders } from '../../ledger/leaf.ts';
import { rootOfLeaves } from '../../ledger/tree.ts';
import { emptyPolicy } from '../../model/policy.ts';
import type { Family } from '../../model/source.ts';
import type { Store } from '../../store/clickhouse.ts';
import { readLastStep } from '../../store/trees/steps.ts';
import { SALT_KEY, scalar } from './ingest-harness.ts';

/** A range of offsets without a record that a test expects to be explained, with its reason. */
export type ExpectedGap = readonly [first: number, last: number, reason: string];

export interface AuditOptions {
  readonly topic?: Family;
  /** By partition; none where left out. */
  readonly gaps?: Readonly<Record<number, readonly ExpectedGap[]>>;
  /** Records that stand in the store and that the log no longer holds (retention), by partition. */
  readonly kept?: Readonly<Record<number, readonly LoggedRecord[]>>;
  /** Copies that fenced writers brought, which the seal must find; 0 where left out. */
  readonly dups?: number;
}

/**
 * What of "nothing lost, nothing twice, the same root, no unexplained gap" does not hold: one line a finding, none where
 * all is well. The log is read by a reader of its own and the leaves are computed from what it holds, by the ledger's
 * format alone: neither the worker nor what it noted is asked.
 */
export async function auditStore(store: Store, log: EventLog, options: AuditOptions = {}): Promise<string[]> {
  const topic = options.topic ?? 'aws.cloudtrail';
  const findings: string[] = [];
  const truth = await readWhole(log, topic);
  const keeper = await openTreeKeeper({ store });
  try {
    for (const [partition, held] of truth) {
      const place = { topic, partition };
      const records = [...(options.kept?.[partition] ?? []), ...held];
      const gaps = options.gaps?.[partition] ?? [];
      findings.push(...(await auditRecords(store, place, records, gaps)));
      const end = Math.max(-1, ...records.map(({ offset }) => offset), ...gaps.map(([, last]) => last)) + 1;
      if (end > 0) keeper.covered({ ...place, sourceEpoch: SOURCE_EPOCH }, end, 1_000_000);
    }
    await keeper.sealed().catch((error: unknown) => findings.push(`not sealed: ${String(error)}`));
    for (const [partition, held] of truth) {
      const records = [...(options.kept?.[partition] ?? []), ...held];
      findings.push(...(await auditRoot(store, { topic, partition }, records, options.gaps?.[partition] ?? [])));
    }
  } finally {
    await keeper.close();
  }
  findings.push(...(await auditCounts(store, options.dups ?? 0)));
  return findings;
}

/** Everything that a topic holds, by partition, read by a member of a group of its own. */
export async function readWhole(log: EventLog, topic: Family): Promise<Map<number, LoggedRecord[]>> {
  const read = new Map<number, LoggedRecord[]>();
  const ends = new Map<number, number>();
  for (let partition = 0; partition < log.partitions(topic); partition += 1) {
    read.set(partition, []);
    const [start, end] = [await log.startOffset({ topic, partition }), await log.endOffset({ topic, partition })];
    if (end > start) ends.set(partition, end);
  }
  if (ends.size === 0) return read;
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  const consumer = await log.consume(
    { group: `audit-${Math.random()}`, topics: [topic] },
    {
      assigned: async (place) => log.startOffset(place),
      async batch({ partition, records, lastOffset }) {
        read.get(partition)?.push(...records.filter(({ offset }) => offset < (ends.get(partition) ?? 0)));
        if (lastOffset + 1 >= (ends.get(partition) ?? 0)) ends.delete(partition);
        if (ends.size === 0) finish();
      },
    },
  );
  await done;
  await consumer.stop();
  return read;
}

async function auditRecords(
  store: Store,
  { topic, partition }: TopicPartition,
  records: readonly LoggedRecord[],
  gaps: readonly ExpectedGap[],
): Promise<string[]> {
  const where = `topic = '${topic}' AND partition = ${partition}`;
  const rows = await scalar(
    store,
    `SELECT offset, groupUniqArray(lower(hex(leaf)))[1], uniqExact(leaf), count() - uniqExact(ingested_at, writer_epoch) FROM records WHERE ${where} GROUP BY offset ORDER BY offset`,
  );
  const held = new Map(
    rows
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [offset = '', leaf = '', leaves = '', again = ''] = line.split('\t');
        return [Number(offset), { leaf, isOne: leaves === '1' && again === '0' }] as const;
      }),
  );
  const name = `${topic}/${partition}`;
  const findings: string[] = [];
  for (const record of records) {
    const found = held.get(record.offset);
    held.delete(record.offset);
    if (!found) findings.push(`lost: ${name}/${record.offset}`);
    else if (!found.isOne) findings.push(`twice: ${name}/${record.offset}`);
    else if (found.leaf !== leafOfRecord({ topic, partition }, record).toString('hex'))
      findings.push(`altered: ${name}/${record.offset}`);
  }
  for (const offset of held.keys()) findings.push(`invented: ${name}/${offset}`);
  const explained = await scalar(
    store,
    `SELECT groupArray((first_offset, last_offset, reason)) FROM (SELECT * FROM gaps WHERE ${where} ORDER BY first_offset)`,
  );
  const expected = `[${gaps.map(([first, last, reason]) => `(${first},${last},'${reason}')`).join(',')}]`;
  if (explained !== expected) findings.push(`gaps: ${name} has ${explained}, expected ${expected}`);
  return findings;
}

async function auditRoot(
  store: Store,
  place: TopicPartition,
  records: readonly LoggedRecord[],
  gaps: readonly ExpectedGap[],
): Promise<string[]> {
  const leaves = [
    ...records.map((record) => ({ at: record.offset, leaf: leafOfRecord(place, record) })),
    ...gaps.map(([first, last, reason]) => ({
      at: first,
      leaf: gapLeafOf(SALT_KEY, leafPlace(place, first), last, reason).leaf,
    })),
  ].toSorted((a, b) => a.at - b.at);
  const step = await readLastStep(store.reader, { ...place, sourceEpoch: SOURCE_EPOCH });
  const expected = leaves.length === 0 ? undefined : rootOfLeaves(leaves.map(({ leaf }) => leaf)).toString('hex');
  const found = step?.root.toString('hex');
  return found === expected ? [] : [`root: ${place.topic}/${place.partition} has ${found}, expected ${expected}`];
}

const leafPlace = ({ topic, partition }: TopicPartition, offset: number) => ({
  tenant: emptyPolicy().tenant,
  topic,
  partition,
  offset,
  sourceEpoch: SOURCE_EPOCH,
});

function leafOfRecord(place: TopicPartition, record: LoggedRecord): Buffer {
  const content = {
    key: Buffer.from(record.key, 'utf8'),
    value: record.value,
    headers: frameHeaders(sortHeaders(record.headers)),
  };
  return leafOf(SALT_KEY, leafPlace(place, record.offset), 'record', record.timestampMs, content).leaf;
}

/** Copies that were found and recorded, and what is counted: each event once, and as many events as their records say. */
async function auditCounts(store: Store, dups: number): Promise<string[]> {
  const findings: string[] = [];
  const expect = async (what: string, sql: string, wanted: string): Promise<void> => {
    const found = await scalar(store, sql);
    if (found !== wanted) findings.push(`${what}: ${found}, expected ${wanted}`);
  };
  await expect('copies that the seal recorded', 'SELECT sum(copies) FROM dups', String(dups));
  await expect(
    'copies that stand in the store',
    'SELECT count() - uniqExact(topic, partition, offset) FROM records',
    String(dups),
  );
  await expect('references of events that stand twice', 'SELECT count() - uniqExact(ref) FROM events', '0');
  await expect(
    'events that are counted twice',
    "SELECT count() - uniqExact(event_id) FROM events WHERE disposition = 'accepted'",
    '0',
  );
  await expect(
    'records whose events are not there',
    `SELECT count() FROM (SELECT ref, any(events) AS said FROM records GROUP BY ref) AS r LEFT JOIN
      (SELECT bitShiftLeft(bitShiftRight(ref, 12), 12) AS record, count() AS held FROM events GROUP BY record) AS e ON r.ref = e.record WHERE r.said != e.held`,
    '0',
  );
  return findings;
}
