import type { Approval } from '../../chains/approvals.ts';
import { happenedBefore, happenedBeforeMoment } from '../../chains/order.ts';
import type { Truth } from '../../../model/truth.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { crossedOf } from '../production-issues.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { reliedOn, selectOrdinaryIssues } from '../reliances.ts';
import { claimsOf } from '../run-claims.ts';

/** T-05: as many people approved as the policy asks, and what they approved is what was issued. */
export const T05: ControlTest<ProductionIssue> = {
  id: 'T-05',
  version: 3,
  title: 'Required number of approvals, still standing',
  control:
    'Production access is approved by as many different people as the policy asks for its project, none of them before the last change of what is approved.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Production credentials issued in the period to runs of projects whose policy asks for an approval; emergency access and sessions of registered automation are left out.',
    source: 'own_records',
    select: (context) => selectOrdinaryIssues(context).filter(({ subject }) => requiredOf(subject, context) !== 0),
  },
  stratumOf: ({ subject }, context) => `${requiredOf(subject, context) ?? 'an unknown number'} required`,
  exclusions: [
    {
      code: 'crossed_environments',
      text: 'A session derived from a credential of another environment, which T-22 judges.',
      applies: crossedOf,
    },
    {
      code: 'approved_by_rule',
      text: 'A rule approves here, not a person; that is another control.',
      applies: ({ subject }, context) => {
        const given = reliedOn(subject, context);
        return given.length > 0 && given.every((approval) => approval.mode !== 'human')
          ? 'Approved by a rule of the policy, not by a person'
          : undefined;
      },
    },
  ],
  attributes: [
    {
      code: 'approval_before_change',
      text: 'No approval that is needed is older than the last change of the commit, the scopes or the role asked for.',
      check: coversContent,
    },
    {
      code: 'too_few_approvers',
      text: 'As many different people as required approved before the issue, counting all accounts of a person as one.',
      check: hasEnough,
    },
  ],
  minLink: 'policy',
  parameters: ({ parameters, projects }) => ({
    minimum_link: parameters.minimum_link,
    'approvals required': [...new Set(projects.map((project) => project.required_approvals))]
      .toSorted((a, b) => a - b)
      .join(', '),
  }),
  inputs: ['ce', 'okta.log', 'gitlab.hook', 'gitlab.audit'],
  proves: 'That the number of people whom the policy asks for approved what was then issued, each before the issue.',
  doesNotProve: 'The quality of their review.',
};

/** How many approvals the policy asks for the project of a run; undefined where it does not know the project. */
function requiredOf(subject: ProductionIssue, { policy }: ControlContext): number | undefined {
  const claims = claimsOf(subject);
  if (!claims) return undefined;
  return policy.projects.find(
    ({ id, path }) => id === claims.projectId || (path !== undefined && path === claims.projectPath),
  )?.required_approvals;
}

