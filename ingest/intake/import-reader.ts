import { isUtf8 } from 'node:buffer';
import type { SourceAdapter } from '../sources/adapter.ts';
import { peek, splitLines } from './byte-stream.ts';
import type { IntakeDeps } from './deps.ts';
import { createJsonCutter } from './json-cutter.ts';
import { withhold } from './json-scan.ts';
import { MAX_RECORD_BYTES } from './limits.ts';
import { scanOptionsOf } from './prepare.ts';
import type { ScannedElement } from './scan-types.ts';

/** How far into a file the first line break is looked for. */
const PROBE_BYTES = 1_048_576;

/** What a file may wrap its events in, whatever the source: the envelopes of CloudTrail, Azure, Kubernetes, and pages. */
const ENVELOPES: readonly (readonly string[])[] = [['Records'], ['records'], ['items'], []];

const NOTHING = Buffer.alloc(0);

/** Some elements of a file in their order, with how many bytes of it have been read so far. */
export interface Portion {
  readonly elements: readonly ScannedElement[];
  readonly bytesRead: number;
}

/**
 * Reads the events of a file as it streams by: NDJSON (each line an event, a page or an envelope) or JSON documents of any
 * size, told apart by content. A line or element that cannot be read becomes an unreadable marker and the rest goes on,
 * because nobody can be asked to mend an old file. Where the source also writes lines of text, such a line is a record.
 * Memory holds one chunk of the stream and one element.
 */
export async function* readElements(
  deps: Pick<IntakeDeps, 'policy' | 'scan'>,
  adapter: SourceAdapter,
  file: AsyncIterable<Buffer>,
): AsyncGenerator<Portion, void, undefined> {
  const containers = [...adapter.containers, ...ENVELOPES];
  const options = { ...scanOptionsOf(deps, adapter), containers, faults: 'withhold' } as const;
  const scan = (bytes: Buffer | undefined, inner: typeof containers): readonly ScannedElement[] => {
    if (!bytes)
      return [withhold(NOTHING, { reason: 'too_large', detail: `longer than ${MAX_RECORD_BYTES} bytes`, position: 0 })];
    const scanned = deps.scan(bytes, { ...options, containers: inner, format: 'json' });
    return scanned.ok ? scanned.elements : [withhold(bytes, scanned)];
  };
  let bytesRead = 0;
  const { head, isAll, chunks } = await peek(file, PROBE_BYTES);
  async function* counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of chunks) {
      bytesRead += chunk.length;
      yield chunk;
    }
  }
  const { textLines } = adapter;
  if (looksLikeLines(head, isAll) || (textLines !== undefined && !/^\s*[[{]/.test(head.toString('latin1', 0, 1_000)))) {
    for await (const { bytes } of splitLines(counted(), MAX_RECORD_BYTES)) {
      const line = bytes && textLines !== undefined ? wrapText(bytes, textLines) : bytes;
      yield { elements: scan(line, containers), bytesRead };
    }
    return;
  }
  const cutter = createJsonCutter(containers, MAX_RECORD_BYTES);
  for await (const chunk of counted()) {
    for (const element of cutter.push(chunk)) yield { elements: scan(element, []), bytesRead };
  }
  const { last, isCutOff, isTooLong } = cutter.end();
  const cutOff = { reason: 'invalid_json', detail: 'the file ends within a value', position: bytesRead } as const;
  if (isTooLong) yield { elements: scan(undefined, []), bytesRead };
  else if (isCutOff) yield { elements: [withhold(last ?? NOTHING, cutOff)], bytesRead };
  else if (last) yield { elements: scan(last, []), bytesRead };
}

// A line that is no JSON is text that the source wrote; text that is no UTF-8 goes on as it is, and is withheld.
function wrapText(line: Buffer, name: string): Buffer {
  if (line[0] === 0x7b || line[0] === 0x5b || !isUtf8(line)) return line;
  return Buffer.from(JSON.stringify({ [name]: line.toString('utf8').replace(/\r$/, '') }));
}

const MAX_PROBED_LINES = 20;

// Lines, if the first is a whole JSON value for itself, or most of the first ones are, so that a damaged beginning does
// not spoil the rest. A document otherwise, and also where no line ends within the probe: it is better streamed.
function looksLikeLines(head: Buffer, isAll: boolean): boolean {
  let start = 0;
  let lines = 0;
  let whole = 0;
  while (lines < MAX_PROBED_LINES) {
    const feed = head.indexOf(0x0a, start);
    if (feed === -1 && !isAll) break;
    const end = feed === -1 ? head.length : feed;
    if (end > start) {
      const isValue = isWhole(head.subarray(start, end));
      if (isValue && lines === 0) return true;
      lines += 1;
      whole += isValue ? 1 : 0;
    }
    if (feed === -1) break;
    start = end + 1;
  }
  return whole > lines / 2;
}

// By the cutter, which never builds the value: the text was not checked for depth yet.
function isWhole(line: Buffer): boolean {
  const text = line.toString('latin1').trim();
  if (!/^[[{]/.test(text) || !/[\]}]$/.test(text)) return false;
  const cutter = createJsonCutter([], PROBE_BYTES);
  cutter.push(Buffer.from(text, 'latin1'));
  return !cutter.end().isCutOff;
}
