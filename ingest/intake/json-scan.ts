import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { hasAnchor } from '../../model/secret-tokens.ts';
import type { RedactionRule } from '../sources/adapter.ts';
import type { RedactionPlan } from './element-walk.ts';
import { KIND, withOwnTape } from './json-scalar.ts';
import { readTape } from './json-tape.ts';
import { compilePathRules } from './path-rules.ts';
import type { PathState } from './path-rules.ts';
import { redactElement } from './redact-element.ts';
import type { ScanDelivery, ScanFault, ScannedElement, ScanOptions, ScanResult } from './scan-types.ts';
import { findPath, itemsOf, kindOf } from './tape-walk.ts';
import type { ReadText } from './tape-walk.ts';

const LINE_FEED = 0x0a;
const compiled = new WeakMap<readonly RedactionRule[], PathState>();

/**
 * Checks a delivery before anything parses it, cuts it into its native events and redacts each. The text is read once
 * into a tape, without recursion; the elements are walked on the tape. Never throws. Decided here (reliability.md 3.2
 * row 12): a byte order mark, raw control characters and anything beyond RFC 8259 are `invalid_json`; numbers that no
 * double can hold are `bounds`; escapes of lone surrogates are let through as they are, because an event must not vanish
 * for a broken name in it; keys `__proto__` and `constructor.prototype` are `invalid_json`; other repeated keys are told.
 */
export const scanDelivery: ScanDelivery = (bytes, options) => {
  if (options.format === 'lines') return scanLines(bytes, options);
  if (!isUtf8(bytes)) {
    return { ok: false, reason: 'invalid_encoding', detail: 'the bytes are not UTF-8', position: validPrefix(bytes) };
  }
  const result = readTape(bytes, options.limits);
  if (result.ok) {
    const text = bytes.toString('latin1');
    return cutAndRedact({ bytes, text, tape: result.tape, anchored: hasAnchor(text, 0, text.length) }, options);
  }
  if (options.format === 'detect' && result.afterValue !== undefined) {
    if (bytes.subarray(result.afterValue, result.position).includes(LINE_FEED)) return scanLines(bytes, options);
  }
  return { ok: false, reason: result.reason, detail: result.detail, position: result.position };
};

function cutAndRedact(read: ReadText, options: ScanOptions): ScanResult {
  const { bytes, tape } = read;
  const top = kindOf(tape, 0);
  if (top !== KIND.object && top !== KIND.array) {
    return { ok: false, reason: 'not_an_object', detail: 'the text is a single value', position: tape.starts[0] ?? 0 };
  }
  const tokens = findElements(read, options.containers);
  const plan = planOf(options);
  const elements: ScannedElement[] = [];
  for (const token of tokens ?? [0]) {
    const element = scanElement(read, token, plan);
    if (!('reason' in element)) elements.push(element);
    else if (options.faults !== 'withhold') return { ok: false, ...element };
    else elements.push(withhold(bytes.subarray(tape.starts[token], tape.ends[token]), element));
    if (elements.length > options.limits.maxElements) {
      const detail = `more than ${options.limits.maxElements} events in one delivery`;
      return { ok: false, reason: 'bounds', detail, position: tape.starts[token] ?? 0 };
    }
  }
  return { ok: true, cut: tokens !== undefined, elements };
}

function scanElement(read: ReadText, token: number, plan: RedactionPlan): ScannedElement | ScanFault {
  if (kindOf(read.tape, token) === KIND.object) return redactElement(read, token, plan);
  return { reason: 'not_an_object', detail: 'an event is not an object', position: read.tape.starts[token] ?? 0 };
}

/**
 * The events of a delivery; undefined where no container is there, or the one that is there is empty: then the whole
 * body is evidence of what was sent. A top-level array is always a container, and may be empty.
 */
function findElements(read: ReadText, containers: readonly (readonly string[])[]): Iterable<number> | undefined {
  const { tape } = read;
  if (kindOf(tape, 0) === KIND.array) return itemsOf(tape, 0);
  for (const path of containers) {
    const token = path.length === 0 ? undefined : findPath(read, 0, path);
    if (token === undefined || kindOf(tape, token) !== KIND.array) continue;
    return tape.links[token] === token + 1 ? undefined : itemsOf(tape, token);
  }
  return undefined;
}

/** One JSON text a line; a line that cannot be read is withheld, and the others stay. Empty lines are skipped. */
function scanLines(bytes: Buffer, options: ScanOptions): ScanResult {
  const elements: ScannedElement[] = [];
  // A line of an issuer that holds a secret must not be stored as a marker and answered as taken.
  const faults = options.secrets === 'refuse' ? 'refuse' : 'withhold';
  const perLine: ScanOptions = { ...options, format: 'json', faults };
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.length : feed;
    const line = bytes.subarray(start, end);
    const result = scanDelivery(line, perLine);
    if (result.ok) for (const element of result.elements) elements.push(element);
    else if (result.reason !== 'empty_body') {
      if (options.secrets === 'refuse') return result;
      elements.push(withhold(line, result));
    }
    if (elements.length > options.limits.maxElements) {
      const detail = `more than ${options.limits.maxElements} events in one delivery`;
      return { ok: false, reason: 'bounds', detail, position: start };
    }
    start = end + 1;
  }
  if (elements.length === 0) return { ok: false, reason: 'empty_body', detail: 'nothing was sent', position: 0 };
  return { ok: true, cut: true, elements };
}

/** What stands for an event whose bytes cannot be kept: how many they were, and their digest. */
export function withhold(bytes: Buffer, { reason, detail, position }: ScanFault): ScannedElement {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const value = Buffer.from(JSON.stringify({ unreadable: { bytes: bytes.length, sha256, reason } }));
  return { value, redactions: [], duplicateKeys: false, unreadable: { reason, detail, position } };
}

function planOf(options: ScanOptions): RedactionPlan {
  let rules = compiled.get(options.redact);
  if (rules === undefined) compiled.set(options.redact, (rules = compilePathRules(options.redact)));
  const redactJson = (text: string, rule: string): string => redactEmbedded(text, rule, options);
  return { rules, keep: new Set(options.keep), limits: options.limits, secrets: options.secrets, redactJson };
}

// JSON within a string (TextPart `json`): an element of its own. What begins as JSON and is none cannot be redacted, so
// nothing of it is kept. Each level of nesting doubles the escapes, so the depth is bounded by the length.
function redactEmbedded(text: string, rule: string, options: ScanOptions): string {
  if (!/^\s*[{[]/.test(text)) return text;
  const inner: ScanOptions = { ...options, containers: [], format: 'json', faults: 'refuse' };
  const scanned = withOwnTape(() => scanDelivery(Buffer.from(text), inner));
  const [element] = scanned.ok ? scanned.elements : [];
  return element && scanned.ok && !scanned.cut ? element.value.toString('utf8') : `[REDACTED:${rule}]`;
}

/** The position of the first byte that is no UTF-8. */
function validPrefix(bytes: Buffer): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    // A character may be cut by the middle: then one of the three bytes before is a good end.
    const isGood = [0, 1, 2, 3].some((back) => isUtf8(bytes.subarray(0, Math.max(0, middle - back))));
    if (isGood) good = middle;
    else bad = middle;
  }
  while (good > 0 && !isUtf8(bytes.subarray(0, good))) good -= 1;
  return good;
}
