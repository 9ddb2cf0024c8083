import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Problem } from '../../model/problem.ts';
import { openZip } from '../pack/read-zip.ts';
import type { Find } from './finding.ts';

/** The files of a pack, from a folder or an archive; nothing is ever unpacked to the disk. */
export interface PackReader {
  /** Paths below the pack's folder, with slashes. */
  readonly paths: ReadonlySet<string>;
  /** The bytes of a file of `paths`. */
  stream(path: string): Promise<Readable>;
  close(): void;
}

const MAX_FILES = 20_000;
/** What is read at once: manifests, results, proofs of heads. */
const MAX_WHOLE_BYTES = 256 * 2 ** 20;
/** One row with its evidence; a record with its value in base64. */
const MAX_LINE_CHARS = 64 * 2 ** 20;

/**
 * Opens a pack. What is wrong with an archive or with an entry of a folder (links, devices) is a finding; undefined means
 * that nothing can be read. Throws `usage` if there is nothing at the path.
 */
export async function openPack(path: string, find: Find): Promise<PackReader | undefined> {
  const state = await lstat(path).catch(() => undefined);
  if (!state) throw new Problem('usage', `there is no pack at ${path}`);
  return state.isDirectory() ? openFolder(path, find) : openArchive(path, find);
}

async function openFolder(root: string, find: Find): Promise<PackReader> {
  const paths = new Set<string>();
  const walk = async (prefix: string): Promise<void> => {
    for (const entry of await readdir(join(root, prefix), { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory()) await walk(`${path}/`);
      else if (entry.isFile()) paths.add(path);
      else find('not_a_file', path, 'This is a link or a device, not a file.');
      if (paths.size > MAX_FILES)
        throw new Problem('usage', `${root} holds more than ${MAX_FILES} files: it is no pack`);
    }
  };
  await walk('');
  return {
    paths,
    stream: (path) => Promise.resolve(createReadStream(join(root, path))),
    close: () => undefined,
  };
}

async function openArchive(path: string, find: Find): Promise<PackReader | undefined> {
  try {
    const zip = await openZip(path);
    const top = `${zip.entries[0]?.name.split('/')[0] ?? ''}/`;
    const entries = new Map(
      zip.entries.map((entry) => [
        entry.name.startsWith(top) ? entry.name.slice(top.length) : `../${entry.name}`,
        entry,
      ]),
    );
    return {
      paths: new Set(entries.keys()),
      stream(name) {
        const entry = entries.get(name);
        if (!entry) throw new Problem('internal', `${name} is not in the archive`);
        return zip.read(entry);
      },
      close: () => zip.close(),
    };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    find('archive_refused', path, error.message);
    return undefined;
  }
}

/** The whole of a file as bytes; undefined if it is not there. */
export async function readWhole(pack: PackReader, path: string): Promise<Buffer | undefined> {
  if (!pack.paths.has(path)) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of await pack.stream(path)) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_WHOLE_BYTES) throw new Problem('too_large', `${path} is larger than a pack's files are`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** A file as JSON; undefined if it is not there or is no JSON. */
export async function readJsonFile(pack: PackReader, path: string): Promise<unknown> {
  const bytes = await readWhole(pack, path);
  try {
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as unknown);
  } catch {
    return undefined;
  }
}

/** The lines of a file as JSON, one by one; none if it is not there. Throws if a line is no JSON. */
export async function* readJsonLines(pack: PackReader, path: string): AsyncGenerator<unknown, void, undefined> {
  if (!pack.paths.has(path)) return;
  for await (const line of createInterface({ input: await pack.stream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.length > MAX_LINE_CHARS) throw new Problem('too_large', `a line of ${path} is too long`);
    if (line !== '') yield JSON.parse(line) as unknown;
  }
}
