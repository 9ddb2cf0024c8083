import { createHash } from 'node:crypto';

/** Namespace of Custody's names: made once, never changed, so that the same thing always has the same id. */
const NAMESPACE = Buffer.from('6f1d8c0e51f24ab39a7d3c2be4a0d915', 'hex');

/** A UUID of version 5 (RFC 9562 5.5) over parts that cannot run into each other. */
export function uuid5(...parts: readonly string[]): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(JSON.stringify(parts)).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
