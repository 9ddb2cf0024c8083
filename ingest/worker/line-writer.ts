import { createLeafHasher } from '../../ledger/leaf.ts';
import { refOf } from '../../model/position.ts';
import type { Disposition } from '../../model/reason.ts';
import { encodeEvent } from '../../store/encode.ts';
import { encodeRecord } from '../../store/encode-record.ts';
import type { BatchLines } from '../../store/encode.ts';
import type { RecordRow } from '../../store/encode-record.ts';
import { HEADERS } from '../log/event-log.ts';
import type { RecordEnd } from './batch-summary.ts';
import { PARSER_VERSION } from './derive.ts';
import type { Derived } from './derive.ts';
import type { HeaderSet } from './header-sets.ts';
import type { UnpackedRecord } from './pack.ts';
import type { Standing } from './repeats.ts';
import type { TransformJob } from './transform.ts';

/** A record and what it means. */
export interface DerivedRecord {
  readonly record: UnpackedRecord;
  readonly headers: HeaderSet;
  readonly derived: Derived;
}

/** Writes the lines of one record, its leaf among them, and of its events; gives how the record ended. */
export type LineWriter = (
  lines: BatchLines,
  job: TransformJob,
  item: DerivedRecord,
  standings: readonly Standing[],
) => RecordEnd;

/** A writer for the trees of one tenant. */
export function createLineWriter(tenant: string, saltKey: Uint8Array): LineWriter {
  const hashOf = createLeafHasher(saltKey);
  return (lines, job, item, standings) => {
    const { record, derived } = item;
    const firstRef = refOf({ topic: job.topic, partition: job.partition, offset: record.offset });
    const events = derived.ok ? derived.events : [];
    const { receivedAtMs, ingestedAtUs } = record;
    for (const [index, { event, eventId: own, contentHash, texts }] of events.entries()) {
      const standing = standings[index];
      if (!standing) continue;
      const { disposition, firstRef: first, eventId = own } = standing;
      const ref = firstRef + BigInt(index);
      const identity = { tenant, ref, eventId, contentHash, disposition, firstRef: first, receivedAtMs, ingestedAtUs };
      encodeEvent(lines, identity, event, texts, PARSER_VERSION);
    }
    const end: RecordEnd = derived.ok
      ? { status: statusOf(standings), reason: '', detail: '', events: events.length }
      : { status: 'rejected', reason: derived.reason, detail: derived.detail, events: 0 };
    if (job.tables === 'all') encodeRecord(lines.records, recordRow(tenant, hashOf, job, item, firstRef, end));
    return end;
  };
}

function recordRow(
  tenant: string,
  hashOf: ReturnType<typeof createLeafHasher>,
  job: TransformJob,
  item: DerivedRecord,
  ref: bigint,
  end: RecordEnd,
): RecordRow {
  const { record, headers } = item;
  const { topic, partition, sourceEpoch } = job;
  const { offset, value, receivedAtMs } = record;
  const content = { key: record.keyBytes, value, headers: headers.frame };
  const { salt, leaf } = hashOf({ tenant, topic, partition, offset, sourceEpoch }, 'record', receivedAtMs, content);
  const header = (name: string): string => headers.map.get(name) ?? '';
  return {
    tenant,
    topic,
    sourceEpoch,
    partition,
    offset,
    ref,
    receivedAtMs,
    salt,
    leaf,
    value,
    source: header(HEADERS.source),
    instance: header(HEADERS.instance),
    delivery: header(HEADERS.delivery),
    ingestedAtUs: record.ingestedAtUs,
    writerEpoch: job.writerEpoch,
    key: record.keyBytes,
    headers: headers.text,
    status: end.status,
    reason: end.reason,
    detail: end.detail,
    events: end.events,
  };
}

/** A record of several events shows the worst of them: a conflict must be seen, a repeat beside new events need not. */
function statusOf(standings: readonly Standing[]): Disposition {
  if (standings.some(({ disposition }) => disposition === 'conflict')) return 'conflict';
  return standings.length > 0 && standings.every(({ disposition }) => disposition === 'duplicate')
    ? 'duplicate'
    : 'accepted';
}
