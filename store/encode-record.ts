import type { Disposition } from '../model/reason.ts';
import { crcOf } from './digest.ts';
import type { TableRows } from './digest.ts';

/** A record as it is stored. Times: milliseconds and microseconds since 1970, UTC. */
export interface RecordRow {
  readonly tenant: string;
  readonly topic: string;
  readonly sourceEpoch: number;
  readonly partition: number;
  readonly offset: number;
  readonly ref: bigint;
  readonly source: string;
  readonly instance: string;
  readonly delivery: string;
  readonly receivedAtMs: number;
  readonly ingestedAtUs: number;
  readonly writerEpoch: number;
  readonly status: Disposition;
  readonly reason: string;
  readonly detail: string;
  readonly events: number;
  readonly key: Uint8Array;
  /** JSON in UTF-8. */
  readonly headers: Uint8Array;
  /** Hex. */
  readonly salt: string;
  readonly leaf: string;
  readonly value: Uint8Array;
}

/** How the tables number dispositions. */
export const STATUS: Record<Disposition, number> = { accepted: 1, duplicate: 2, conflict: 3, rejected: 4 };

/** Adds a record, column by column as `RECORDS.structure` names them. */
export function encodeRecord({ rows, digest }: TableRows, row: RecordRow): void {
  rows.text(row.tenant);
  rows.text(row.topic);
  rows.uint16(row.sourceEpoch);
  rows.uint16(row.partition);
  rows.int64(row.offset);
  rows.uint64(row.ref);
  rows.text(row.source);
  rows.text(row.instance);
  rows.text(row.delivery);
  rows.int64(row.receivedAtMs);
  rows.int64(row.ingestedAtUs);
  rows.int64(row.writerEpoch);
  rows.int8(STATUS[row.status]);
  rows.text(row.reason);
  rows.text(row.detail);
  rows.uint16(row.events);
  rows.string(row.key);
  rows.string(row.headers);
  rows.fixed(row.salt);
  rows.fixed(row.leaf);
  rows.string(row.value);
  digest.add(BigInt(row.offset), leafCheck(row.leaf) + crcOf(row.value));
}

// The first six bytes of the leaf as a little-endian number, which is what `records.check` of tables.ts adds up.
function leafCheck(leaf: string): number {
  const low = Number.parseInt(leaf.slice(0, 8), 16);
  const high = Number.parseInt(leaf.slice(8, 12), 16);
  const swapped = ((low & 0xff) << 24) | ((low & 0xff00) << 8) | ((low >>> 8) & 0xff00) | (low >>> 24);
  return (((high & 0xff) << 8) | (high >>> 8)) * 2 ** 32 + (swapped >>> 0);
}
