import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Problem } from '../../model/problem.ts';
import { openZip } from './read-zip.ts';

/**
 * Unpacks the archive of a pack into `<out>/<name>`, which appears only when it is whole and replaces what was there.
 * Throws `invalid_request` for an archive that is no pack of this name or may do harm (read-zip.ts).
 */
export async function unpackPack(zipPath: string, out: string, name: string): Promise<string> {
  const archive = await openZip(zipPath);
  const draft = join(out, `.${name}.part`);
  const target = join(out, name);
  try {
    await rm(draft, { recursive: true, force: true });
    for (const entry of archive.entries) {
      if (!entry.name.startsWith(`${name}/`))
        throw new Problem('invalid_request', `the archive is not the pack ${name}`);
      const path = join(draft, entry.name.slice(name.length + 1));
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await pipeline(await archive.read(entry), createWriteStream(path, { mode: 0o600, flags: 'wx' }));
    }
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
    return target;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  } finally {
    archive.close();
  }
}
