import { hash } from 'node:crypto';
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
  return Buffer.from(createSalter(key)(place), 'hex');
}

/** SHA-256 over the salt and the fields, each after its length in bytes (u32, big-endian). */
export function commitOf(salt: Uint8Array, content: LeafContent): Buffer {
  return Buffer.from(createCommitter()(Buffer.from(salt).toString('hex'), content), 'hex');
}

/** The text that a tree holds for a leaf: ASCII, one field a line, about 200 bytes, no free text. `commit` is in hex. */
export function entryOf(place: LeafPlace, type: LeafType, timestampMs: number, commit: string): string {
  return `audit-leaf/v1\n${originOf(place)}\n${place.sourceEpoch}\n${place.topic}\n${place.partition}\n${place.offset}\n${timestampMs}\n${type}\n${commit}\n`;
}

/** RFC 6962: SHA-256(0x00 entry). */
export function hashLeaf(entry: string): Buffer {
  return Buffer.from(hash('sha256', `\u0000${entry}`, 'hex'), 'hex');
}

/** Everything of one leaf, from the place, the time of the log (Unix milliseconds) and the raw bytes. */
export function leafOf(
  key: Uint8Array | KeyObject,
  place: LeafPlace,
  type: LeafType,
  timestampMs: number,
  content: LeafContent,
): Leaf {
  const { salt, commit, entry, leaf } = createLeafHasher(key)(place, type, timestampMs, content);
  return {
    salt: Buffer.from(salt, 'hex'),
    commit: Buffer.from(commit, 'hex'),
    entry,
    leaf: Buffer.from(leaf, 'hex'),
  };
}

/** A leaf with its hashes in hex, as they are stored. */
export type HexLeaf = { readonly [Part in keyof Leaf]: string };

/**
 * Makes leaves one after another, for whoever makes many: what they share is prepared once, and the hashes stay text
 * (a Buffer for each costs more than the hashing, measured at four times as much).
 */
export function createLeafHasher(
  key: Uint8Array | KeyObject,
): (place: LeafPlace, type: LeafType, timestampMs: number, content: LeafContent) => HexLeaf {
  const saltOfPlace = createSalter(key);
  const commit = createCommitter();
  return (place, type, timestampMs, content) => {
    const salt = saltOfPlace(place);
    const committed = commit(salt, content);
    const entry = entryOf(place, type, timestampMs, committed);
    return { salt, commit: committed, entry, leaf: hash('sha256', `\u0000${entry}`, 'hex') };
  };
}

/** A range of offsets that the log does not hold. Its leaf stands at the first of them and has no time. */
export function gapLeafOf(key: Uint8Array | KeyObject, place: LeafPlace, lastOffset: number, reason: string): Leaf {
  const value = Buffer.from(`${place.offset}\n${lastOffset}\n${reason}\n`, 'utf8');
  return leafOf(key, place, 'gap', 0, { key: Buffer.alloc(0), value, headers: frameHeaders([]) });
}

const HMAC_BLOCK = 64;

// HMAC by its definition (RFC 2104) over the one-shot hash: an object of HMAC for each salt costs three times as much.
function createSalter(key: Uint8Array | KeyObject): (place: LeafPlace) => string {
  const bytes = key instanceof Uint8Array ? key : key.export();
  const padded = Buffer.alloc(HMAC_BLOCK);
  padded.set(bytes.length > HMAC_BLOCK ? Buffer.from(hash('sha256', bytes, 'hex'), 'hex') : bytes);
  const outer = Buffer.concat([padded.map((byte) => byte ^ 0x5c), Buffer.alloc(32)]);
  let inner = Buffer.alloc(0);
  let prefix = '';
  return ({ tenant, topic, partition, offset }) => {
    const text = `audit-salt/v1custody.${tenant}${topic}`;
    if (text !== prefix) {
      inner = Buffer.concat([padded.map((byte) => byte ^ 0x36), Buffer.from(text, 'utf8'), Buffer.alloc(12)]);
      prefix = text;
    }
    const numbers = inner.length - 12;
    inner.writeUInt32BE(partition, numbers);
    inner.writeUInt32BE(Math.floor(offset / 2 ** 32), numbers + 4);
    inner.writeUInt32BE(offset % 2 ** 32, numbers + 8);
    outer.write(hash('sha256', inner, 'hex'), HMAC_BLOCK, 'hex');
    return hash('sha256', outer, 'hex').slice(0, 32);
  };
}

const LONGEST_KEPT = 1 << 20;

function createCommitter(): (salt: string, content: LeafContent) => string {
  let frame = Buffer.alloc(0);
  return (salt, { key, value, headers }) => {
    const length = salt.length / 2 + 8 + key.length + value.length + headers.length;
    if (frame.length < length || frame.length > LONGEST_KEPT) frame = Buffer.allocUnsafeSlow(length);
    let end = frame.write(salt, 0, 'hex');
    end = frame.writeUInt32BE(key.length, end);
    frame.set(key, end);
    end = frame.writeUInt32BE(value.length, end + key.length);
    frame.set(value, end);
    frame.set(headers, end + value.length);
    return hash('sha256', frame.subarray(0, length), 'hex');
  };
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
