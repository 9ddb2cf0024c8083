import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Problem } from '../model/problem.ts';
import { createKeyFile, readKeyFile } from './key-file.ts';

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
  await createKeyFile(path, randomBytes(KEY_BYTES));
  const made = await readKey(path);
  if (!made) throw new Problem('unavailable', 'The salt key could not be written.');
  return made;
}

async function readKey(path: string): Promise<Buffer | undefined> {
  const key = await readKeyFile(path, 'The salt key');
  if (key && key.length !== KEY_BYTES) throw new Problem('configuration', `The salt key must be ${KEY_BYTES} bytes.`);
  return key;
}

/**
 * The same key from a file that is named, for several workers of one store: with keys of their own, one would make other
 * leaves of a record than another. It is never made here. Problems of code `configuration` say what is wrong with it.
 */
export async function readSaltKey(path: string): Promise<Buffer> {
  const key = await readKey(path);
  if (!key) throw new Problem('configuration', `There is no salt key at ${path}. Make one: head -c 32 /dev/urandom`);
  return key;
}
