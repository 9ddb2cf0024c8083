import { clockBefore } from '../../../model/time.ts';
import type { Truth } from '../../../model/truth.ts';
import type { Approval } from '../../chains/approvals.ts';
import { environmentNamed, environmentOf } from '../../chains/environments.ts';
import { clockAt, clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { reliedOn, selectOrdinaryIssues } from '../reliances.ts';
import { claimsOf } from '../run-claims.ts';
import { spell, spellSeconds } from '../words.ts';

/** T-04: what is issued is within what was approved, and in time. */
export const T04: ControlTest<ProductionIssue> = {
  id: 'T-04',
  version: 1,
  title: 'Grant within the approved scope and window',
  control:
    'A credential is issued for the environment, role and scopes that were approved, while the approval is fresh, and no more often than the approval allows.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Production credentials issued in the period on an approval that came first and still stood; emergency access and sessions of registered automation are left out.',
    source: 'own_records',
    select: (context) => selectOrdinaryIssues(context).filter(({ subject }) => basisOf(subject, context).length > 0),
  },
  exclusions: [],
  attributes: [
    attribute('environment', 'The environment is the one that was asked for.', sameEnvironment),
    attribute('role', 'The role, cluster or service is one that was asked for.', sameTarget),
    attribute('scope', 'The scopes are no wider than those that were approved.', withinScopes),
    attribute('approval_stale', 'The approval is no older at the issue than the policy allows.', isFresh),
    attribute('allowance', 'No more tokens rest on the approval than the policy allows.', withinAllowance),
  ],
  minLink: 'policy',
  parameters: ({ parameters }) => ({
    approval_validity: spellSeconds(parameters.approval_validity_s),
    tokens_per_approval: String(parameters.tokens_per_approval),
    minimum_link: parameters.minimum_link,
  }),
  inputs: ['ce', 'okta.log', 'gitlab.hook', 'gitlab.audit', 'aws.cloudtrail'],
  proves: 'That each credential stayed within the decision it rests on, by what was asked, approved and issued.',
  doesNotProve:
    'That what was approved was needed. Where a request names neither role nor scope, only time and number are tested.',
};

type Judge = (approval: Approval, subject: ProductionIssue, context: ControlContext) => Answer;

/** An attribute that one of the decisions a credential rests on has to satisfy. */
function attribute(code: string, text: string, judge: Judge): ControlTest<ProductionIssue>['attributes'][number] {
  return {
    code,
    text,
    check: ({ subject }: Candidate<ProductionIssue>, context) => {
      const answers = basisOf(subject, context).map((approval) => judge(approval, subject, context));
      return (
        answers.find(({ truth }) => truth === true) ??
        answers.find(({ truth }) => truth === 'unknown') ??
        answers.at(-1) ??
        HOLDS
      );
    },
  };
}

/** The decisions that a credential rests on: those that the issuer names if it names any, else all that came first. */
function basisOf(subject: ProductionIssue, context: ControlContext): readonly Approval[] {
  const standing = reliedOn(subject, context).filter(({ before, withdrawn }) => before === true && withdrawn === false);
  const named = standing.filter(({ causal }) => causal);
  return named.length > 0 ? named : standing;
}

function sameEnvironment(approval: Approval, subject: ProductionIssue, { rules }: ControlContext): Answer {
  const issued = environmentOf(subject.issue, rules);
  for (const event of asking(approval, subject)) {
    const asked = environmentNamed(event, rules);
    if (asked === undefined || issued === undefined || asked === issued) continue;
    return fails('environment', `Issued for ${issued}, asked for ${asked}`, [approval.event.event, event.event]);
  }
  return HOLDS;
}

