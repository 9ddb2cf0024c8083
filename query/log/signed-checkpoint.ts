import { verifyCheckpoint } from '../../ledger/verify-evidence.ts';
import type { TrustedLog } from '../../ledger/verify-evidence.ts';
import { Problem } from '../../model/problem.ts';
import type { Reader } from '../../store/query.ts';
import { readCheckpoint } from '../../store/trees/heads.ts';
import type { SignedCheckpoint } from '../../store/trees/heads.ts';

/** The last checkpoint that was signed, verified; undefined where there is none, or nobody is known who signs. */
export async function readSigned(
  reader: Reader,
  trusted: TrustedLog | undefined,
): Promise<SignedCheckpoint | undefined> {
  const stored = trusted && (await readCheckpoint(reader));
  return stored && checkSigned(stored, trusted);
}

/**
 * The same checkpoint, if a key of the log signed it and it says what stands beside it in the store. Else a Problem
 * `internal` with `integrity`: the store was altered, or the keys that are known here are not those of the signer.
 */
export function checkSigned(stored: SignedCheckpoint, trusted: TrustedLog): SignedCheckpoint {
  const { checkpoint, findings } = verifyCheckpoint(stored.note, trusted);
  if (checkpoint && checkpoint.size === stored.size && checkpoint.root.equals(stored.root)) return stored;
  const why = findings[0]?.message ?? 'It is not what stands beside it in the store.';
  throw new Problem(
    'internal',
    `The checkpoint of size ${stored.size} that the store holds is not to be believed. ${why} Either the store was altered, or the signer has a key that this server does not know: custody sign --keys tells it (CUSTODY_LOG_KEYS_FILE).`,
    { integrity: true, size: stored.size },
  );
}

/** What is told where the keys of the signer are not known. */
export function unknownSigner(): Problem {
  return new Problem(
    'not_found',
    'This server does not know who signs the log: CUSTODY_LOG_KEYS_FILE names no keys (custody serve --help).',
  );
}
