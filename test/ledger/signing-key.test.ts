import { chmod, mkdir, readFile, stat, writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSigningKeys } from '../../ledger/signing-key.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
beforeEach(async () => void (folder = await tempFolder()));
afterEach(() => folder.remove());
const path = (): string => join(folder.path, 'keys', 'log-signing.pem');

test('is made once, for its owner alone, and found again; of two at once both have the same', async () => {
  const [first, second] = await Promise.all([openSigningKeys(folder.path), openSigningKeys(folder.path)]);
  expect(second.active.kid).toBe(first.active.kid);
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  expect((await openSigningKeys(folder.path)).active.kid).toBe(first.active.kid);
});

test('a file that others may read, and one that is no such key, are refused and left as they are', async () => {
  await openSigningKeys(folder.path);
  const before = await readFile(path());
  for (const mode of [0o640, 0o604, 0o660, 0o644]) {
    await chmod(path(), mode);
    await expect(openSigningKeys(folder.path)).rejects.toMatchObject({ code: 'configuration' });
  }
  expect(await readFile(path())).toEqual(before);
  for (const pem of [
    '',
    'nonsense',
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ]) {
    // prettier-ignore
    await writeFile(path(), pem);
    await chmod(path(), 0o600);
    await expect(openSigningKeys(folder.path)).rejects.toMatchObject({ code: 'configuration' });
  }
});

test('a rotated key still verifies and signs nothing; a file among them that is no key is told', async () => {
  const { active } = await openSigningKeys(folder.path);
  await mkdir(join(folder.path, 'keys', 'retired'));
  await writeFile(join(folder.path, 'keys', 'retired', '2026-11-25.pem'), active.publicKey.export({ type: 'spki', format: 'pem' })); // prettier-ignore
  await rm(path());
  const rotated = await openSigningKeys(folder.path);
  expect(rotated.active.kid).not.toBe(active.kid);
  expect(rotated.retired.map(({ kid }) => kid)).toEqual([active.kid]);
  await writeFile(join(folder.path, 'keys', 'retired', 'z.pem'), 'nonsense');
  await expect(openSigningKeys(folder.path)).rejects.toThrow('z.pem');
});
