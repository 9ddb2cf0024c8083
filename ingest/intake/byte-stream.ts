import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { doorFault } from './door-fault.ts';
import { MAX_INFLATED_BYTES } from './limits.ts';

const NEWLINE = 0x0a;

/**
 * The bytes of an upload, unpacked if they are gzip (told by content, never by name or header). What comes out is
 * bounded: a bomb ends with `too_large`. A broken or cut archive ends with `invalid_encoding`.
 */
export async function* inflate(
  upload: AsyncIterable<Buffer>,
  limit = MAX_INFLATED_BYTES,
): AsyncGenerator<Buffer, void, undefined> {
  const { head, chunks } = await peek(upload, 2);
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* chunks;
    return;
  }
  const source = Readable.from(chunks, { objectMode: false });
  const unpacked = createGunzip();
  source.on('error', (error) => unpacked.destroy(error));
  let total = 0;
  try {
    for await (const chunk of source.pipe(unpacked)) {
      total += (chunk as Buffer).length;
      if (total > limit) throw doorFault('too_large', `Unpacked, this is larger than ${limit} bytes.`, { limit });
      yield chunk as Buffer;
    }
  } catch (error) {
    throw isZlibError(error) ? doorFault('invalid_encoding', 'The gzip data is damaged or cut off.') : error;
  } finally {
    unpacked.destroy();
    source.destroy();
  }
}

/** The beginning of a stream, and all of it, the beginning included. */
export interface Peeked {
  readonly head: Buffer;
  /** The head is the whole stream. */
  readonly isAll: boolean;
  readonly chunks: AsyncGenerator<Buffer, void, undefined>;
}

/** Reads at least `bytes` of a stream ahead, if it has as many. */
export async function peek(stream: AsyncIterable<Buffer>, bytes: number): Promise<Peeked> {
  const iterator = stream[Symbol.asyncIterator]();
  const held: Buffer[] = [];
  let size = 0;
  let isAll = false;
  while (size < bytes && !isAll) {
    const { value, done } = await iterator.next();
    if (done === true) isAll = true;
    else {
      held.push(value);
      size += value.length;
    }
  }
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    yield* held.splice(0);
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { head: Buffer.concat(held), isAll, chunks: chunks() };
}

/** One line without its line break. `bytes` is undefined for a line longer than the limit, whose content was dropped. */
export interface Line {
  readonly number: number;
  readonly bytes: Buffer | undefined;
}

/** Cuts a stream into lines at LF (a CR before it stays: JSON takes it for a space). Blank lines are counted, not given. */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxLine: number,
): AsyncGenerator<Line, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  const end = (): Line | undefined => {
    number += 1;
    const bytes = length > maxLine ? undefined : Buffer.concat(parts);
    parts = [];
    length = 0;
    return bytes && isBlank(bytes) ? undefined : { number, bytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, start)) {
      length += at - start;
      if (length <= maxLine) parts.push(chunk.subarray(start, at));
      const line = end();
      if (line) yield line;
      start = at + 1;
    }
    length += chunk.length - start;
    if (length <= maxLine) parts.push(chunk.subarray(start));
    else parts = [];
  }
  const last = length > 0 ? end() : undefined;
  if (last) yield last;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_');
}
