import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { withSequence } from './build-event.ts';
import type { TokenEvent } from './event-types.ts';
import { IssuerKitError } from './kit-error.ts';
import { encodeLine, segmentPath, syncPath } from './spool-files.ts';
import type { Segment } from './spool-files.ts';

/** What the writer shares with the reader of one spool. */
export interface SpoolBody {
  readonly folder: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  /** In order; the last one is written to. */
  readonly segments: Segment[];
  /** The last sequence that is on the disk. */
  last: number;
  /** Bytes that are not settled yet. */
  used(): number;
}

interface Waiting {
  readonly event: TokenEvent;
  readonly bytes: number;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Adds events to a spool. */
export interface SpoolWriter {
  /** Resolves with the sequence when the event is on the disk. Waits for room no longer than `waitMs`. */
  append(event: TokenEvent, waitMs: number): Promise<number>;
  /** There may be room again. */
  wake(): void;
  /** Writes what waits and closes; later appends are refused with `closed`. */
  close(): Promise<void>;
}

const MOST_AT_ONCE = 512;

/**
 * Opens the writing end. Events that come together are written and synced together. Order of appends is order of
 * sequences, without a hole: a sequence is given only when the line is written, and taken again if the disk refuses.
 */
export function createSpoolWriter(body: SpoolBody, onAppended: () => void): SpoolWriter {
  const queue: Waiting[] = [];
  let handle: { readonly file: FileHandle; readonly segment: Segment } | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  const writeAll = async (): Promise<void> => {
    for (let group = takeGroup(queue, body); group.length > 0; group = takeGroup(queue, body)) {
      try {
        handle = await activeSegment(body, handle);
        await writeGroup(body, handle, group);
        onAppended();
      } catch (error) {
        for (const { reject } of group) reject(broken(body.folder, error));
        await handle?.file.close().catch(() => undefined);
        handle = undefined;
      }
    }
  };
  const pump = (): void => {
    running ??= writeAll().finally(() => {
      running = undefined;
      if (takeable(queue, body)) pump();
    });
  };
  return {
    append(event, waitMs) {
      if (closed) return Promise.reject(new IssuerKitError('closed', 'This issuer was closed.'));
      return new Promise((resolve, reject) => {
        const bytes = Buffer.byteLength(encodeLine(JSON.stringify(withSequence(event, 0))));
        const timer = setTimeout(() => {
          const place = queue.findIndex((entry) => entry.timer === timer);
          if (place >= 0) queue.splice(place, 1)[0]?.reject(full(body));
        }, waitMs);
        queue.push({ event, bytes, resolve, reject, timer });
        pump();
      });
    },
    wake: pump,
    async close() {
      closed = true;
      for (let writing = running; writing !== undefined; writing = running) await writing;
      for (const { reject, timer } of queue.splice(0)) {
        clearTimeout(timer);
        reject(new IssuerKitError('closed', 'This issuer was closed before there was room for the event.'));
      }
      await handle?.file.close();
    },
  };
}

function takeable(queue: readonly Waiting[], body: SpoolBody): boolean {
  const [next] = queue;
  return next !== undefined && body.used() + next.bytes <= body.maxBytes;
}

/** The events that are written next: in order, as far as there is room. */
function takeGroup(queue: Waiting[], body: SpoolBody): readonly Waiting[] {
  let bytes = body.used();
  let count = 0;
  for (const entry of queue.slice(0, MOST_AT_ONCE)) {
    if (bytes + entry.bytes > body.maxBytes) break;
    bytes += entry.bytes;
    count += 1;
  }
  const group = queue.splice(0, count);
  for (const { timer } of group) clearTimeout(timer);
  return group;
}

async function activeSegment(
  body: SpoolBody,
  held: { readonly file: FileHandle; readonly segment: Segment } | undefined,
): Promise<{ readonly file: FileHandle; readonly segment: Segment }> {
  const current = body.segments.at(-1);
  if (held !== undefined && held.segment === current && current.size < body.segmentBytes) return held;
  await held?.file.close();
  if (current !== undefined && current.size < body.segmentBytes)
    return { file: await open(current.path, 'r+'), segment: current };
  const segment: Segment = { first: body.last + 1, path: segmentPath(body.folder, body.last + 1), size: 0 };
  const file = await open(segment.path, 'w', 0o600);
  syncPath(body.folder);
  body.segments.push(segment);
  return { file, segment };
}

async function writeGroup(
  body: SpoolBody,
  { file, segment }: { readonly file: FileHandle; readonly segment: Segment },
  group: readonly Waiting[],
): Promise<void> {
  const lines = group.map(({ event }, index) => encodeLine(JSON.stringify(withSequence(event, body.last + 1 + index))));
  const bytes = Buffer.from(lines.join(''));
  try {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, segment.size + done);
      done += bytesWritten;
    }
    await file.datasync();
  } catch (error) {
    // What was written of it is written over by the next group, or cut off when the spool is opened again.
    await file.truncate(segment.size).catch(() => undefined);
    throw error;
  }
  const first = body.last + 1;
  segment.size += bytes.length;
  body.last += group.length;
  group.forEach(({ resolve }, index) => resolve(first + index));
}

function full({ folder, maxBytes }: SpoolBody): IssuerKitError {
  return new IssuerKitError(
    'spool_full',
    `The spool ${folder} holds ${maxBytes} bytes that Custody has not taken yet, so this event was not kept. ` +
      'Issue nothing that cannot be recorded; see status() for what keeps Custody away.',
  );
}

function broken(folder: string, cause: unknown): IssuerKitError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new IssuerKitError('spool_broken', `The event could not be written to ${folder}: ${words}`, { cause });
}