function sameTarget(approval: Approval, subject: ProductionIssue, { rules }: ControlContext): Answer {
  const { credential, target } = subject.issue.facts;
  const issued = [target?.role, target?.name, target?.cluster, credential?.target].filter((name) => name !== undefined);
  const last = asking(approval, subject).findLast((event) => (event.facts.request?.roles?.length ?? 0) > 0);
  const asked = last?.facts.request?.roles ?? [];
  if (!last || issued.length === 0 || asked.some((name) => issued.includes(name))) return HOLDS;
  const evidence = [approval.event.event, last.event];
  const path = claimsOf(subject)?.projectPath ?? '';
  // A request may name the project that it is for, or a catalogue's own word for it, in the place of a role.
  if (asked.some((name) => name === path || path.endsWith(`/${name}`))) return HOLDS;
  const known = asked.every((name) => name.startsWith('arn:') || rules.knowsRole(name) || isPlace(name, rules));
  const sentence = `Issued for ${issued[0]}, asked for ${asked.join(', ')}`;
  return known
    ? fails('role', sentence, evidence)
    : undecided('role_not_comparable', `${sentence}, which the policy does not know`, evidence);
}

function isPlace(name: string, { policy }: ControlContext['rules']): boolean {
  return (
    Object.hasOwn(policy.environments.kubernetes_clusters, name) ||
    Object.hasOwn(policy.environments.vault_clusters, name)
  );
}

function withinScopes(approval: Approval, subject: ProductionIssue): Answer {
  const issued = subject.issue.facts.relied_on?.scope ?? [];
  const decided = approval.event.facts.decision?.scope;
  const asked = asking(approval, subject).findLast((event) => event.facts.request?.scope !== undefined)?.facts.request
    ?.scope;
  const approved = decided ?? asked;
  if (!approved) return HOLDS;
  const wider = issued.filter((scope) => !approved.includes(scope));
  return wider.length === 0
    ? HOLDS
    : fails('scope', `Issued with ${wider.join(', ')} beyond the approved ${approved.join(', ')}`, [
        approval.event.event,
      ]);
}

function isFresh(approval: Approval, { issue }: ProductionIssue, { rules, policy }: ControlContext): Answer {
  const limit = policy.parameters.approval_validity_s * 1_000_000;
  const age = issue.occurredAt - approval.at;
  const oneClock = issue.family === approval.event.family && issue.instance === approval.event.instance;
  const stale: Truth = oneClock
    ? age > limit
    : clockBefore(clockAt(rules, approval.event, approval.at + limit), clockOf(rules, issue));
  if (stale === false || age <= limit) return HOLDS;
  const sentence = `Approved ${spell(age)} before the issue; an approval is good for ${spell(limit)}`;
  const evidence = [approval.event.event];
  return stale === true
    ? fails('approval_stale', sentence, evidence)
    : undecided('order_within_skew', sentence, evidence);
}

const remembered = new WeakMap<ControlContext, ReadonlyMap<string, readonly ProductionIssue[]>>();

function withinAllowance(approval: Approval, subject: ProductionIssue, context: ControlContext): Answer {
  const allowed = context.policy.parameters.tokens_per_approval;
  const place = (issuesByDecision(context).get(approval.on) ?? []).findIndex(({ key }) => key === subject.key) + 1;
  return place <= allowed
    ? HOLDS
    : fails('allowance', `Token number ${place} on one approval, which allows ${allowed}`, [approval.event.event]);
}

/** The credentials that rest on each thing decided on, in the order of their issue. */
function issuesByDecision(context: ControlContext): ReadonlyMap<string, readonly ProductionIssue[]> {
  const known = remembered.get(context);
  if (known) return known;
  const found = new Map<string, ProductionIssue[]>();
  for (const { subject } of selectOrdinaryIssues(context)) {
    for (const on of new Set(basisOf(subject, context).map((approval) => approval.on))) {
      const list = found.get(on);
      if (list) list.push(subject);
      else found.set(on, [subject]);
    }
  }
  for (const list of found.values())
    list.sort((a, b) => a.issue.occurredAt - b.issue.occurredAt || (a.key < b.key ? -1 : 1));
  remembered.set(context, found);
  return found;
}

/** The events that asked for what was decided on, in the order of the flow. */
function asking({ on }: Approval, { flow }: ProductionIssue): ProductionIssue['flow']['events'] {
  return flow.events.filter(
    (event) => event.facts.request !== undefined && event.keys.some((key) => key.key === on && key.role !== 'mentions'),
  );
}
