import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { BinaryRows } from './binary-rows.ts';
import type { Query } from './query.ts';
import type { Session } from './session.ts';
import type { TableSpec } from './tables.ts';

/** What a range of a table holds, in numbers that sender and engine compute independently of one another. */
export interface Digest {
  readonly rows: number;
  /** Distinct places (offset or ref). */
  readonly places: number;
  readonly first: bigint;
  readonly last: bigint;
  /** Sum over the contents of all rows, below 2^64. */
  readonly sum: bigint;
}

export const NOTHING: Digest = { rows: 0, places: 0, first: 0n, last: 0n, sum: 0n };

/** Rows of a table: a condition with its parameters. */
export interface RowRange {
  readonly where: string;
  readonly params: Query<unknown>['params'];
}

const integer = z.string().transform((text) => BigInt(text));
const row = z.object({
  rows: z.string().transform(Number),
  places: z.string().transform(Number),
  first: integer,
  last: integer,
  sum: integer,
});

/** Reads back what the table holds in a range (W5 of reliability.md 1.4). */
export async function readDigest(session: Pick<Session, 'read'>, spec: TableSpec, range: RowRange): Promise<Digest> {
  const sql = `SELECT count() AS rows, uniqExact(${spec.place}) AS places, toUInt64(min(${spec.place})) AS first, toUInt64(max(${spec.place})) AS last,
    toUInt64(sum(${spec.check})) AS sum FROM ${spec.table} WHERE ${range.where}`;
  const [found] = await session.read({ sql, params: range.params, row });
  return found ?? NOTHING;
}

/** Whether two digests agree in everything. */
export function sameDigest(a: Digest, b: Digest): boolean {
  return a.rows === b.rows && a.places === b.places && a.first === b.first && a.last === b.last && a.sum === b.sum;
}

/** Rows of one table on their way, and what a read-back must find. */
export interface TableRows {
  readonly rows: BinaryRows;
  readonly digest: DigestBuilder;
}

/** The engine's `CRC32` of a text in UTF-8, or of bytes. */
export function crcOf(text: string | Uint8Array): number {
  return crc32(text);
}

/** Gathers the digest of rows as they are made. Rows come in order of place. */
export interface DigestBuilder {
  add(place: bigint, check: number): void;
  digest(): Digest;
}

/** An empty digest to add rows to; `check` is a whole number below 2^50. */
export function createDigest(): DigestBuilder {
  let rows = 0;
  let places = 0;
  let first = 0n;
  let last = -1n;
  let sum = 0n;
  let partial = 0;
  return {
    add(place, check) {
      if (rows === 0) first = place;
      if (place !== last) places += 1;
      last = place;
      rows += 1;
      partial += check;
      if (partial > 2 ** 52) {
        sum += BigInt(partial);
        partial = 0;
      }
    },
    digest: () => (rows === 0 ? NOTHING : { rows, places, first, last, sum: sum + BigInt(partial) }),
  };
}
