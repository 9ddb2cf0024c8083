import { promisify } from 'node:util';
import type { Readable } from 'node:stream';
import { open } from 'yauzl';
import type { Entry, Options, ZipFile } from 'yauzl';
import { Problem } from '../../model/problem.ts';

/** An entry of an archive, by what its directory says of it. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes when unpacked, as declared; reading more than that is an error. */
  readonly bytes: number;
  readonly entry: Entry;
}

export interface ZipArchive {
  readonly entries: readonly ZipEntry[];
  /** The bytes of an entry; fails if they are not as many as declared. */
  read(entry: ZipEntry): Promise<Readable>;
  close(): void;
}

/** What an archive may hold: far beyond any pack, far below what would hurt. */
export const ZIP_LIMITS = { entries: 20_000, bytes: 64 * 2 ** 30, ratio: 500 } as const;

/**
 * Opens an archive that a stranger may have made. Refused (`invalid_request`): names that lead out of a folder, names of
 * folders or links, the same name twice (also in other capitals), more entries or bytes than `ZIP_LIMITS`, entries that
 * unpack to more than 500 times their size, encryption.
 */
export async function openZip(path: string): Promise<ZipArchive> {
  const zip = await openLazily(path);
  try {
    const entries = await readDirectory(zip);
    return { entries, read: (entry) => openEntry(zip, entry), close: () => zip.close() };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function openLazily(path: string): Promise<ZipFile> {
  const options: Options = { lazyEntries: true, autoClose: false, validateEntrySizes: true, strictFileNames: true };
  try {
    return await promisify<string, Options, ZipFile>(open)(path, options);
  } catch (error) {
    throw refused(`it cannot be read as a zip archive (${(error as Error).message})`, error);
  }
}

async function readDirectory(zip: ZipFile): Promise<readonly ZipEntry[]> {
  if (zip.entryCount > ZIP_LIMITS.entries) throw refused(`it holds ${zip.entryCount} files`);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    zip.on('error', (error: Error) => reject(refused(`its directory cannot be read (${error.message})`, error)));
    zip.on('end', resolve);
    zip.on('entry', (entry: Entry) => {
      try {
        bytes += checkEntry(entry, names);
        if (bytes > ZIP_LIMITS.bytes) throw refused(`it unpacks to more than ${ZIP_LIMITS.bytes} bytes`);
        entries.push({ name: entry.fileName, bytes: entry.uncompressedSize, entry });
        zip.readEntry();
      } catch (error) {
        reject(error);
      }
    });
    zip.readEntry();
  });
  return entries;
}

function checkEntry(entry: Entry, names: Set<string>): number {
  const { fileName: name, uncompressedSize, compressedSize } = entry;
  const shown = JSON.stringify(name.slice(0, 200));
  if (!isSafePath(name)) throw refused(`the name ${shown} does not stay inside a folder`);
  const folded = name.normalize('NFC').toLowerCase();
  if (names.has(folded)) throw refused(`the name ${shown} stands in it twice`);
  names.add(folded);
  // The upper half holds the mode of Unix where the archive was made there: a link is no file.
  const type = (entry.externalFileAttributes >>> 28) & 0xf;
  if (type !== 0 && type !== 0x8) throw refused(`${shown} is not a plain file`);
  if (entry.isEncrypted()) throw refused(`${shown} is encrypted`);
  if (uncompressedSize > 1_048_576 && uncompressedSize > ZIP_LIMITS.ratio * Math.max(1, compressedSize))
    throw refused(`${shown} would unpack to ${uncompressedSize} bytes from ${compressedSize}`);
  return uncompressedSize;
}

/** Whether a path is relative, has no step up and no character that some system takes for a separator or a device. */
export function isSafePath(path: string): boolean {
  if (path === '' || path.length > 500 || !/^[A-Za-z0-9._@ [\]-]+(?:\/[A-Za-z0-9._@ [\]-]+)*$/.test(path)) return false;
  return path.split('/').every((part) => part !== '.' && part !== '..');
}

function openEntry(zip: ZipFile, { entry }: ZipEntry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) reject(refused(`${entry.fileName} cannot be unpacked (${error.message})`, error));
      else resolve(stream);
    });
  });
}

function refused(why: string, cause?: unknown): Problem {
  return new Problem('invalid_request', `the archive is not taken: ${why}`, {}, cause);
}
