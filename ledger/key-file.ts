import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Problem } from '../model/problem.ts';

/**
 * The bytes of a key file; undefined where there is none. `name` begins a sentence. A file that others than its owner
 * may read or write is refused (`configuration`).
 */
export async function readKeyFile(path: string, name: string): Promise<Buffer | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Problem('configuration', `${name} cannot be read.`, {}, error);
  });
  if (!file) return undefined;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0)
      throw new Problem(
        'configuration',
        `${name} may be read by others; it must belong to its owner alone (mode 0600).`,
      );
    return await readFile(file);
  } finally {
    await file.close();
  }
}

/**
 * Writes a key file that is not there yet, mode 0600, in a folder of mode 0700. Written beside and linked into place: a
 * crash leaves no half key, and of two writers the first wins; read it afterwards to see whose it is.
 */
export async function createKeyFile(path: string, key: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  await writeSynced(draft, key);
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  for (const folder of [dirname(path), dirname(dirname(path))]) await syncFolder(folder);
}

/** Writes a new file of mode 0600 and waits until it is on the disk. */
export async function writeSynced(path: string, bytes: Buffer | string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until the names in a folder are on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
