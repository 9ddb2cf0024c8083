import type { SourceGap } from '../model/control.ts';
import type { PolicySource } from '../model/policy.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import type { DigestRow, MissingFileRow } from '../store/queries/source-digests.ts';
import type { UnstreamedRow } from '../store/queries/source-reconciliation.ts';
import type { HoleRow, RunRow } from '../store/queries/source-sequences.ts';
import type { LogGapRow } from '../store/queries/source-states.ts';

/** How each means of continuity tells a gap. Pure; times are microseconds UTC. */

/** Gaps of a counter. Only one that the policy calls dense must have every number; others count more than they send. */
export function sequenceGaps(
  holes: readonly HoleRow[],
  entry: PolicySource | undefined,
  runs: readonly RunRow[] = [],
): readonly SourceGap[] {
  if (entry?.integrity !== 'dense_seq') return [];
  const missing = holes.flatMap((hole) => {
    const { from, count } = missingIn(hole, entry);
    if (count <= 0n) return [];
    const numbers = count === 1n ? `number ${from}` : `numbers ${from} to ${from + count - 1n}`;
    return [gapOf(hole.from_us, hole.to_us, `the source counted on, but ${numbers} never came`, 'sequence')];
  });
  const resets = runs.slice(1).map((run, index) => {
    const before = runs[index] ?? run;
    const reason = `the counter began anew at ${run.first} after ${before.last}; whether more came before that cannot be known`;
    return gapOf(Math.min(before.last_us, run.first_us), Math.max(before.last_us, run.first_us), reason, 'sequence');
  });
  return [...missing, ...resets];
}

/** The first number that is missing before a row, and how many are. */
export function missingIn(hole: HoleRow, entry: PolicySource): { readonly from: bigint; readonly count: bigint } {
  const [previous, next] = [BigInt(hole.previous), BigInt(hole.next)];
  const begins = entry.first_sequence === undefined ? next : BigInt(entry.first_sequence);
  const from = previous === 0n ? begins : previous + 1n;
  return { from, count: next > from ? next - from : 0n };
}

/** Numbers as ranges: 1, 2, 3, 7 becomes "1..3", "7". They are sorted. */
export function rangesOf(numbers: readonly string[]): readonly string[] {
  const ranges: { first: bigint; last: bigint }[] = [];
  for (const number of numbers.map(BigInt)) {
    const open = ranges.at(-1);
    if (open && open.last + 1n === number) open.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}..${last}`));
}

/** A stretch in which a source said nothing for longer than the interval that the policy expects of it, in seconds. */
export function silenceGap(from: Micros, to: Micros, seconds: number): SourceGap {
  return gapOf(from, to, `nothing came for more than ${seconds} s`, 'silence');
}

/** What the log lost of a whole family: which of its sources sent it, nobody can say. */
export function logGap(row: LogGapRow): SourceGap {
  return gapOf(
    row.from_us,
    row.to_us,
    `the log skipped ${row.first_offset} to ${row.last_offset}: ${row.reason}`,
    'log',
  );
}

/** Saved events that were never streamed. */
export function unstreamedGap(row: UnstreamedRow): SourceGap {
  const what =
    row.missing === 1
      ? `1 saved event (${row.example}) was`
      : `${row.missing} saved events (the first ${row.example}) were`;
  return gapOf(row.from_us, row.to_us, `${what} never streamed; a second pull holds what the stream left out`, 'reconciliation'); // prettier-ignore
}

/** A log file that a digest names and that never came. */
export function missingFileGap(row: MissingFileRow): SourceGap {
  return gapOf(row.from_us, row.to_us, `the digest names the log file ${lastPart(row.name)}, of which no event came`, 'digest'); // prettier-ignore
}

/** How digests hang together: each names the one before it, with its hash. */
export interface DigestChain {
  readonly gaps: readonly SourceGap[];
  readonly chained: number;
  readonly missing: number;
  readonly other: number;
}

/**
 * Follows each digest to the one before it. The oldest of a trail and region begins its chain here; of every other the
 * predecessor must be held, with the hash that is named. One that lost a secret when it was stored cannot be compared.
 */
export function followDigests(rows: readonly DigestRow[]): DigestChain {
  const held = new Map(rows.map((row) => [row.object, row]));
  const ends = new Map<string, Micros>();
  const gaps: SourceGap[] = [];
  let [chained, missing, other] = [0, 0, 0];
  for (const row of rows) {
    const chain = chainOf(row.object);
    const before = ends.get(chain);
    ends.set(chain, Math.max(before ?? 0, row.to_us));
    if (before === undefined || row.previous === '') continue;
    const previous = held.get(row.previous);
    if (!previous) {
      missing += 1;
      const from = Math.min(before, row.from_us);
      gaps.push(gapOf(from, row.from_us, `the digest ${lastPart(row.previous)} never came, nor what only it names`, 'digest')); // prettier-ignore
    } else if (previous.sha256 !== '' && previous.sha256 !== row.previous_sha256.toLowerCase()) {
      other += 1;
      gaps.push(gapOf(previous.from_us, previous.to_us, `the digest ${lastPart(row.previous)} is not the one that its successor names: its hash differs`, 'digest')); // prettier-ignore
    } else if (previous.sha256 !== '') chained += 1;
  }
  return { gaps, chained, missing, other };
}

// `.../CloudTrail-Digest/<region>/2026/08/20/<account>_CloudTrail-Digest_<region>_<trail>_<region>_20260820T150131Z.json.gz`,
// with `_backfill` before the end for late files: the same trail in the same region is one chain.
function chainOf(object: string): string {
  return object.replace(/\/\d{4}\/\d{2}\/\d{2}\//, '/').replace(/_\d{8}T\d{6}Z(?:_backfill)?/, '');
}

function lastPart(object: string): string {
  return object.slice(object.lastIndexOf('/') + 1);
}

function gapOf(from: Micros, to: Micros, reason: string, kind: NonNullable<SourceGap['kind']>): SourceGap {
  return { from: formatMicros(from), to: formatMicros(to), reason, kind };
}
