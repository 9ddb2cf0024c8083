import { CONFIDENCES } from '../../../model/event.ts';
import { not, or } from '../../../model/truth.ts';
import type { Approval } from '../../chains/approvals.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { automatedSessionOf, breakGlassOf, selectProductionIssues } from '../production-issues.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { spell } from '../words.ts';

/** T-01: no production credential without an approval that came first. */
export const T01: ControlTest<ProductionIssue> = {
  id: 'T-01',
  version: 1,
  title: 'Approval precedes production credential issue',
  control:
    'A production credential is issued only after the request, or the deployment, that it is for has been approved.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Production credentials issued in the period: tokens of registered issuers for a production target, and sessions opened without an issuer. What derives from one of them belongs to it.',
    source: 'own_records',
    select: selectProductionIssues,
  },
  stratumOf: ({ subject }) => `${subject.how}: ${isByRule(subject) ? 'approved by rule' : 'needs a decision'}`,
  exclusions: [
    { code: 'break_glass', text: 'Emergency access, which is reviewed afterwards instead.', applies: breakGlassOf },
    {
      code: 'registered_automation',
      text: 'A session that registered automation opened for itself.',
      applies: automatedSessionOf,
    },
  ],
  attributes: [
    {
      code: 'no_approval',
      text: 'An approval of its request or deployment is on record, linked well enough.',
      check: hasApproval,
    },
    { code: 'approval_after_issue', text: 'The approval came before the issue.', check: precedesIssue },
    { code: 'approval_withdrawn', text: 'The approval still stood at the issue.', check: stillStood },
  ],
  minLink: 'policy',
  parameters: (policy) => ({ minimum_link: policy.parameters.minimum_link }),
  inputs: ['ce', 'okta.log', 'gitlab.hook', 'gitlab.audit', 'aws.cloudtrail'],
  proves: 'That the systems of record hold an approval for each production credential, and that it was given first.',
  doesNotProve:
    'That the issuer enforces it, or that the approver looked. Approval by a rule is another control and a stratum of its own.',
};

/** Approvals that were given and are linked to the credential at least as well as the policy asks. */
export function approvalsOf(subject: ProductionIssue, { policy }: ControlContext): readonly Approval[] {
  const weakest = CONFIDENCES.indexOf(policy.parameters.minimum_link);
  return givenOf(subject).filter((approval) => CONFIDENCES.indexOf(approval.grade) <= weakest);
}

function givenOf(subject: ProductionIssue): readonly Approval[] {
  return subject.approvals.filter((approval) => approval.decided === 'approved' && approval.mode !== 'break_glass');
}

function isByRule(subject: ProductionIssue): boolean {
  const given = givenOf(subject);
  const relied = subject.issue.facts.relied_on?.mode;
  return given.length === 0
    ? relied === 'policy' || relied === 'pre_approved'
    : given.every((approval) => approval.mode !== 'human');
}

function hasApproval({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  if (approvalsOf(subject, context).length > 0 || isByRule(subject)) return HOLDS;
  const weak = givenOf(subject);
  if (weak.length > 0) {
    return undecided(
      'weak_link',
      `An approval exists, but its link to the credential is only ${weak[0]?.grade}`,
      weak.map((approval) => approval.event.event),
    );
  }
  const denied = subject.approvals.filter((approval) => approval.decided === 'denied');
  const requests = subject.flow.events.filter((event) => event.stage === 'request').map((event) => event.event);
  const evidence = [...denied.map((approval) => approval.event.event), ...requests];
  if (denied.length > 0) return fails('no_approval', 'Issued although the request was denied', evidence);
  const stated = subject.issue.facts.relied_on;
  if (stated?.mode === 'human')
    return undecided(
      'approval_not_on_record',
      'The issuer states an approval that no system of record holds',
      evidence,
    );
  return fails(
    'no_approval',
    requests.length > 0
      ? 'Issued while the request was not decided, and no deployment was approved'
      : 'Issued without any approval',
    evidence,
  );
}

function precedesIssue({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const approvals = approvalsOf(subject, context);
  const truth = or(...approvals.map((approval) => approval.before));
  const [earliest] = approvals.toSorted((a, b) => a.at - b.at);
  if (truth === true || !earliest) return HOLDS;
  const distance = spell(earliest.at - subject.issue.occurredAt);
  const evidence = [earliest.event.event];
  if (truth === false)
    return fails('approval_after_issue', `The earliest approval is ${distance} after the issue`, evidence);
  return undecided(
    'order_within_skew',
    `The earliest approval is ${distance} from the issue, and nothing but the clocks tells which came first`,
    evidence,
  );
}

function stillStood({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const before = approvalsOf(subject, context).filter((approval) => approval.before !== false);
  const truth = or(...before.map((approval) => not(approval.withdrawn)));
  if (before.length === 0 || truth === true) return HOLDS;
  const evidence = before.map((approval) => approval.event.event);
  return truth === false
    ? fails('approval_withdrawn', 'Every approval had been withdrawn by the time of the issue', evidence)
    : undecided(
        'order_within_skew',
        'The clocks do not tell whether the approval was withdrawn before the issue',
        evidence,
      );
}
