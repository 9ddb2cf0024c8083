import type { ActorRef } from '../../../model/actor.ts';
import { clockBefore, formatMicros } from '../../../model/time.ts';
import type { Clocked, Micros } from '../../../model/time.ts';
import { and, or } from '../../../model/truth.ts';
import type { Truth } from '../../../model/truth.ts';
import { happenedBeforeMoment } from '../../chains/order.ts';
import { clockAt, clockOf } from '../../chains/rules.ts';
import { addBusinessDays } from '../business-days.ts';
import { closingOf, selectBreakGlass, touchesOf } from '../break-glass.ts';
import type { Closing } from '../break-glass.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { findInterested } from '../parties.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { spell, spellSeconds } from '../words.ts';

/** T-29: whoever used emergency access, somebody else looked at it soon after. */
export const T29: ControlTest<ProductionIssue> = {
  id: 'T-29',
  version: 2,
  title: 'Break-glass reviewed independently and in time',
  control:
    'Each use of emergency access states a reason and is reviewed, with an outcome on record, by a person who took no part in it, within the business days of the policy.',
  key: true,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition:
      'Production credentials issued as emergency access in the period. One that is open for longer than the policy allows counts as closed at its limit.',
    source: 'own_records',
    select: selectBreakGlass,
  },
  exclusions: [],
  attributes: [
    { code: 'no_reason', text: 'A reason was given at the opening.', check: statesReason },
    { code: 'no_review', text: 'A review is on record, or is not due yet.', check: hasReview },
    { code: 'self_review', text: 'The reviewer is a person who took no part in it.', check: isIndependent },
    {
      code: 'review_before_touch',
      text: 'The review came after the last recorded touch, so that each could be looked at.',
      check: coversTouches,
    },
    {
      code: 'late_review',
      text: 'The independent review came within the business days of the policy.',
      check: isInTime,
    },
    { code: 'no_outcome', text: 'The review states an outcome.', check: hasOutcome },
  ],
  minLink: 'policy',
  parameters: ({ parameters }) => ({
    bg_review: `${parameters.bg_review_business_days} business days (Monday to Friday, UTC)`,
    bg_max: spellSeconds(parameters.bg_max_s),
  }),
  inputs: ['ce', 'aws.cloudtrail'],
  proves: 'That each emergency access was reviewed by somebody else, in time, and that the review came to an outcome.',
  doesNotProve: 'That every touch was shown to the reviewer, or that the change that followed was made properly.',
};

interface Review {
  readonly by: ActorRef;
  readonly clock: Clocked;
  readonly outcome?: string;
  readonly evidence: readonly string[];
  /** Whether the reviewer took part in what was reviewed. */
  readonly own: Truth;
  /** Whether every recorded touch came before the review. */
  readonly covers: Truth;
}

function statesReason({ subject: { issue, flow } }: Candidate<ProductionIssue>): Answer {
  const stated = flow.events.some(({ facts }) => [facts.request?.reason, facts.decision?.reason].some(isText));
  return stated || isText(issue.facts.relied_on?.reason) ? HOLDS : fails('no_reason', 'Opened without a reason');
}

function isText(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '' && text !== 'break_glass';
}

