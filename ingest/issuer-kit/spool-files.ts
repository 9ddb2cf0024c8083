import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { IssuerKitError } from './kit-error.ts';

/**
 * The files of a spool: `state.json` tells how far it was settled, `<first sequence>.events` hold events, one a line,
 * each behind a sum of its bytes. Lines are only ever added. A line that a crash tore was never acknowledged, because
 * an acknowledgement waits for the disk; it is cut off when the spool is opened again.
 */
export interface Segment {
  /** The sequence of the first event that was written into it. */
  readonly first: number;
  readonly path: string;
  /** Bytes up to the end of the last whole line that is on the disk. */
  size: number;
}

export interface SpoolState {
  readonly source: string;
  /** Everything up to this sequence has been answered by Custody, taken or refused. */
  readonly settled: number;
}

/** A line as it was read: its event, or undefined where the line is damaged. `end`: the offset behind it. */
export interface Line {
  readonly event: { readonly sequence: number; readonly json: string } | undefined;
  readonly raw: string;
  readonly end: number;
}

const SUM_CHARS = 16;
const SUFFIX = '.events';

/** An event as a line of a segment. */
export function encodeLine(json: string): string {
  return `${sumOf(json)} ${json}\n`;
}

/** The whole lines of a part of a segment that begins at `offset`; what follows the last line break is left out. */
export function decodeLines(bytes: Buffer, offset: number): readonly Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10, start); end >= 0; end = bytes.indexOf(10, start)) {
    const raw = bytes.toString('utf8', start, end);
    start = end + 1;
    lines.push({ event: decodeLine(raw), raw, end: offset + start });
  }
  return lines;
}

function decodeLine(raw: string): Line['event'] {
  const json = raw.slice(SUM_CHARS + 1);
  if (raw[SUM_CHARS] !== ' ' || sumOf(json) !== raw.slice(0, SUM_CHARS)) return undefined;
  const { sequence } = JSON.parse(json) as { sequence?: string };
  return { sequence: Number(sequence), json };
}

/** The segments of a folder in their order. */
export function listSegments(folder: string): Segment[] {
  return readdirSync(folder)
    .filter((name) => /^\d{20}\.events$/.test(name))
    .toSorted()
    .map((name) => {
      const path = join(folder, name);
      return { first: Number(name.slice(0, -SUFFIX.length)), path, size: statSync(path).size };
    });
}

/** The path of the segment that begins with a sequence. */
export function segmentPath(folder: string, first: number): string {
  return join(folder, `${String(first).padStart(20, '0')}${SUFFIX}`);
}

/**
 * Cuts a torn end off the last segment and gives the last sequence in it; undefined where it holds none. What is cut
 * off and was more than an unfinished line goes into a file of its own, so that nothing vanishes unseen.
 */
export function mendTail(segment: Segment): number | undefined {
  const bytes = readFileSync(segment.path);
  const good = decodeLines(bytes, 0).filter(({ event }) => event !== undefined);
  const last = good.at(-1);
  const end = last?.end ?? 0;
  if (end < bytes.length) {
    const rest = bytes.subarray(end);
    if (rest.includes(10)) writeFileSync(`${segment.path}.damaged-${end}`, rest, { mode: 0o600 });
    truncateSync(segment.path, end);
    syncPath(segment.path);
  }
  segment.size = end;
  return last?.event?.sequence;
}

/** Reads `state.json`; undefined where there is none. Throws `configuration` where it cannot be understood. */
export function readState(folder: string): SpoolState | undefined {
  const path = join(folder, 'state.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { source, settled } = JSON.parse(text) as Partial<SpoolState>;
    if (typeof source === 'string' && Number.isSafeInteger(settled)) return { source, settled: settled ?? 0 };
  } catch {
    // Told below, like a file that is JSON and no state.
  }
  const remedy = 'Restore it, or move the folder away: then the events in it are not sent.';
  throw new IssuerKitError('configuration', `${path} is damaged. ${remedy}`);
}

/** Writes `state.json` so that a crash leaves the old one or the new one, on the disk when this returns. */
export function writeState(folder: string, state: SpoolState): void {
  const path = join(folder, 'state.json');
  const draft = `${path}.new`;
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600 });
  syncPath(draft);
  renameSync(draft, path);
  syncPath(folder);
}

/** Puts a file or the names in a folder on the disk. */
export function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function sumOf(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, SUM_CHARS);
}
