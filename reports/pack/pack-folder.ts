import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';

/** A file of a pack as its manifest names it. */
export interface PackFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly media_type: string;
  /** What the file is for, from a closed list of the writers. */
  readonly role: string;
  /** Rows of data, without a header; only where a file has rows. */
  readonly rows?: number;
}

/** A file that is being written: hashed and counted on its way to the disk, and waited for when the disk is slow. */
export interface OpenFile {
  write(text: string | Uint8Array): Promise<void>;
  /** Writes a text that counts as one row. */
  row(text: string): Promise<void>;
  close(): Promise<void>;
}

/** The folder of a pack while it is written. Paths come from the writers and test ids, never from data. */
export interface PackFolder {
  readonly path: string;
  /** What was closed so far. */
  readonly files: readonly PackFile[];
  open(path: string, role: string): Promise<OpenFile>;
  write(path: string, role: string, content: string | Uint8Array, rows?: number): Promise<void>;
  /** Takes in a file that was written there by other means. */
  adopt(file: PackFile): void;
}

const BUFFER_CHARS = 65_536;

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  html: 'text/html; charset=utf-8',
  pdf: 'application/pdf',
  pem: 'application/x-pem-file',
  mjs: 'text/javascript; charset=utf-8',
  py: 'text/x-python; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

/** The media type by the ending of a name. */
export function mediaTypeOf(path: string): string {
  return MEDIA_TYPES[/\.([a-z]+)$/.exec(path)?.[1] ?? ''] ?? 'application/octet-stream';
}

/** Opens an empty folder for a pack. */
export async function openPackFolder(path: string): Promise<PackFolder> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const files: PackFile[] = [];
  const open = async (name: string, role: string): Promise<OpenFile> => {
    const target = join(path, name);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    return openFile(target, (bytes, sha256, rows) =>
      files.push({
        path: name,
        bytes,
        sha256,
        media_type: mediaTypeOf(name),
        role,
        ...(rows === undefined ? {} : { rows }),
      }),
    );
  };
  return {
    path,
    files,
    open,
    async write(name, role, content, rows) {
      const file = await open(name, role);
      await file.write(content);
      await file.close();
      if (rows !== undefined) files.push({ ...(files.pop() as PackFile), rows });
    },
    adopt: (file) => void files.push(file),
  };
}

type Closed = (bytes: number, sha256: string, rows: number | undefined) => void;

function openFile(target: string, closed: Closed): OpenFile {
  const stream = createWriteStream(target, { mode: 0o600 });
  const done = finished(stream);
  // Looked at when the file is closed, or by the write that meets it.
  done.catch(() => undefined);
  stream.on('error', () => undefined);
  const hash = createHash('sha256');
  let bytes = 0;
  let rows: number | undefined;
  let pending = '';
  const push = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    bytes += chunk.length;
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), done]);
  };
  const flush = async (): Promise<void> => {
    if (pending === '') return;
    const text = pending;
    pending = '';
    await push(Buffer.from(text, 'utf8'));
  };
  const write = async (text: string | Uint8Array): Promise<void> => {
    if (typeof text === 'string') {
      pending += text;
      if (pending.length >= BUFFER_CHARS) await flush();
      return;
    }
    await flush();
    await push(text);
  };
  return {
    write,
    async row(text) {
      rows = (rows ?? 0) + 1;
      await write(text);
    },
    async close() {
      await flush();
      stream.end();
      await done;
      closed(bytes, hash.digest('hex'), rows);
    },
  };
}