function hasReview({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const reviews = reviewsOf(subject, context);
  if (reviews.some(({ own }) => own !== true)) return HOLDS;
  const closing = reviewableFrom(subject, context);
  if (closing.at > context.asOf) return undecided('still_open', 'The access is still open', closing.evidence);
  const deadline = deadlineOf(closing.at, context);
  if (deadline > context.asOf)
    return undecided(
      'not_yet_due',
      `No review by another person yet; it is due by ${formatMicros(deadline)}`,
      closing.evidence,
    );
  return reviews.length > 0
    ? HOLDS
    : fails('no_review', `No review is on record; it was due by ${formatMicros(deadline)}`, closing.evidence);
}

function isIndependent({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const reviews = reviewsOf(subject, context);
  if (reviews.length === 0 || reviews.some(({ own }) => own === false)) return HOLDS;
  const evidence = [...reviewableFrom(subject, context).evidence, ...reviews.flatMap((review) => review.evidence)];
  const names = [...new Set(reviews.map(({ by }) => by.display ?? by.key))].join(', ');
  if (reviews.some(({ own }) => own === 'unknown'))
    return undecided('unresolved_identity', `It cannot be said whether ${names} took part in it`, evidence);
  const isDue = deadlineOf(reviewableFrom(subject, context).at, context) <= context.asOf;
  return isDue ? fails('self_review', `Reviewed only by somebody who took part in it: ${names}`, evidence) : HOLDS;
}

/** Who looks before the last touch has not seen all of them. */
function coversTouches({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const independent = independentOf(subject, context);
  if (independent.length === 0 || independent.some(({ covers }) => covers === true)) return HOLDS;
  const touches = touchesOf(subject).map(({ event }) => event);
  const evidence = [...independent.flatMap((review) => review.evidence), ...touches.slice(-1)];
  if (independent.some(({ covers }) => covers === 'unknown'))
    return undecided('order_within_skew', 'The clocks do not tell whether the review came after the last touch', evidence);
  const deadline = deadlineOf(reviewableFrom(subject, context).at, context);
  return deadline > context.asOf
    ? undecided('not_yet_due', `Touched after the review; the next is due by ${formatMicros(deadline)}`, evidence)
    : fails('review_before_touch', 'Touched after the last review by another person', evidence);
} // prettier-ignore

function isInTime({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const independent = independentOf(subject, context).filter(({ covers }) => covers !== false);
  if (independent.length === 0) return HOLDS;
  const closing = reviewableFrom(subject, context);
  const deadline = deadlineOf(closing.at, context);
  const late = independent.map(({ clock }): Truth =>
    clock.at <= deadline ? false : clockBefore({ ...clock, at: deadline }, clock),
  );
  const [first] = independent.toSorted((a, b) => a.clock.at - b.clock.at);
  if (late.includes(false) || !first) return HOLDS;
  const sentence = `Reviewed ${spell(first.clock.at - deadline)} after it was due`;
  const evidence = [...closing.evidence, ...first.evidence];
  return late.includes('unknown')
    ? undecided('order_within_skew', `${sentence}, which the clocks do not decide`, evidence)
    : fails('late_review', sentence, evidence);
}

function hasOutcome({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const independent = independentOf(subject, context).filter(({ covers }) => covers !== false);
  return independent.length === 0 || independent.some(({ outcome }) => isText(outcome))
    ? HOLDS
    : fails(
        'no_outcome',
        'The review states no outcome',
        independent.flatMap(({ evidence }) => evidence),
      );
}

/** From when a review is due: the end of the access, or of the longest time that the policy allows it. */
function reviewableFrom(subject: ProductionIssue, context: ControlContext): Pick<Closing, 'at' | 'evidence'> {
  const closing = closingOf(subject, context);
  const longest = subject.issue.occurredAt + context.policy.parameters.bg_max_s * 1_000_000;
  return closing.at > context.asOf && longest <= context.asOf ? { at: longest, evidence: closing.evidence } : closing;
}

function independentOf(subject: ProductionIssue, context: ControlContext): readonly Review[] {
  return reviewsOf(subject, context).filter(({ own }) => own === false);
}

function deadlineOf(closedAt: Micros, { policy }: ControlContext): Micros {
  return addBusinessDays(closedAt, policy.parameters.bg_review_business_days);
}

/** Reviews of the access, from events and from the register of the policy, each once. */
function reviewsOf(subject: ProductionIssue, context: ControlContext): readonly Review[] {
  const { flow } = subject;
  const touches = touchesOf(subject);
  const requests = [...flow.keys].filter((key) => key.startsWith('access-request:'));
  const told = requests
    .flatMap((key) => context.graph.namesOf(key).flatMap((name) => context.graph.events.get(name.ref) ?? []))
    .filter((event, index, all) => all.indexOf(event) === index && event.facts.review?.subject_type === 'break_glass');
  const fromEvents = told.map((event): Review => ({
    by: event.actor,
    clock: clockAt(context.rules, event, event.facts.review?.at ?? event.occurredAt),
    ...(event.facts.review?.outcome === undefined ? {} : { outcome: event.facts.review.outcome }),
    evidence: [event.event],
    own: tookPart(event.actor, subject, context, event.occurredAt),
    covers: and(
      ...touches.map((touch) =>
        happenedBeforeMoment(context.graph, touch, event, event.facts.review?.at, context.rules),
      ),
    ),
  }));
  const known = new Set(told.map((event) => event.event));
  const ids = new Set(requests.map((key) => key.slice(key.lastIndexOf('/') + 1)));
  const registered = context.policy.reviews
    .filter(
      (review) => review.subject_type === 'break_glass' && ids.has(review.subject_id) && review.at <= context.asOf,
    )
    .filter((review) => review.evidence === undefined || !known.has(review.evidence))
    .map((review): Review => {
      const by: ActorRef = { kind: 'human', key: review.reviewer };
      const clock: Clocked = { at: review.at, precision: 'us', skewUs: 0 };
      return {
        by,
        clock,
        covers: and(...touches.map((touch) => clockBefore(clockOf(context.rules, touch), clock))),
        ...(review.outcome === undefined ? {} : { outcome: review.outcome }),
        evidence: review.evidence === undefined ? [] : [review.evidence],
        own: tookPart(by, subject, context, review.at),
      };
    });
  return [...fromEvents, ...registered];
}

function tookPart(
  reviewer: ActorRef,
  { flow, issue, approvals }: ProductionIssue,
  context: ControlContext,
  at: Micros,
): Truth {
  const parties = findInterested(flow, issue, context).map(({ actor }) => actor);
  const deciders = approvals.map(({ by }) => by).filter(({ kind }) => kind !== 'system' && kind !== 'service');
  const all = [...parties, ...deciders];
  return all.length === 0 ? 'unknown' : or(...all.map((party) => context.identities.sameParty(reviewer, party, at)));
}
