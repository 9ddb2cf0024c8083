import type { SourceState } from '../model/control.ts';
import type { Policy, PolicySource } from '../model/policy.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import {
  countArrivals,
  countRejections,
  findLogGaps,
  findSequenceHoles,
  findSilences,
} from '../store/queries/source-states.ts';
import type { ArrivalRow, HoleRow, RejectionRow } from '../store/queries/source-states.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';

type Gap = SourceState['gaps'][number];

/**
 * What is known of each source as of a moment (microseconds UTC; absent: everything held): counts by disposition, how
 * far it was read, and its gaps. Every registered source is there, also one that never sent anything; so is one that
 * sent without being registered. Sorted by family and installation.
 */
export async function readSources(reader: Reader, policy: Policy, asOf?: Micros): Promise<SourceState[]> {
  const asOfMs = asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
  const { tenant } = policy;
  const arrivals = groupBy(await reader.read(countArrivals(tenant, asOfMs)));
  const rejections = groupBy(await reader.read(countRejections(tenant, asOfMs)));
  const holes = groupBy(await reader.read(findSequenceHoles(tenant, asOfMs)));
  const logGaps = await reader.read(findLogGaps());
  const registered = new Map(policy.sources.map((entry) => [idOf(entry), entry]));
  const states: SourceState[] = [];
  for (const id of [...new Set([...registered.keys(), ...arrivals.keys(), ...rejections.keys()])].toSorted()) {
    const entry = registered.get(id);
    const silences = entry?.expected_interval_s === undefined ? [] : await readSilences(reader, tenant, entry, asOfMs);
    const ofLog = logGaps.filter((gap) => gap.topic === familyOfId(id));
    const gaps = [
      ...sequenceGaps(holes.get(id) ?? [], entry),
      ...silences,
      ...ofLog.map((gap) =>
        gapOf(gap.at_us, gap.at_us, `the log skipped ${gap.first_offset} to ${gap.last_offset}: ${gap.reason}`, 'log'),
      ),
    ];
    states.push(stateOf(id, entry, arrivals.get(id) ?? [], rejections.get(id) ?? [], gaps));
  }
  return states;
}

function stateOf(
  id: string,
  entry: PolicySource | undefined,
  arrivals: readonly ArrivalRow[],
  rejections: readonly RejectionRow[],
  gaps: readonly Gap[],
): SourceState {
  const of = (disposition: ArrivalRow['disposition']): number =>
    arrivals.filter((row) => row.disposition === disposition).reduce((sum, row) => sum + row.events, 0);
  const rejected = rejections.reduce((sum, row) => sum + row.records, 0);
  const accepted = arrivals.filter((row) => row.disposition === 'accepted');
  const received = Math.max(0, ...[...arrivals, ...rejections].map((row) => row.received_ms));
  const first = Math.min(...accepted.map((row) => row.first_us));
  const last = Math.max(...accepted.map((row) => row.last_us));
  return {
    family: familyOfId(id),
    instance: id.slice(familyOfId(id).length + 1),
    registered: entry !== undefined,
    records: of('accepted') + of('duplicate') + of('conflict') + rejected,
    accepted: of('accepted'),
    duplicate: of('duplicate'),
    conflict: of('conflict'),
    rejected: Object.fromEntries(rejections.map((row) => [row.reason, row.records])),
    ...(accepted.length === 0 ? {} : { first_occurred_at: formatMicros(first), last_occurred_at: formatMicros(last) }),
    ...(received === 0 ? {} : { last_received_at: formatMicros(received * 1_000) }),
    integrity: entry?.integrity ?? 'none',
    gaps,
  };
}

/** Gaps of a counter. Only one that the policy calls dense must have every number; others count more than they send. */
export function sequenceGaps(holes: readonly HoleRow[], entry: PolicySource | undefined): readonly Gap[] {
  if (entry?.integrity !== 'dense_seq') return [];
  return holes.flatMap((hole) => {
    const [previous, next] = [BigInt(hole.previous), BigInt(hole.next)];
    const begins = entry.first_sequence === undefined ? next : BigInt(entry.first_sequence);
    const from = previous === 0n ? begins : previous + 1n;
    if (from >= next) return [];
    const missing = next - from === 1n ? `number ${from}` : `numbers ${from} to ${next - 1n}`;
    return [gapOf(hole.from_us, hole.to_us, `the source counted on, but ${missing} never came`, 'sequence')];
  });
}

async function readSilences(
  reader: Reader,
  tenant: string,
  entry: PolicySource,
  asOfMs: number,
): Promise<readonly Gap[]> {
  const seconds = entry.expected_interval_s ?? 0;
  const rows = await reader.read(findSilences(tenant, entry.family, entry.instance, seconds, asOfMs));
  return rows.map((row) => silenceGap(row.from_us, row.to_us, seconds));
}

/** A stretch in which a source said nothing for longer than the interval that the policy expects of it, in seconds. */
export function silenceGap(from: Micros, to: Micros, seconds: number): Gap {
  return gapOf(from, to, `nothing came for more than ${seconds} s`, 'silence');
}

function gapOf(from: Micros, to: Micros, reason: string, kind: NonNullable<Gap['kind']>): Gap {
  return { from: formatMicros(from), to: formatMicros(to), reason, kind };
}

function groupBy<Row extends { readonly family: string; readonly instance: string }>(
  rows: readonly Row[],
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const list = groups.get(idOf(row));
    if (list) list.push(row);
    else groups.set(idOf(row), [row]);
  }
  return groups;
}

function idOf(entry: { readonly family: string; readonly instance: string }): string {
  return `${entry.family} ${entry.instance}`;
}

function familyOfId(id: string): string {
  return id.slice(0, id.indexOf(' '));
}
