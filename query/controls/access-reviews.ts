import { isInForce } from '../../model/policy-inventory.ts';
import type { Policy } from '../../model/policy.ts';
import { DAY_US } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { ControlContext } from './control-test.ts';

type Review = Policy['reviews'][number];

/** A review of the access to a system that was due or done in the period. */
export interface ReviewTurn {
  readonly kind: 'turn';
  readonly system: string;
  readonly dueAt: Micros;
  /** The review that ended the turn, in time or late; absent where none was done by as-of. */
  readonly review?: Review;
}

/** An entitlement that existed at a review. */
export interface Entitlement {
  readonly kind: 'entitlement';
  readonly key: string;
  /** The person who holds it; absent for a role that a project holds. */
  readonly holder?: string;
  readonly review: Review;
}

/** The turns of each system's reviews: from one to the next no more days than the policy allows, then the next is due. */
export function reviewTurns({ policy, from, to, asOf }: ControlContext): readonly ReviewTurn[] {
  const every = policy.parameters.access_review_days * DAY_US;
  return policy.access_reviews.flatMap((scheduled) => {
    const { system } = scheduled;
    const done = policy.reviews
      .filter((one) => one.subject_type === 'access' && one.subject_id === system && one.at <= asOf)
      .toSorted((a, b) => a.at - b.at);
    const turns: ReviewTurn[] = [];
    let dueAt = scheduled.from + every;
    for (const review of done.filter(({ at }) => at >= scheduled.from)) {
      turns.push({ kind: 'turn', system, dueAt, review });
      dueAt = review.at + every;
    }
    turns.push({ kind: 'turn', system, dueAt });
    const end = scheduled.to ?? Number.POSITIVE_INFINITY;
    return turns.filter((turn) => turn.dueAt < end && momentOf(turn) >= from && momentOf(turn) < to);
  });
}

/** When a turn is told: when it was reviewed in time, else when it was due. */
export function momentOf({ dueAt, review }: ReviewTurn): Micros {
  return review && review.at <= dueAt ? review.at : dueAt;
}

/** Entitlements as they stood at each access review of the period: members of approver groups, projects of production roles. */
export function reviewedEntitlements(context: ControlContext): readonly Entitlement[] {
  const { policy, rules, from, to, asOf } = context;
  const systems = new Set(policy.access_reviews.map(({ system }) => system));
  const reviews = policy.reviews.filter(
    (one) => one.subject_type === 'access' && systems.has(one.subject_id) && one.at >= from && one.at < to && one.at <= asOf,
  ); // prettier-ignore
  return reviews.flatMap((review) => {
    const members = policy.approver_groups
      .filter((group) => isInForce(group, review.at))
      .flatMap((group) =>
        group.members
          .filter((member) => isInForce(member, review.at))
          .map(({ person }) => ({ key: `approver-group:${group.group}/${person}`, holder: person })),
      );
    const roles = policy.roles
      .filter((role) => isInForce(role, review.at) && role.environment !== undefined && rules.production.has(role.environment))
      .flatMap(({ role, projects }) => projects.map((project) => ({ key: `role:${role}/project:${project}` }))); // prettier-ignore
    const all = [...members, ...roles].map((one) => ({ kind: 'entitlement' as const, ...one, review }));
    // One person twice in a group is one entitlement.
    return [...new Map(all.map((one) => [one.key, one])).values()];
  });
}
