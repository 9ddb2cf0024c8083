import type { Truth } from './truth.ts';

/** Microseconds since 1970-01-01T00:00:00 UTC. A safe integer until the year 2255. */
export type Micros = number;

/** Microseconds of a day, UTC: days there are all of one length. */
export const DAY_US = 86_400_000_000;

/** How finely a source writes its stamps. Nanoseconds are cut to microseconds, but the source keeps its name. */
export type Precision = 's' | 'ms' | 'us' | 'ns';

/** A moment as a source wrote it. */
export interface Stamp {
  readonly at: Micros;
  readonly precision: Precision;
}

const RESOLUTION_US: Record<Precision, number> = { s: 1_000_000, ms: 1_000, us: 1, ns: 1 };

/** Width in microseconds of the interval that a stamp of this precision stands for. */
export function resolutionUs(precision: Precision): number {
  return RESOLUTION_US[precision];
}

// "2026-08-20T09:14:02.318Z", "2026-08-20 09:11:40 UTC", "2026-08-20 09:15:32 +0000", "2026-08-20T09:14:02+02:00".
// A zone is required: a stamp without one would have to be guessed (sources.md 1.3, 4.2).
const STAMP = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d{2}:?\d{2})$/i;

/**
 * Reads a timestamp with a zone: RFC 3339, and GitLab's "YYYY-MM-DD HH:MM:SS UTC" and "... +0000".
 * Gives undefined for anything else, for an impossible date (February 30), and for years outside 1970 to 2199.
 */
export function parseStamp(text: unknown): Stamp | undefined {
  if (typeof text !== 'string' || text.length > 40) return undefined;
  const plain = parsePlain(text);
  if (plain) return plain;
  const found = STAMP.exec(text);
  if (!found) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = found;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  // Date.UTC rolls over what does not exist (month 13, February 30, minute 60): such a date is no date.
  const check = new Date(date);
  if (check.getUTCMonth() + 1 !== Number(month) || check.getUTCDate() !== Number(day)) return undefined;
  if (check.getUTCHours() !== Number(hour) || check.getUTCMinutes() !== Number(minute)) return undefined;
  const at = date * 1_000 + Number(fraction.padEnd(9, '0').slice(0, 6) || '0') - zoneOffsetUs(zone);
  if (at < 0 || Number(year) > 2199) return undefined;
  return { at, precision: precisionOf(fraction.length) };
}

/** A stamp from epoch milliseconds (Keycloak, hoop reviews); undefined unless it is a whole number of 1970 to 2199. */
export function stampFromMillis(millis: unknown): Stamp | undefined {
  if (typeof millis !== 'number' || !Number.isSafeInteger(millis) || millis < 0 || millis > 7.26e12) return undefined;
  return { at: millis * 1_000, precision: 'ms' };
}

/** The day of a moment, UTC: "2026-03-01". */
export function dayOf(at: Micros): string {
  return new Date(Math.floor(at / 1_000)).toISOString().slice(0, 10);
}

/** "2026-08-20T09:14:02.318000Z": always UTC, always six digits, so that text order is time order. */
export function formatMicros(at: Micros): string {
  const millis = Math.floor(at / 1_000);
  return new Date(millis).toISOString().replace('Z', String(at - millis * 1_000).padStart(3, '0') + 'Z');
}

/** What is needed to place a moment against another: the stamp and how far its source's clock may be off. */
export interface Clocked extends Stamp {
  readonly skewUs: number;
}

/**
 * Whether `a` lies before `b` by the clocks alone (controls.md 2.3 rule 3, without its causality and sequence parts):
 * unknown when the distance is not greater than the two skews and the two resolutions together.
 */
export function clockBefore(a: Clocked, b: Clocked): Truth {
  const eps = a.skewUs + b.skewUs + resolutionUs(a.precision) + resolutionUs(b.precision);
  if (b.at - a.at > eps) return true;
  return a.at - b.at > eps ? false : 'unknown';
}

// "2026-08-20T09:14:02Z" and "2026-08-20T09:14:02.318Z", as most sources write: read without a regular expression, which
// takes ten times as long. Anything else, and whatever is no date, is left to the long way.
function parsePlain(text: string): Stamp | undefined {
  if (text.length !== 20 && text.length !== 24) return undefined;
  for (const [at, mark] of text.length === 20 ? MARKS : MARKS_MS) if (text.charCodeAt(at) !== mark) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  const millis = text.length === 20 ? 0 : digits(text, 20, 3);
  // 28 days are in every month. A field that is no number is NaN, and no comparison with it is true.
  const isDate = year >= 1970 && year <= 2199 && month >= 1 && month <= 12 && day >= 1 && day <= 28;
  if (!isDate || !(hour < 24 && minute < 60 && second < 60 && millis < 1_000)) return undefined;
  const at = Date.UTC(year, month - 1, day, hour, minute, second, millis) * 1_000;
  return { at, precision: text.length === 20 ? 's' : 'ms' };
}

const BEFORE_TIME = [[4, 45], [7, 45], [10, 84], [13, 58], [16, 58]] as const; // prettier-ignore
const MARKS = [...BEFORE_TIME, [19, 90]] as const;
const MARKS_MS = [...BEFORE_TIME, [19, 46], [23, 90]] as const;

function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let index = from; index < from + count; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function zoneOffsetUs(zone: string): number {
  if (/^(z|utc)$/i.test(zone)) return 0;
  const sign = zone.startsWith('-') ? -1 : 1;
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))) * 60_000_000;
}

function precisionOf(digits: number): Precision {
  if (digits === 0) return 's';
  if (digits <= 3) return 'ms';
  return digits <= 6 ? 'us' : 'ns';
}
