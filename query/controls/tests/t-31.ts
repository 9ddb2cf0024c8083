import type { SourceState } from '../../../model/control.ts';
import { FAMILIES } from '../../../model/source.ts';
import { parseStamp } from '../../../model/time.ts';
import type { Micros } from '../../../model/time.ts';
import { isExplained, standingText } from '../../gaps/gap-text.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { daysBetween, endOfDay, registeredSource, streamKey } from '../stream-days.ts';

type Gap = SourceState['gaps'][number];

interface StreamOnDay {
  readonly source: SourceState;
  readonly integrity: string;
  /** Gaps that are told of the day. */
  readonly gaps: readonly Gap[];
}

/** T-31: nothing of what a source counted, or promised to say, is missing. */
export const T31: ControlTest<StreamOnDay> = {
  id: 'T-31',
  version: 4,
  title: 'Source streams complete',
  control:
    'What a source numbers, chains or sends at a steady pace arrives without a gap; every gap is found and told.',
  key: true,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition: 'Registered sources, each on each day (UTC) of the period that had begun by as-of.',
    source: 'independent',
    select: selectStreamDays,
  },
  stratumOf: ({ subject: { integrity } }) => integrity,
  exclusions: [
    {
      code: 'no_integrity_mode',
      text: 'The source gives nothing by which a gap would show: neither numbers nor a chain, a digest, a pace or a second pull.',
      applies: ({ subject: { integrity, gaps, source } }) =>
        integrity === 'none' && gaps.length === 0 && !isCompared(source)
          ? 'The source gives nothing by which a gap would show'
          : undefined,
    },
    {
      code: 'explained_gap',
      text: 'Each gap of the day is explained by one person and confirmed by another. It is listed with their words.',
      applies: tellExplained,
    },
  ],
  attributes: [
    {
      code: 'sequence_gap',
      text: 'No number of a dense counter is missing.',
      check: holdsFor('sequence', 'sequence_gap'),
    },
    { code: 'log_gap', text: 'The log of received records skipped nothing.', check: holdsFor('log', 'log_gap') },
    {
      code: 'digest_gap',
      text: 'Each digest follows the one that it names, and the log files that it names came.',
      check: holdsFor('digest', 'digest_gap'),
    },
    {
      code: 'reconciliation_gap',
      text: 'What a second pull of the source holds was streamed too.',
      check: holdsFor('reconciliation', 'reconciliation_gap'),
    },
    {
      code: 'silence',
      text: 'The source was not silent for more than twice its interval.',
      check: holdsFor('silence', 'silence'),
    },
    { code: 'not_verified', text: 'Its chain of hashes, or its signed digests, verify.', check: isVerified },
  ],
  minLink: 'policy',
  parameters: ({ sources }) =>
    Object.fromEntries(sources.map(({ family, instance, integrity }) => [`${family} ${instance}`, integrity])),
  inputs: FAMILIES,
  proves:
    'That the sources which number or pace what they send have left nothing out, as far as it was received by as-of.',
  doesNotProve:
    'Anything of sources without numbers, chain, digest, pace or second pull. A second pull shows what the source saved, which for GitLab is a small part of what it streams. A log file that digests name counts as missing only where that is certain.',
};

function selectStreamDays({ sources, policy, from, to, asOf }: ControlContext): readonly Candidate<StreamOnDay>[] {
  return sources
    .filter(({ registered }) => registered)
    .flatMap((source) => {
      const integrity = registeredSource(policy, source)?.integrity ?? source.integrity;
      // A day that has not begun by as-of is one of which nobody can have seen anything.
      return daysBetween(from, Math.min(to, asOf)).map(({ day, from: begun }) => ({
        canonical: streamKey(source, day),
        item: streamKey(source, day),
        aliases: [],
        at: begun,
        evidence: [],
        subject: { source, integrity, gaps: source.gaps.filter((gap) => isOfDay(gap, begun, from)) },
      }));
    });
}

/** A silence is of each day that it touches. Of missing numbers nobody knows when they were: they are of the day on which the stream broke. */
function isOfDay(gap: Gap, begun: Micros, periodBegins: Micros): boolean {
  const [from, to] = [parseStamp(gap.from)?.at ?? 0, parseStamp(gap.to)?.at ?? 0];
  if (gap.kind === 'silence') return from < endOfDay(begun) && to >= begun;
  const broke = from < periodBegins && to >= periodBegins ? periodBegins : from;
  return begun <= broke && broke < endOfDay(begun);
}

/** Whether digests came, or a second pull, beside what the policy says of its integrity. */
function isCompared({ continuity }: SourceState): boolean {
  return continuity?.digests !== undefined || (continuity?.reconciliation?.saved ?? 0) > 0;
}

/** The gaps of a day that break what the source promised: any but a silence of up to twice its interval. */
function breaksOf({ subject: { source, gaps } }: Candidate<StreamOnDay>, { policy }: ControlContext): readonly Gap[] {
  const interval = registeredSource(policy, source)?.expected_interval_s ?? 0;
  return gaps.filter((gap) => gap.kind !== 'silence' || lengthOf(gap) > 2_000_000 * interval);
}

/** What people said of the gaps of a day, if it explains them all and nothing else of the day is open. */
function tellExplained(candidate: Candidate<StreamOnDay>, context: ControlContext): string | undefined {
  const breaks = breaksOf(candidate, context);
  if (breaks.length === 0 || !breaks.every(isExplained) || isVerified(candidate).truth !== true) return undefined;
  const [first] = breaks;
  return `${tell(breaks)}; ${standingText(first?.standing) ?? ''}`;
}

function holdsFor(
  kind: Exclude<Gap['kind'], undefined>,
  code: string,
): (candidate: Candidate<StreamOnDay>, context: ControlContext) => Answer {
  return (candidate, context) => {
    const found = breaksOf(candidate, context).filter(
      (gap) => !isExplained(gap) && (gap.kind === kind || (kind === 'log' && gap.kind === undefined)),
    );
    return found.length === 0 ? HOLDS : fails(code, tell(found));
  };
}

function lengthOf(gap: Gap): Micros {
  return (parseStamp(gap.to)?.at ?? 0) - (parseStamp(gap.from)?.at ?? 0);
}

function isVerified({ subject: { integrity, source } }: Candidate<StreamOnDay>): Answer {
  if (integrity === 'signed_digest' && source.continuity?.digests !== undefined)
    return undecided('not_verified', 'Its digests hang together, but the signatures beside them were not verified');
  return integrity === 'hash_chain' || integrity === 'signed_digest'
    ? undecided(
        'not_verified',
        `Its ${integrity === 'hash_chain' ? 'chain of hashes' : 'signed digests'} were not verified`,
      )
    : HOLDS;
}

function tell(gaps: readonly Gap[]): string {
  const [first] = gaps;
  const more = gaps.length > 1 ? `, and ${gaps.length - 1} more` : '';
  return `From ${first?.from} to ${first?.to}: ${first?.reason}${more}`;
}
