import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { contentHashOf, eventIdOf } from '../../model/event-id.ts';
import type { AuditEvent } from '../../model/event.ts';
import { refOf } from '../../model/position.ts';
import type { Micros } from '../../model/time.ts';
import type { Store } from '../../store/clickhouse.ts';
import { createBatchLines, encodeEvent, textsOf } from '../../store/encode.ts';
import { encodeRecord } from '../../store/encode-record.ts';
import { openRowFile } from '../../store/row-file.ts';
import { EDGES, EVENT_KEYS, EVENTS, insertInto, RECORDS } from '../../store/tables.ts';

export interface Filled {
  readonly tenant: string;
  readonly folder: string;
  /** When Custody received an event, microseconds UTC; when it happened, by default. */
  readonly received?: (event: AuditEvent) => Micros;
}

/**
 * Puts events into a store as the worker would: a record of made-up bytes for each, the event, its keys and edges. The
 * place in the log is the topic of the family and the event's index in the list, as in `graphOf`.
 */
export async function fillStore(store: Store, events: readonly AuditEvent[], options: Filled): Promise<void> {
  const fileOf = (name: string): string => join(options.folder, name);
  const files = { records: openRowFile(fileOf('records')), events: openRowFile(fileOf('events')), edges: openRowFile(fileOf('edges')) }; // prettier-ignore
  const lines = createBatchLines({
    records: files.records.write,
    events: files.events.write,
    edges: files.edges.write,
  });
  for (const [offset, event] of events.entries()) {
    const receivedAtMs = Math.floor((options.received?.(event) ?? event.occurred.at) / 1_000);
    const ref = refOf({ topic: event.family, partition: 0, offset });
    const value = Buffer.from(JSON.stringify({ id: event.nativeId, type: event.type }));
    const leaf = createHash('sha256').update(value).digest('hex');
    const place = { tenant: options.tenant, ref, receivedAtMs, ingestedAtUs: receivedAtMs * 1_000 };
    encodeRecord(lines.records, {
      ...place, topic: event.family, sourceEpoch: 1, partition: 0, offset, source: event.source, instance: event.instance, delivery: 'import',
      writerEpoch: 1, status: 'accepted', reason: '', detail: '', events: 1, key: Buffer.from(event.instance), headers: Buffer.from('{}'), salt: '0'.repeat(32), leaf, value,
    }); // prettier-ignore
    const identity = { eventId: eventIdOf(options.tenant, event), contentHash: contentHashOf(event) };
    encodeEvent(lines, { ...place, ...identity, disposition: 'accepted', firstRef: ref }, event, textsOf(event), '1');
  }
  for (const [spec, name] of [
    [RECORDS, 'records'],
    [EVENTS, 'events'],
    [EDGES, 'edges'],
  ] as const) {
    lines[name].rows.flush();
    files[name].close();
    const { structure } = spec;
    await store.writer.insertFile({ into: insertInto(spec), where: '', structure, file: fileOf(name), params: {} });
  }
  await store.writer.run(`${insertInto(EVENT_KEYS)} FROM ${EVENT_KEYS.source} WHERE ${EVENT_KEYS.only}`);
}
