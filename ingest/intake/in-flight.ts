import { Problem } from '../../model/problem.ts';

/** Bounds the bytes of bodies that are held at once, so that many large senders cannot exhaust the memory. */
export interface InFlight {
  /** Takes bytes; throws `too_many_requests` if the bound would be passed. Gives what returns them, harmless to call twice. */
  take(bytes: number): () => void;
  readonly held: number;
}

/** A gate of at most `limit` bytes. A single body always fits when nothing else is held. */
export function createInFlight(limit: number): InFlight {
  let held = 0;
  return {
    get held() {
      return held;
    },
    take(bytes) {
      if (held > 0 && held + bytes > limit) {
        throw new Problem(
          'too_many_requests',
          'Too many bytes are being taken in at once; send this again a little later.',
          { retry_after_s: 1 },
        );
      }
      held += bytes;
      let returned = false;
      return () => {
        if (!returned) held -= bytes;
        returned = true;
      };
    },
  };
}
