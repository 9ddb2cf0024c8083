import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { AuditEvent } from './event.ts';

/**
 * The logical identity of an event: UUIDv8 from the first 16 bytes of SHA-256(tenant, family, instance, dedupe key),
 * separated by NUL (sources.md 2.3). The same happening from hook and poll has the same id.
 */
export function eventIdOf(tenant: string, event: Pick<AuditEvent, 'family' | 'instance' | 'dedupeKey'>): string {
  const hex = hash('sha256', `${tenant}\u0000${event.family}\u0000${event.instance}\u0000${event.dedupeKey}`, 'hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** First 16 bytes (32 hex digits) of the SHA-256 of the content: two deliveries of one id with different values are a conflict. */
export function contentHashOf(event: Pick<AuditEvent, 'content'>): string {
  return hash('sha256', canonicalJson(event.content), 'hex').slice(0, 32);
}
