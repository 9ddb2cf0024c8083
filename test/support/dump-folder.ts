import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('./dump-store.ts', import.meta.url));
const LOADER = fileURLToPath(new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url));

export type StoreDigests = Readonly<Record<string, { readonly rows: number; readonly sha256: string }>>;

/** Digests of the tables of a data folder that nobody holds; with `file` the rows are written beside it, for a look. `sent`: without what Custody tells of itself. */
export async function dumpFolder(folder: string, file = '', part: 'all' | 'sent' = 'all'): Promise<StoreDigests> {
  const args = ['--import', LOADER, SCRIPT, folder, file, part];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as StoreDigests;
}

/** An empty data folder whose salts are known beforehand, so that the leaves of two folders can be compared. */
export function makeFolder(path: string): string {
  for (const part of ['owner', 'keys']) mkdirSync(join(path, part), { recursive: true, mode: 0o700 });
  writeFileSync(join(path, 'keys', 'salt.key'), Buffer.alloc(32, 7), { mode: 0o600 });
  return path;
}
