import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Problem } from '../model/problem.ts';

const KEY_BYTES = 32;

/**
 * The key from which salts are made, in `<folder>/keys/salt.key`: 32 random bytes, made once, readable by its owner
 * alone. Without it no leaf can be computed again before erasure; with it, a guess at an erased value could be checked.
 * So it is never replaced, and a file that others may read is refused (`configuration`) rather than repaired.
 */
export async function openSaltKey(folder: string): Promise<Buffer> {
  const path = join(folder, 'keys', 'salt.key');
  const found = await readKey(path);
  if (found) return found;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await createKey(path);
  const made = await readKey(path);
  if (!made) throw new Problem('unavailable', 'The salt key could not be written.');
  return made;
}

async function readKey(path: string): Promise<Buffer | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Problem('configuration', 'The salt key cannot be read.', {}, error);
  });
  if (!file) return undefined;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0)
      throw new Problem(
        'configuration',
        'The salt key may be read by others; it must belong to its owner alone (mode 0600).',
      );
    const key = await readFile(file);
    if (key.length !== KEY_BYTES) throw new Problem('configuration', `The salt key must be ${KEY_BYTES} bytes.`);
    return key;
  } finally {
    await file.close();
  }
}

// Written beside and linked into place: a crash leaves no half key, and of two writers the first wins.
async function createKey(path: string): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(randomBytes(KEY_BYTES));
    await file.sync();
  } finally {
    await file.close();
  }
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    const directory = await open(folder, 'r');
    await directory.sync();
    await directory.close();
  }
}
