import type { Continuity, SourceGap } from '../model/control.ts';
import type { Policy, PolicySource } from '../model/policy.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { findDigests, findMissingFiles } from '../store/queries/source-digests.ts';
import { countReconciled, findUnstreamed } from '../store/queries/source-reconciliation.ts';
import { findSequenceHoles, findSequenceRuns } from '../store/queries/source-sequences.ts';
import type { HoleRow, RunRow } from '../store/queries/source-sequences.ts';
import { findLastEvents, findLateness, findRhythms, findSilences } from '../store/queries/source-silences.ts';
import {
  followDigests,
  missingFileGap,
  missingIn,
  rangesOf,
  sequenceGaps,
  silenceGap,
  unstreamedGap,
} from './source-gaps.ts';
import { groupBy, idOf } from './source-groups.ts';
import type { SourcesQuestion } from './sources.ts';

/** A question with its bounds filled in. */
export interface ContinuityQuestion extends SourcesQuestion {
  readonly asOfMs: number;
  readonly fromUs: Micros;
  readonly toUs: Micros;
}

/** What the means of a source tell; each part is of one means. */
interface Found {
  readonly gaps: readonly SourceGap[];
  readonly facts: Continuity;
}

type Means = (id: string) => Found;

const NOTHING: Found = { gaps: [], facts: {} };

/**
 * Expected against received, for all sources at once: counters, pace, digests, second pulls, lateness. Each means is one
 * or two queries over all sources that have it, and none where no source has it.
 */
export async function readContinuity(reader: Reader, policy: Policy, question: ContinuityQuestion): Promise<Means> {
  const means = [
    await readSequences(reader, policy, question),
    await readPace(reader, policy, question),
    await readDigests(reader, policy, question),
    await readReconciliation(reader, policy, question),
    await readLateness(reader, policy, question),
  ];
  return (id) => {
    const found = means.map((tell) => tell(id));
    return { gaps: found.flatMap(({ gaps }) => gaps), facts: Object.assign({}, ...found.map(({ facts }) => facts)) };
  };
}

function entriesOf(policy: Policy, has: (entry: PolicySource) => boolean): ReadonlyMap<string, PolicySource> {
  return new Map(policy.sources.filter(has).map((entry) => [idOf(entry), entry]));
}

async function readSequences(reader: Reader, policy: Policy, { asOfMs }: ContinuityQuestion): Promise<Means> {
  const dense = entriesOf(policy, ({ integrity }) => integrity === 'dense_seq');
  if (dense.size === 0) return () => NOTHING;
  const holes = groupBy(await reader.read(findSequenceHoles(policy.tenant, [...dense.keys()], asOfMs)));
  const runs = groupBy(await reader.read(findSequenceRuns(policy.tenant, [...dense.keys()], asOfMs)));
  return (id) => {
    const entry = dense.get(id);
    const [own, ownRuns] = [holes.get(id) ?? [], runs.get(id) ?? []];
    if (!entry || ownRuns.length === 0) return NOTHING;
    return { gaps: sequenceGaps(own, entry, ownRuns), facts: { sequence: tellSequence(entry, own, ownRuns) } };
  };
}

function tellSequence(
  entry: PolicySource,
  holes: readonly HoleRow[],
  runs: readonly RunRow[],
): NonNullable<Continuity['sequence']> {
  const missing = holes.reduce((sum, hole) => sum + missingIn(hole, entry).count, 0n);
  return {
    first: runs[0]?.first ?? '',
    last: runs.at(-1)?.last ?? '',
    received: runs.reduce((sum, run) => sum + run.received, 0),
    missing: Number(missing),
    repeated: runs.flatMap((run) => rangesOf(run.repeated)),
    resets: runs.length - 1,
  };
}

async function readPace(reader: Reader, policy: Policy, question: ContinuityQuestion): Promise<Means> {
  const { asOf, asOfMs, fromUs, toUs, detail } = question;
  const paced = entriesOf(policy, ({ expected_interval_s: interval }) => interval !== undefined);
  const intervals = [...paced].map(([id, entry]) => ({ id, seconds: entry.expected_interval_s ?? 0 }));
  const silences = groupBy(paced.size === 0 ? [] : await reader.read(findSilences(policy.tenant, intervals, asOfMs)));
  const isTrailing = asOf !== undefined && (paced.size > 0 || detail === true);
  const lasts = groupBy(isTrailing ? await reader.read(findLastEvents(policy.tenant, asOfMs)) : []);
  const rhythms = groupBy(detail ? await reader.read(findRhythms(policy.tenant, fromUs, toUs, asOfMs)) : []);
  return (id) => {
    const entry = paced.get(id);
    const last = lasts.get(id)?.[0]?.last_us;
    const end = Math.min(asOf ?? 0, question.until ?? toUs, toUs);
    const silent = last === undefined || asOf === undefined ? undefined : (end - last) / 1_000_000;
    const between = entry ? (silences.get(id) ?? []).map((row) => silenceGap(row.from_us, row.to_us, entry.expected_interval_s ?? 0)) : []; // prettier-ignore
    const trailing = entry ? trailingSilence(entry, last, end, asOf ?? 0) : [];
    const rhythm = rhythms.get(id)?.[0];
    if (!rhythm) return { gaps: [...between, ...trailing], facts: {} };
    const pace = {
      basis: entry ? ('policy' as const) : ('rhythm' as const),
      interval_s: entry?.expected_interval_s ?? rhythm.usual_s,
      longest_silence_s: rhythm.longest_s,
      longest_silence_from: formatMicros(rhythm.longest_from_us),
      ...(silent === undefined || silent <= 0 ? {} : { silent_s: Math.round(silent) }),
      unusual: rhythm.unusual,
    };
    return { gaps: [...between, ...trailing], facts: { pace } };
  };
}

