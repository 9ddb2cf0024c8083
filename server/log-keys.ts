import { takeFolder } from '../ingest/folder.ts';
import { logOriginOf } from '../ledger/checkpoint.ts';
import type { LogKeys } from '../ledger/evidence.ts';
import { verifierKeyOf } from '../ledger/note.ts';
import { openSigningKeys, toJwk } from '../ledger/signing-key.ts';
import type { PublicLogKey } from '../ledger/signing-key.ts';
import { Problem } from '../model/problem.ts';

/** The public keys of a log as they are published (ledger/README.md), for receipts and for checkpoints. */
export function publishedOf(tenant: string, keys: readonly PublicLogKey[]): LogKeys {
  const origin = logOriginOf(tenant);
  return {
    origin,
    keys: keys.map((key) => ({ ...toJwk(key) })),
    verifiers: keys.map(({ publicKey }) => verifierKeyOf(origin, publicKey)),
  };
}

/**
 * The public keys of a folder, those that no longer sign included, also while a process works with it. A folder that is not
 * there yet is made with its key, so that the keys can be published before anything is signed.
 */
export async function readFolderKeys(path: string, tenant: string): Promise<LogKeys> {
  const folder = takeFree(path);
  try {
    const { active, retired } = await openSigningKeys(path);
    return publishedOf(tenant, [active, ...retired]);
  } finally {
    await folder?.release();
  }
}

/** Undefined where another process has the folder: then its key is there. */
function takeFree(path: string): ReturnType<typeof takeFolder> | undefined {
  try {
    return takeFolder(path);
  } catch (error) {
    if (error instanceof Problem && error.code === 'folder_in_use') return undefined;
    throw error;
  }
}
