import type { Policy } from '../../../model/policy.ts';
import { clockBefore, formatMicros } from '../../../model/time.ts';
import type { Clocked, Micros } from '../../../model/time.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { clockAt } from '../../chains/rules.ts';
import { addBusinessDays } from '../business-days.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { spell } from '../words.ts';

type Finding = Policy['findings'][number];

interface Triage {
  readonly at: Micros;
  readonly clock: Clocked;
  readonly by?: string;
  readonly evidence: readonly string[];
}

/** T-39: what was detected is looked at, by somebody whom it is not about. */
export const T39: ControlTest<Finding> = {
  id: 'T-39',
  version: 2,
  title: 'Detections triaged',
  control:
    'Each detection is looked at within the time for its severity, by somebody whom it is not about, and is closed with a reason.',
  key: false,
  nature: 'corrective',
  frequency: 'per_event',
  population: {
    definition: 'Detections and alerts that were raised in the period, by their register.',
    source: 'own_records',
    select: ({ policy, from, to, asOf }) =>
      policy.findings
        .filter(({ raised_at: at }) => from <= at && at < to && at <= asOf)
        .map((finding) => candidate(`finding:${finding.id}`, finding.raised_at, finding, { evidence: finding.evidence === undefined ? [] : [finding.evidence] })),
  },
  stratumOf: ({ subject }) => subject.severity,
  exclusions: [],
  attributes: [
    { code: 'late_triage', text: 'It was looked at within the business days for its severity.', check: isInTime },
    { code: 'triaged_by_subject', text: 'Somebody looked at it whom it is not about.', check: isByOther },
    { code: 'closed_without_reason', text: 'If it is closed, a reason says why.', check: statesReason },
  ],
  minLink: 'policy',
  parameters: ({ parameters }) =>
    Object.fromEntries(Object.entries(parameters.triage_business_days).map(([name, days]) => [`triage ${name}`, `${days} business days (Monday to Friday, UTC)`])),
  inputs: ['custody.self', 'ce', 'okta.log', 'gitlab.audit'],
  proves: 'That each registered detection was looked at in time, by somebody else than whom it is about.',
  doesNotProve: 'That detections find what they should, or that whoever looked came to the right conclusion.',
}; // prettier-ignore

const remembered = new WeakMap<ControlContext, ReadonlyMap<string, readonly StoredEvent[]>>();

/** Reviews of findings that events tell of, by the finding's id. */
function reviewsOf(context: ControlContext): ReadonlyMap<string, readonly StoredEvent[]> {
  const known = remembered.get(context);
  if (known) return known;
  const found = new Map<string, StoredEvent[]>();
  for (const event of context.graph.events.values()) {
    const review = event.facts.review;
    if (review === undefined || !['finding', 'alert'].includes(review.subject_type) || event.disposition !== 'accepted') continue;
    found.set(review.subject_id, [...(found.get(review.subject_id) ?? []), event]);
  }
  remembered.set(context, found);
  return found;
} // prettier-ignore

/** A moment of the register: it has no clock that could be off. */
function registered(at: Micros): Clocked {
  return { at, precision: 'us', skewUs: 0 };
}

/** Whoever looked at a finding by as-of, first to last: by its register, and by reviews that were told as events. */
function triagesOf(finding: Finding, context: ControlContext): readonly Triage[] {
  const { triaged_at: at, triaged_by: by } = finding;
  const kept: readonly Triage[] = at === undefined ? [] : [{ at, clock: registered(at), evidence: [], ...(by === undefined ? {} : { by }) }];
  const told = (reviewsOf(context).get(finding.id) ?? []).map((event): Triage => {
    const reviewedAt = event.facts.review?.at ?? event.occurredAt;
    return { at: reviewedAt, clock: clockAt(context.rules, event, reviewedAt), by: event.actor.key, evidence: [event.event] };
  });
  return [...kept, ...told].filter((triage) => triage.at <= context.asOf).toSorted((a, b) => a.at - b.at);
} // prettier-ignore

function isInTime({ subject }: Candidate<Finding>, context: ControlContext): Answer {
  const limits = context.policy.parameters.triage_business_days;
  const [first] = triagesOf(subject, context);
  const days = Object.hasOwn(limits, subject.severity) ? limits[subject.severity] : undefined;
  const strictest = Math.min(...Object.values(limits));
  const dueAt = addBusinessDays(subject.raised_at, days ?? strictest);
  if (first && first.at <= dueAt) return HOLDS;
  if (days === undefined)
    return undecided('severity_unknown', `The policy sets no time for severity ${subject.severity}`);
  if (first) {
    const sentence = `Looked at ${spell(first.at - dueAt)} after it was due`;
    return clockBefore(registered(dueAt), first.clock) === true
      ? fails('late_triage', sentence, first.evidence)
      : undecided('order_within_skew', `${sentence}, which the clocks do not decide`, first.evidence);
  }
  return context.asOf < dueAt
    ? undecided('not_yet_due', `Not looked at yet; it is due by ${formatMicros(dueAt)}`)
    : fails('late_triage', `Nobody looked at it; it was due by ${formatMicros(dueAt)}`);
}

function isByOther({ subject }: Candidate<Finding>, context: ControlContext): Answer {
  const triages = triagesOf(subject, context);
  const about = subject.subject;
  if (triages.length === 0 || about === undefined) return HOLDS;
  const same = triages.map(({ by, at }) =>
    by === undefined ? 'unknown' : context.identities.sameParty({ kind: 'human', key: by }, { kind: 'unknown', key: about }, at),
  );
  // What it is about need not be a person at all: then nobody is it.
  const isPerson = context.identities.personOf(about) !== undefined;
  if (same.includes(false) || (!isPerson && triages.some(({ by }) => by !== undefined))) return HOLDS;
  return same.includes('unknown')
    ? undecided('unresolved_identity', `It cannot be said whether it is about whoever looked at it`)
    : fails('triaged_by_subject', `Only ${about} looked at it, whom it is about`);
} // prettier-ignore

function statesReason({ subject }: Candidate<Finding>, { asOf }: ControlContext): Answer {
  const { closed_at: at, outcome } = subject;
  if (at === undefined || at > asOf || (outcome?.trim() ?? '') !== '') return HOLDS;
  return fails('closed_without_reason', `Closed at ${formatMicros(at)} without a reason`);
}