/** From the last event to the end of what is judged: a gap once even a late event could not fill it any more. */
function trailingSilence(
  entry: PolicySource,
  last: Micros | undefined,
  end: Micros,
  asOf: Micros,
): readonly SourceGap[] {
  const seconds = entry.expected_interval_s ?? 0;
  const mayBeLate = Math.max(0, entry.lateness_s * 1_000_000 - (asOf - end));
  if (last === undefined || end - last <= seconds * 1_000_000 + mayBeLate) return [];
  return [silenceGap(last, end, seconds)];
}

const CLOUDTRAIL = 'aws.cloudtrail';

async function readDigests(reader: Reader, policy: Policy, { asOfMs }: ContinuityQuestion): Promise<Means> {
  const entries = entriesOf(policy, ({ family }) => family === CLOUDTRAIL);
  if (entries.size === 0) return () => NOTHING;
  const digests = await reader.read(findDigests(policy.tenant, asOfMs));
  if (digests.length === 0) return () => NOTHING;
  const grace = Math.max(...[...entries.values()].map(({ lateness_s: lateness }) => lateness));
  const missing = await reader.read(findMissingFiles(policy.tenant, asOfMs, grace));
  return (id) => {
    const of = <Row extends { readonly instance: string }>(rows: readonly Row[]): readonly Row[] =>
      rows.filter(({ instance }) => id === `${CLOUDTRAIL} ${instance}`);
    const [own, files] = [of(digests), of(missing)];
    const { gaps, ...chain } = followDigests(own);
    if (own.length === 0) return { gaps: files.map(missingFileGap), facts: {} };
    const told = {
      held: own.length,
      from: formatMicros(Math.min(...own.map((row) => row.from_us))),
      to: formatMicros(Math.max(...own.map((row) => row.to_us))),
      files: own.reduce((sum, row) => sum + row.files, 0),
      files_missing: files.length,
      chained: chain.chained,
      predecessors_missing: chain.missing,
      predecessors_other: chain.other,
    };
    return { gaps: [...gaps, ...files.map(missingFileGap)], facts: { digests: told } };
  };
}

async function readReconciliation(reader: Reader, policy: Policy, { asOfMs }: ContinuityQuestion): Promise<Means> {
  const entries = entriesOf(policy, ({ reconcile_with: pull }) => pull !== undefined);
  if (entries.size === 0) return () => NOTHING;
  const asked = [...entries].map(([id, entry]) => ({ id, pull: entry.reconcile_with ?? '', latenessS: entry.lateness_s })); // prettier-ignore
  const gaps = groupBy(await reader.read(findUnstreamed(policy.tenant, asked, asOfMs)));
  const totals = groupBy(await reader.read(countReconciled(policy.tenant, asked, asOfMs)));
  return (id) => {
    if (!entries.has(id)) return NOTHING;
    const own = gaps.get(id) ?? [];
    const total = totals.get(id)?.[0];
    const reconciliation = {
      saved: total?.saved ?? 0,
      confirmed: total?.confirmed ?? 0,
      missing: own.reduce((sum, row) => sum + row.missing, 0),
      pending: total?.pending ?? 0,
      ...(total === undefined ? {} : { until: formatMicros(total.until_us) }),
    };
    return { gaps: own.map(unstreamedGap), facts: { reconciliation } };
  };
}

async function readLateness(reader: Reader, policy: Policy, question: ContinuityQuestion): Promise<Means> {
  const { asOfMs, fromUs, toUs, detail } = question;
  if (detail !== true) return () => NOTHING;
  const rows = groupBy(await reader.read(findLateness(policy.tenant, fromUs, toUs, asOfMs)));
  return (id) => {
    const row = rows.get(id)?.[0];
    if (!row) return NOTHING;
    const longest = Math.round(row.max_ms / 100) / 10;
    // The sketch may be 1 % above what was seen.
    const [p50 = 0, p95 = 0, p99 = 0] = row.percentiles_s.map((seconds) => Math.min(seconds, longest));
    const lateness = { events: row.events, p50_s: p50, p95_s: p95, p99_s: p99, max_s: longest };
    return { gaps: [], facts: { lateness } };
  };
}
