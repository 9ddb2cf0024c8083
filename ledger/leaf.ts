import { createHmac, hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/**
 * The leaf of a record (reliability.md 2.2): a salted commitment to the raw bytes, an entry of one place in the log
 * around it, and the RFC 6962 hash of the entry. What is hashed are the bytes that arrived, each field with its length
 * in front, so nothing has to be made canonical and no two splits of the same bytes agree.
 */

export const LEAF_TYPES = ['record', 'gap', 'redaction', 'config', 'checkpoint-note'] as const;
export type LeafType = (typeof LEAF_TYPES)[number];

/** Where a leaf belongs. `cluster` is the origin without topic and partition. */
export interface LeafPlace {
  readonly tenant: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly sourceEpoch: number;
}

export interface LeafContent {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** What `frameHeaders` gives; many records share one. */
  readonly headers: Uint8Array;
}

export interface Leaf {
  readonly salt: Buffer;
  readonly commit: Buffer;
  readonly entry: string;
  readonly leaf: Buffer;
}

/** Headers in the one order in which they are hashed and stored: by name, as UTF-16 code units. */
export function sortHeaders(headers: Readonly<Record<string, string>>): [name: string, value: string][] {
  return Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The name of a partition's tree: `custody.<tenant>/<topic>/<partition>`. */
export function originOf(place: Omit<LeafPlace, 'offset' | 'sourceEpoch'>): string {
  return `custody.${place.tenant}/${place.topic}/${place.partition}`;
}

/** The first 16 bytes of HMAC-SHA-256(key, "audit-salt/v1" cluster topic u32 partition u64 offset), numbers big-endian. */
export function saltOf(key: Uint8Array | KeyObject, place: LeafPlace): Buffer {
  const numbers = Buffer.allocUnsafe(12);
  numbers.writeUInt32BE(place.partition, 0);
  numbers.writeUInt32BE(Math.floor(place.offset / 2 ** 32), 4);
  numbers.writeUInt32BE(place.offset % 2 ** 32, 8);
  const text = `audit-salt/v1custody.${place.tenant}${place.topic}`;
  return createHmac('sha256', key).update(text).update(numbers).digest().subarray(0, 16);
}

/** SHA-256 over the salt and the fields, each after its length in bytes (u32, big-endian). */
export function commitOf(salt: Uint8Array, content: LeafContent): Buffer {
  return hash('sha256', frameOf(salt, content), 'buffer');
}

/** The text that a tree holds for a leaf: ASCII, one field a line, about 200 bytes, no free text. */
export function entryOf(place: LeafPlace, type: LeafType, timestampMs: number, commit: Buffer): string {
  return `audit-leaf/v1\n${originOf(place)}\n${place.sourceEpoch}\n${place.topic}\n${place.partition}\n${place.offset}\n${timestampMs}\n${type}\n${commit.toString('hex')}\n`;
}

/** RFC 6962: SHA-256(0x00 entry). */
export function hashLeaf(entry: string): Buffer {
  return hash('sha256', Buffer.from(`\u0000${entry}`, 'latin1'), 'buffer');
}

/** Everything of one leaf, from the place, the time of the log (Unix milliseconds) and the raw bytes. */
export function leafOf(
  key: Uint8Array | KeyObject,
  place: LeafPlace,
  type: LeafType,
  timestampMs: number,
  content: LeafContent,
): Leaf {
  const salt = saltOf(key, place);
  const commit = commitOf(salt, content);
  const entry = entryOf(place, type, timestampMs, commit);
  return { salt, commit, entry, leaf: hashLeaf(entry) };
}

/** A range of offsets that the log does not hold. Its leaf stands at the first of them and has no time. */
export function gapLeafOf(key: Uint8Array | KeyObject, place: LeafPlace, lastOffset: number, reason: string): Leaf {
  const value = Buffer.from(`${place.offset}\n${lastOffset}\n${reason}\n`, 'utf8');
  return leafOf(key, place, 'gap', 0, { key: Buffer.alloc(0), value, headers: frameHeaders([]) });
}

function frameOf(salt: Uint8Array, { key, value, headers }: LeafContent): Buffer {
  const frame = Buffer.allocUnsafe(salt.length + 8 + key.length + value.length + headers.length);
  frame.set(salt, 0);
  let end = frame.writeUInt32BE(key.length, salt.length);
  frame.set(key, end);
  end = frame.writeUInt32BE(value.length, end + key.length);
  frame.set(value, end);
  frame.set(headers, end + value.length);
  return frame;
}

/** Headers as a commitment covers them: u32 count, then each name and value after its length; in the order of `sortHeaders`. */
export function frameHeaders(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const parts: Buffer[] = [u32(headers.length)];
  for (const [name, value] of headers) {
    const nameBytes = Buffer.from(name, 'utf8');
    const valueBytes = Buffer.from(value, 'utf8');
    parts.push(u32(nameBytes.length), nameBytes, u32(valueBytes.length), valueBytes);
  }
  return Buffer.concat(parts);
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
