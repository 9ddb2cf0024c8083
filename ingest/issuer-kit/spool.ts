import { mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TokenEvent } from './event-types.ts';
import { IssuerKitError } from './kit-error.ts';
import { decodeLines, listSegments, mendTail, readState, writeState } from './spool-files.ts';
import type { Line, Segment } from './spool-files.ts';
import { takeSpool } from './spool-owner.ts';
import { createSpoolWriter } from './spool-writer.ts';
import type { SpoolBody } from './spool-writer.ts';

export interface SpoolOptions {
  readonly folder: string;
  /** The CloudEvents source whose sequence this spool keeps. */
  readonly source: string;
  readonly maxBytes: number;
  /** The first sequence of a source that never sent anything. */
  readonly firstSequence: number;
}

/** An event that waits to be sent. `damaged`: its line cannot be read any more; `json` is what stands there. */
export interface Spooled {
  readonly sequence: number;
  readonly json: string;
  readonly damaged: boolean;
}

/** What was read together; `settle` marks the first `count` of it as answered. */
export interface Batch {
  readonly events: readonly Spooled[];
}

/** Events on their way to Custody, on the disk, in the order of their sequence. */
export interface Spool {
  append(event: TokenEvent, waitMs: number): Promise<number>;
  /** The next events in order, without taking them: at least one if there is any, within both bounds. */
  peek(maxEvents: number, maxBytes: number): Promise<Batch>;
  /** Everything that `peek` gave last has been answered: it is forgotten, and on the disk as such. */
  settle(batch: Batch): void;
  /** Resolves when there is something to send, or the signal ends the waiting. */
  more(signal: AbortSignal): Promise<void>;
  state(): { readonly pending: number; readonly bytes: number; readonly last: number; readonly settled: number };
  close(): Promise<void>;
}

/** A place in the segments, behind which nothing was answered yet. */
interface Place {
  segment: Segment | undefined;
  offset: number;
}

const READ_BYTES = 256 * 1_024;

/**
 * Opens a spool, and makes its folder (mode 0700) if it is not there. What a crash tore off is cut off; what was in it
 * is sent again from the first event that Custody has not answered. Throws `spool_in_use`, or `configuration` for the
 * spool of another source.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const owner = await takeSpool(folder);
  try {
    return openOwned({ ...options, folder }, () => owner.release());
  } catch (error) {
    owner.release();
    throw error;
  }
}

function openOwned(options: SpoolOptions, release: () => void): Spool {
  const { folder, source, maxBytes } = options;
  const state = readState(folder);
  if (state !== undefined && state.source !== source) {
    const words = `${folder} is the spool of ${state.source}, not of ${source}. Give each source a folder of its own.`;
    throw new IssuerKitError('configuration', words);
  }
  const segments = listSegments(folder);
  const [oldest] = segments;
  const tail = segments.at(-1);
  let settled = state?.settled ?? (oldest?.first ?? options.firstSequence) - 1;
  const inTail = tail === undefined ? undefined : (mendTail(tail) ?? tail.first - 1);
  const from: Place = { segment: oldest, offset: 0 };
  const body: SpoolBody = {
    folder,
    maxBytes,
    segmentBytes: Math.min(4 * 1_048_576, Math.ceil(maxBytes / 8)),
    segments,
    last: Math.max(settled, inTail ?? settled),
    used: () => segments.reduce((sum, { size }) => sum + size, 0) - from.offset,
  };
  writeState(folder, { source, settled });
  const waiters = new Set<() => void>();
  const writer = createSpoolWriter(body, () => {
    for (const wake of waiters) wake();
  });
  const ends = new WeakMap<Batch, Place>();
  return {
    append: (event, waitMs) => writer.append(event, waitMs),
    async peek(maxEvents, mostBytes) {
      const { events, end } = await readFrom(segments, from, { settled, maxEvents, mostBytes });
      const batch = { events };
      ends.set(batch, end);
      return batch;
    },
    settle(batch) {
      const end = ends.get(batch);
      if (end === undefined) return;
      settled = Math.max(settled, ...batch.events.map(({ sequence }) => sequence));
      writeState(folder, { source, settled });
      from.segment = end.segment;
      from.offset = end.offset;
      forget(body, from);
      writer.wake();
    },
    more: (signal) => waitForMore(waiters, signal, () => body.last > settled),
    state: () => ({ pending: body.last - settled, bytes: body.used(), last: body.last, settled }),
    async close() {
      await writer.close();
      release();
    },
  };
}

/** Removes segments that hold nothing unanswered, also the one that is written to: the next append begins a new one. */
function forget({ segments }: SpoolBody, from: Place): void {
  while (segments.length > 0) {
    const [first] = segments;
    if (first === undefined) return;
    const isBehind = first !== from.segment || (from.offset >= first.size && first.size > 0);
    if (!isBehind) return;
    if (first === from.segment) {
      // Another event may just be on its way into this one, so the newest goes only when it is full.
      if (segments.length === 1) return;
      from.segment = segments[1];
      from.offset = 0;
    }
    segments.shift();
    rmSync(first.path, { force: true });
  }
}

interface Limits {
  readonly settled: number;
  readonly maxEvents: number;
  readonly mostBytes: number;
}

async function readFrom(
  segments: readonly Segment[],
  from: Place,
  { settled, maxEvents, mostBytes }: Limits,
): Promise<{ readonly events: readonly Spooled[]; readonly end: Place }> {
  const events: Spooled[] = [];
  const place: Place = { segment: from.segment ?? segments[0], offset: from.offset };
  let bytes = 0;
  while (place.segment !== undefined) {
    const lines = await readLines(place.segment, place.offset);
    if (lines.length === 0) {
      const next = segments[segments.indexOf(place.segment) + 1];
      if (next === undefined) break;
      place.segment = next;
      place.offset = 0;
    }
    for (const line of lines) {
      // A damaged line tells no sequence; it stands at that of the event before it.
      const before = events.at(-1)?.sequence ?? settled;
      if (line.event === undefined || line.event.sequence > before) {
        const size = Buffer.byteLength(line.raw);
        if (events.length > 0 && (events.length >= maxEvents || bytes + size > mostBytes))
          return { events, end: place };
        bytes += size;
        events.push(spooledOf(line, before));
      }
      place.offset = line.end;
    }
  }
  return { events, end: place };
}

function spooledOf({ event, raw }: Line, before: number): Spooled {
  return event ? { ...event, damaged: false } : { sequence: before, json: raw, damaged: true };
}

async function readLines(segment: Segment, offset: number): Promise<readonly Line[]> {
  const length = Math.min(READ_BYTES, segment.size - offset);
  if (length <= 0) return [];
  const file = await open(segment.path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return decodeLines(buffer.subarray(0, bytesRead), offset);
  } finally {
    await file.close();
  }
}

function waitForMore(waiters: Set<() => void>, signal: AbortSignal, isThere: () => boolean): Promise<void> {
  if (isThere() || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      waiters.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    waiters.add(wake);
    signal.addEventListener('abort', wake);
  });
}
