import { formatMicros } from '../../../model/time.ts';
import { momentOf, reviewedEntitlements, reviewTurns } from '../access-reviews.ts';
import type { Entitlement, ReviewTurn } from '../access-reviews.ts';
import { addBusinessDays } from '../business-days.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { spell } from '../words.ts';

type Member = ReviewTurn | Entitlement;

/** T-18: who holds what is looked at again and again, and what should go goes. */
export const T18: ControlTest<Member> = {
  id: 'T-18',
  version: 1,
  title: 'Access review done and acted on',
  control:
    'The access to each system is reviewed at the interval of the policy; somebody other than its holder decides on each entitlement, and what is to be removed is removed in time.',
  key: false,
  nature: 'detective',
  frequency: 'quarterly',
  population: {
    definition:
      'Reviews of the access to registered systems that were due or done in the period; and at each of them the entitlements that existed: members of approver groups, and the projects of production roles.',
    source: 'own_records',
    select: (context) => [...selectTurns(context), ...selectEntitlements(context)],
  },
  stratumOf: ({ subject }) => (subject.kind === 'turn' ? 'review of a system' : 'entitlement'),
  exclusions: [],
  attributes: [
    { code: 'review_missed', text: 'The review was done by its date.', check: wasDone },
    { code: 'not_decided', text: 'The review decided on the entitlement.', check: wasDecided },
    { code: 'self_reviewed', text: 'Somebody other than its holder decided.', check: wasDecidedByOther },
    { code: 'not_carried_out', text: 'A removal was carried out within the days of the policy.', check: wasCarriedOut },
  ],
  minLink: 'policy',
  parameters: ({ parameters, access_reviews: systems }) => ({
    access_review: `${parameters.access_review_days} days`,
    access_removal: `${parameters.access_removal_business_days} business days (Monday to Friday, UTC)`,
    'systems to be reviewed': String(systems.length),
  }),
  inputs: ['okta.log', 'entra', 'keycloak'],
  proves: 'That the reviews of access that the policy asks for are on record, with a decision on each entitlement of the inventory.',
  doesNotProve: 'That a reviewer looked closely, or that the inventory holds every entitlement of a system.',
}; // prettier-ignore

function selectTurns(context: ControlContext): readonly Candidate<Member>[] {
  return reviewTurns(context).map((turn) => {
    const key = `access-review:${turn.system}@${formatMicros(turn.dueAt)}`;
    const evidence = turn.review?.evidence === undefined ? [] : [turn.review.evidence];
    return candidate(key, momentOf(turn), turn, { evidence });
  });
}

function selectEntitlements(context: ControlContext): readonly Candidate<Member>[] {
  return reviewedEntitlements(context).map((entitlement) => {
    const { key, review } = entitlement;
    const canonical = `${key} ${review.subject_id}@${formatMicros(review.at)}`;
    return candidate(key, review.at, entitlement, {
      canonical,
      evidence: review.evidence === undefined ? [] : [review.evidence],
    });
  });
}

function wasDone({ subject }: Candidate<Member>, { asOf }: ControlContext): Answer {
  if (subject.kind !== 'turn') return HOLDS;
  const { dueAt, review, system } = subject;
  if (review && review.at <= dueAt) return HOLDS;
  if (asOf < dueAt) return undecided('not_yet_due', `The review of ${system} is due by ${formatMicros(dueAt)}`);
  return review
    ? fails('review_missed', `${system} was reviewed ${spell(review.at - dueAt)} after it was due`)
    : fails('review_missed', `${system} was not reviewed; it was due by ${formatMicros(dueAt)}`);
}

function decisionOn({ key, review }: Entitlement): Entitlement['review']['decisions'][number] | undefined {
  return review.decisions.find(({ entitlement }) => entitlement === key);
}

function wasDecided({ subject }: Candidate<Member>): Answer {
  return subject.kind === 'turn' || decisionOn(subject)
    ? HOLDS
    : fails('not_decided', `The review of ${subject.review.subject_id} decided nothing on ${subject.key}`);
}

function wasDecidedByOther({ subject }: Candidate<Member>, { identities }: ControlContext): Answer {
  if (subject.kind === 'turn' || subject.holder === undefined) return HOLDS;
  const decision = decisionOn(subject);
  if (!decision) return HOLDS;
  const by = decision.by ?? subject.review.reviewer;
  const same = identities.sameParty({ kind: 'human', key: by }, { kind: 'human', key: subject.holder }, subject.review.at);
  if (same === false) return HOLDS;
  return same === true
    ? fails('self_reviewed', `${by} decided on what he holds himself`)
    : undecided('unresolved_identity', `It cannot be said whether ${by} and ${subject.holder} are one person`);
} // prettier-ignore

function wasCarriedOut({ subject }: Candidate<Member>, { policy, asOf }: ControlContext): Answer {
  if (subject.kind === 'turn') return HOLDS;
  const decision = decisionOn(subject);
  if (decision?.decision !== 'remove') return HOLDS;
  const dueAt = addBusinessDays(subject.review.at, policy.parameters.access_removal_business_days);
  const done = decision.carried_out_at;
  if (done !== undefined && done <= asOf) {
    return done <= dueAt
      ? HOLDS
      : fails('not_carried_out', `The removal was carried out ${spell(done - dueAt)} after it was due`);
  }
  return asOf < dueAt
    ? undecided('not_yet_due', `The removal is to be carried out by ${formatMicros(dueAt)}`)
    : fails('not_carried_out', `The removal was not carried out; it was due by ${formatMicros(dueAt)}`);
}
