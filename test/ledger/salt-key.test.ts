import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSaltKey } from '../../ledger/salt-key.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(() => folder.remove());

test('is made once, 32 bytes, for its owner alone', async () => {
  const [first, second] = await Promise.all([openSaltKey(folder.path), openSaltKey(folder.path)]);
  const path = join(folder.path, 'keys', 'salt.key');
  expect(first).toHaveLength(32);
  expect(second).toEqual(first);
  expect(await openSaltKey(folder.path)).toEqual(first);
  expect(await readFile(path)).toEqual(first);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder.path, 'keys'))).toEqual(['salt.key']);
});

test('differs from folder to folder', async () => {
  const other = await tempFolder();
  expect(await openSaltKey(folder.path)).not.toEqual(await openSaltKey(other.path));
  await other.remove();
});

test.each([0o644, 0o640, 0o604])('is refused when others may read it: %o', async (mode) => {
  await openSaltKey(folder.path);
  await chmod(join(folder.path, 'keys', 'salt.key'), mode);
  await expect(openSaltKey(folder.path)).rejects.toMatchObject({ code: 'configuration' });
});

test('is never replaced, not even when it is damaged', async () => {
  await mkdir(join(folder.path, 'keys'));
  await writeFile(join(folder.path, 'keys', 'salt.key'), 'short', { mode: 0o600 });
  await expect(openSaltKey(folder.path)).rejects.toMatchObject({ code: 'configuration' });
  expect(await readFile(join(folder.path, 'keys', 'salt.key'), 'utf8')).toBe('short');
});
