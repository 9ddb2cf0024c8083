import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { AuditEvent } from './event.ts';

/**
 * The logical identity of an event: UUIDv8 from the first 16 bytes of SHA-256(tenant, family, instance, dedupe key),
 * separated by NUL (sources.md 2.3). The same happening from hook and poll has the same id.
 */
export function eventIdOf(tenant: string, event: Pick<AuditEvent, 'family' | 'instance' | 'dedupeKey'>): string {
  const hash = createHash('sha256').update([tenant, event.family, event.instance, event.dedupeKey].join('\u0000')).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** First 16 bytes (32 hex digits) of the SHA-256 of the content: two deliveries of one id with different values are a conflict. */
export function contentHashOf(event: Pick<AuditEvent, 'content'>): string {
  return createHash('sha256').update(canonicalJson(event.content)).digest('hex').slice(0, 32);
}