function coversContent({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const required = requiredOf(subject, context) ?? 1;
  const judged = reliedOn(subject, context)
    .filter((approval) => approval.mode === 'human')
    .map((approval) => ({ approval, change: changeAfter(approval, subject, context) }));
  const standing = distinct(
    judged.filter(({ change }) => change === undefined).map(({ approval }) => approval),
    context,
  );
  if (standing.sure >= required || judged.every(({ change }) => change === undefined)) return HOLDS;
  const stale = judged.filter(({ change }) => change !== undefined);
  // Without the change there would not have been enough of them either: that is the other attribute's to say.
  if (
    distinct(
      judged.map(({ approval }) => approval),
      context,
    ).most < required
  )
    return HOLDS;
  const evidence = stale.flatMap(({ approval, change }) => [
    approval.event.event,
    ...(change ? [change.event.event] : []),
  ]);
  const known = stale.find(({ change }) => change?.truth === true)?.change;
  const sentence = `${standing.most} valid of ${required} required: ${known?.what ?? 'what was approved may have'} changed after the approval`;
  return standing.most < required && known
    ? fails('approval_before_change', sentence, evidence)
    : undecided('order_within_skew', sentence, evidence);
}

function hasEnough({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const required = requiredOf(subject, context);
  if (required === undefined)
    return undecided('requirement_unknown', 'The policy does not say how many approvals the project of this run needs');
  const given = reliedOn(subject, context).filter((approval) => approval.mode === 'human');
  const counted = distinct(given, context);
  const evidence = given.map((approval) => approval.event.event);
  const inTime = distinct(
    given.filter((approval) => approval.before === true && approval.withdrawn === false),
    context,
  );
  if (inTime.sure >= required) return HOLDS;
  if (counted.most < required)
    return fails('too_few_approvers', `${counted.most} of ${required} required approvals, counted in people`, evidence);
  return counted.sure >= required
    ? undecided('order_within_skew', 'The clocks do not tell whether enough approvals came before the issue', evidence)
    : undecided('unresolved_identity', 'It cannot be said whether the approvers are different people', evidence);
}

/** How many people approvals certainly come from, and how many at most: an unresolved account may be either. */
function distinct(approvals: readonly Approval[], { identities }: ControlContext): { sure: number; most: number } {
  const sure: Approval[] = [];
  const most: Approval[] = [];
  for (const approval of approvals) {
    const same = (other: Approval): Truth => identities.sameParty(approval.by, other.by, approval.at);
    if (sure.every((other) => same(other) === false)) sure.push(approval);
    if (most.every((other) => same(other) !== true)) most.push(approval);
  }
  return { sure: sure.length, most: most.length };
}

interface Change {
  readonly truth: Truth;
  readonly what: string;
  readonly event: StoredEvent;
}

/**
 * The change of what was asked for that came after an approval; undefined where the same still stood at the issue. Where
 * the clocks do not tell which of two requests was approved, it is certain only if both were changed afterwards.
 */
function changeAfter(
  approval: Approval,
  { issue, flow }: ProductionIssue,
  { graph, rules }: ControlContext,
): Change | undefined {
  const asked = flow.events.filter(
    (event) => event.facts.request !== undefined && event.keys.some((key) => key.key === approval.on),
  );
  const ordered = asked
    .map((event) => ({
      event,
      before: happenedBeforeMoment(graph, event, approval.event, approval.at, rules),
      inTime: happenedBefore(graph, event, issue, rules),
    }))
    // What was asked for after the issue changed nothing of what was issued.
    .filter(({ inTime }) => inTime !== false);
  const last = ordered.findLastIndex(({ before }) => before === true);
  const possible = ordered.flatMap((one, index) => (one.before === 'unknown' || index === last ? [index] : []));
  const changes = possible.map((index) => {
    const later = ordered.slice(index + 1).flatMap(({ event, before, inTime }): readonly Change[] => {
      const what = before === true ? undefined : differenceOf(ordered[index]?.event, event);
      return what === undefined ? [] : [{ truth: before === false && inTime === true ? true : 'unknown', what, event }];
    });
    return later.find(({ truth }) => truth === true) ?? later[0];
  });
  const found = changes.find((change) => change?.truth === true) ?? changes.find((change) => change !== undefined);
  return found && changes.some((change) => change?.truth !== true) ? { ...found, truth: 'unknown' } : found;
}

function differenceOf(one: StoredEvent | undefined, other: StoredEvent): string | undefined {
  const [a, b] = [one?.facts.request, other.facts.request];
  if (a?.sha !== undefined && b?.sha !== undefined && a.sha !== b.sha) return 'the commit';
  if (a?.scope && b?.scope && listOf(a.scope) !== listOf(b.scope)) return 'the scope';
  if (a?.roles && b?.roles && listOf(a.roles) !== listOf(b.roles)) return 'the role asked for';
  return undefined;
}

function listOf(values: readonly string[]): string {
  return JSON.stringify(values.toSorted());
}
