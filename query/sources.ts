import type { SourceGap, SourceState } from '../model/control.ts';
import type { Policy, PolicySource } from '../model/policy.ts';
import { formatMicros, parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { countArrivals, countRejections, findLogGaps } from '../store/queries/source-states.ts';
import type { ArrivalRow, RejectionRow } from '../store/queries/source-states.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import { readContinuity } from './continuity.ts';
import { logGap } from './source-gaps.ts';
import { groupBy, idOf } from './source-groups.ts';

/** Which part of the sources' life is asked for. Times are microseconds UTC. */
export interface SourcesQuestion {
  /** Only what was received by then; absent: everything held. With it, a source that fell silent is seen to be. */
  readonly asOf?: Micros | undefined;
  /** Counts, pace and lateness of `[from, to)`, and the gaps that touch it; absent: of all there is. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  /** Until when silence counts, where that is before `to` and `asOf`: the end of the period that is judged. */
  readonly until?: Micros | undefined;
  /** Also pace and lateness, which cost a pass over the events each; nothing is judged by them. */
  readonly detail?: boolean;
}

/**
 * What is known of each source: counts by disposition, how far it was read, what was expected against what came, its
 * gaps. Every registered source is there, also one that never sent anything; so is one that sent without being
 * registered. Sorted by family and installation. A fixed number of queries, whatever the number of sources.
 */
export async function readSources(
  reader: Reader,
  policy: Policy,
  question: SourcesQuestion = {},
): Promise<SourceState[]> {
  const { asOf, from = 0, to = NO_AS_OF_MS * 1_000 } = question;
  const asOfMs = asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
  const { tenant } = policy;
  const arrivals = groupBy(await reader.read(countArrivals(tenant, from, to, asOfMs)));
  const rejections = groupBy(
    await reader.read(countRejections(tenant, Math.floor(from / 1_000), Math.ceil(to / 1_000), asOfMs)),
  );
  const logGaps = await reader.read(findLogGaps(asOfMs));
  const continuity = await readContinuity(reader, policy, { ...question, asOfMs, fromUs: from, toUs: to });
  const registered = new Map(policy.sources.map((entry) => [idOf(entry), entry]));
  const touches = (gap: SourceGap): boolean => micros(gap.from) < to && micros(gap.to) >= from;
  return [...new Set([...registered.keys(), ...arrivals.keys(), ...rejections.keys()])].toSorted().map((id) => {
    const ofLog = logGaps.filter((gap) => gap.topic === familyOfId(id)).map(logGap);
    const { gaps, facts } = continuity(id);
    const state = stateOf(id, registered.get(id), arrivals.get(id) ?? [], rejections.get(id) ?? []);
    return {
      ...state,
      gaps: [...gaps, ...ofLog].filter(touches),
      ...(Object.keys(facts).length === 0 ? {} : { continuity: facts }),
    };
  });
}

function stateOf(
  id: string,
  entry: PolicySource | undefined,
  arrivals: readonly ArrivalRow[],
  rejections: readonly RejectionRow[],
): Omit<SourceState, 'gaps' | 'continuity'> {
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
  };
}

function familyOfId(id: string): string {
  return id.slice(0, id.indexOf(' '));
}

function micros(text: string): Micros {
  return parseStamp(text)?.at ?? Number.NaN;
}
