import { TOKEN_BOUNDS } from '../../model/token-event.ts';
import type { Source } from '../../model/source.ts';

const MEBIBYTE = 1_048_576;

/**
 * The largest body of one delivery, by what the sender itself can send: GitLab cuts its hooks and streams off at 25 MB
 * (sources.md 1.1, 1.3), an API server's audit batch is at most 10 MiB by its own default, CloudEvents have the bounds of
 * the contract. The others send a page or a few lines: 8 MiB is far above what was measured, and small enough to hold
 * several at once. Bodies above it are for `custody import`, which streams.
 */
const MAX_BODY: Partial<Record<Source, number>> = {
  'gitlab.audit-stream': 25 * MEBIBYTE,
  'gitlab.audit-rest': 25 * MEBIBYTE,
  'gitlab.webhook': 25 * MEBIBYTE,
  'kubernetes.audit': 16 * MEBIBYTE,
  'issuer.cloudevents': TOKEN_BOUNDS.batchBytes,
};

/** Bytes that one delivery of a source may have. */
export function maxBodyOf(source: Source): number {
  return MAX_BODY[source] ?? 8 * MEBIBYTE;
}

/** A file that a connector fetched: CloudTrail writes up to 50 MB, compressed to less (sources.md 1.8). */
export const MAX_FETCHED_BYTES = 64 * MEBIBYTE;

/** What is held of an import at once: a chunk is appended when it has this many records or bytes. */
export const IMPORT_CHUNK = { records: 2_000, bytes: 4 * MEBIBYTE } as const;

/** The longest single record of an imported file, and the longest line of a file of captured deliveries. */
export const MAX_RECORD_BYTES = 25 * MEBIBYTE;
export const MAX_CAPTURED_BYTES = 2 * MAX_FETCHED_BYTES;

/** What a compressed upload may grow to: 20 GiB in all; memory is bounded by the chunks, this only ends a bomb. */
export const MAX_INFLATED_BYTES = 20 * 1_024 * MEBIBYTE;

/** Bodies held at once over all senders. */
export const MAX_BYTES_IN_FLIGHT = 64 * MEBIBYTE;
