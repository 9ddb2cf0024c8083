import { createHash } from 'node:crypto';

const DIGEST_BYTES = 16;
const MOST = 50_000;

/**
 * The records that a poll has taken in lately, by the digest of their redacted bytes, so that an overlap that is read
 * again and again does not fill the log with repeats. A record that has changed has another digest and is taken in: the
 * worker says whether it is a version or a conflict. What is forgotten is taken in again, and counted as a duplicate.
 */
export interface Seen {
  /** Whether these bytes are known; if not, they are held as met until `keep` or `drop` says what became of them. */
  meets(value: Buffer): boolean;
  /** What was met is durable. */
  keep(): void;
  /** What was met is not. */
  drop(): void;
  /** Forgets what this round, which met everything that can come again, did not meet. */
  endRound(): void;
  /** As text; the same text as long as nothing has changed. */
  text(): string;
}

/** Opens what `text` gave; empty for anything else. */
export function openSeen(text: string | undefined): Seen {
  const known = new Set<string>();
  for (const [digest] of (text ?? '').matchAll(/[\w-]{22}/g)) known.add(digest);
  const inRound = new Set<string>();
  let met = new Set<string>();
  return {
    meets(value) {
      const digest = createHash('sha256').update(value).digest().subarray(0, DIGEST_BYTES).toString('base64url');
      inRound.add(digest);
      if (known.has(digest) || met.has(digest)) return true;
      met.add(digest);
      return false;
    },
    keep() {
      for (const digest of met) known.add(digest);
      met = new Set();
      // A set gives its members in the order in which they came: the oldest go first.
      for (const digest of known) {
        if (known.size <= MOST) break;
        known.delete(digest);
      }
    },
    drop() {
      for (const digest of met) inRound.delete(digest);
      met = new Set();
    },
    endRound() {
      for (const digest of known) if (!inRound.has(digest)) known.delete(digest);
      inRound.clear();
    },
    text: () => [...known].join(''),
  };
}
