import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { createTally } from '../tally.ts';
import { openZip } from './read-zip.ts';

/** Bytes and hash of what was written. */
export interface Zipped {
  readonly bytes: number;
  readonly sha256: string;
}

/** An entry of an archive: its name and how to get its bytes. */
export interface ZipSource {
  readonly name: string;
  read(): Promise<Readable> | Readable;
}

// The first day that the format knows, as local time: the format stores local time, so these bytes are the same in every
// zone. Without the extra field for universal time, nothing else tells of a clock.
const FIXED = { mtime: new Date(1980, 0, 1), mode: 0o100644, forceDosTimestamp: true, compress: true };

/**
 * Writes an archive whose bytes follow from the names and contents alone: entries in the order of their names, one time,
 * one mode, one method. Written beside its name and renamed when whole.
 */
export async function writeZip(entries: readonly ZipSource[], out: string): Promise<Zipped> {
  const zip = new ZipFile();
  const tally = createTally();
  const broken = new Promise<never>((_, reject) => zip.on('error', reject));
  broken.catch(() => undefined);
  const part = `${out}.part`;
  const flowed = pipeline(zip.outputStream as Readable, tally.through, createWriteStream(part, { mode: 0o600 }));
  try {
    const ordered = entries.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    for (const entry of ordered) {
      // Opened only when the archive comes to it: a pack has hundreds of files.
      zip.addReadStreamLazy(entry.name, FIXED, (give) => {
        Promise.resolve(entry.read()).then(
          (stream) => give(null, stream),
          (error: unknown) => give(error, null as never),
        );
      });
    }
    zip.end();
    await Promise.race([flowed, broken]);
  } catch (error) {
    (zip.outputStream as Readable).destroy();
    await flowed.catch(() => undefined);
    await rm(part, { force: true });
    throw error;
  }
  await rename(part, out);
  return tally.total();
}

/** The files of a folder as entries below one folder of the archive. */
export function folderEntries(folder: string, top: string, paths: readonly string[]): readonly ZipSource[] {
  return paths.map((path) => ({ name: `${top}/${path}`, read: () => createReadStream(`${folder}/${path}`) }));
}

/** Writes an archive anew as `writeZip` would have written it: for archives of libraries that put a clock into theirs. */
export async function rewriteZip(from: string, out: string): Promise<Zipped> {
  const archive = await openZip(from);
  try {
    return await writeZip(
      archive.entries.map((entry) => ({ name: entry.name, read: () => archive.read(entry) })),
      out,
    );
  } finally {
    archive.close();
  }
}
