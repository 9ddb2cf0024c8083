import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { syncFolder, writeSynced } from '../ledger/key-file.ts';
import { Problem } from '../model/problem.ts';

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const stateSchema = z.strictObject({
  size,
  root: hex32,
  trees: z.record(z.string(), z.strictObject({ size, root: hex32 })),
});

/** What was signed last: size and root of the log of checkpoints, and of each tree by its origin. Roots are hex. */
export type SignerState = z.infer<typeof stateSchema>;

export interface SignerStateFile {
  read(): SignerState;
  /** Resolves when it is on the disk. */
  write(state: SignerState): Promise<void>;
}

const NONE: SignerState = { size: 0, root: '0'.repeat(64), trees: {} };

/**
 * The memory of the signer, in `<folder>/keys/signed.json`: beside the key and apart from the store, so that a store that
 * was put back to an earlier state is noticed. A file that cannot be read is refused (`configuration`): to go on without
 * it would mean to sign whatever is there.
 */
export async function openSignerState(folder: string): Promise<SignerStateFile> {
  const path = join(folder, 'keys', 'signed.json');
  let state = await readState(path);
  return {
    read: () => state,
    async write(next) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const draft = `${path}.${randomBytes(6).toString('hex')}`;
      await writeSynced(draft, `${JSON.stringify(next)}\n`);
      await rename(draft, path);
      await syncFolder(dirname(path));
      state = next;
    },
  };
}

async function readState(path: string): Promise<SignerState> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Problem('configuration', 'What was signed last (keys/signed.json) cannot be read.', {}, error);
  });
  if (text === undefined) return NONE;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Problem('configuration', 'What was signed last (keys/signed.json) is damaged.', {}, error);
  }
}
