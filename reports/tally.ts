import { createHash } from 'node:crypto';

/** Counts and hashes what flows through it, as a step of a stream pipeline. */
export interface Tally {
  readonly through: (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer, void, undefined>;
  /** Bytes so far and their SHA-256 in hexadecimal; asked once, when all has flowed. */
  total(): { readonly bytes: number; readonly sha256: string };
}

/** A tally of one stream. */
export function createTally(): Tally {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    async *through(chunks) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    total: () => ({ bytes, sha256: hash.digest('hex') }),
  };
}
