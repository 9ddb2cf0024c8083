import { isInForce } from '../../../model/policy-inventory.ts';
import { environmentOf } from '../../chains/environments.ts';
import { clockAt } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { lifecyclesOf } from '../lifecycles.ts';
import { selectReliances } from '../reliances.ts';
import type { Reliance } from '../reliances.ts';

/** T-03: whoever approves may do so, at that moment. */
export const T03: ControlTest<Reliance> = {
  id: 'T-03',
  version: 1,
  title: 'Approver was entitled at that moment',
  control:
    'Production access is approved by a member of the group of approvers as it stood at the moment of the decision, whose identity was active then.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Approvals that production credentials of the period relied on: one item for each approval and credential.',
    source: 'own_records',
    select: selectReliances,
  },
  stratumOf: ({ subject }) => `${subject.approval.event.family}: ${subject.approval.mode}`,
  exclusions: [
    {
      code: 'approved_by_rule',
      text: 'A rule approves here, not a person; that is another control.',
      applies: ({ subject: { approval } }) =>
        approval.mode === 'policy' || approval.mode === 'pre_approved' ? 'Approved by a rule of the policy' : undefined,
    },
  ],
  attributes: [
    {
      code: 'not_in_group',
      text: 'The approver belongs to a group of approvers of that environment, as it stood at the decision.',
      check: isMember,
    },
    { code: 'approver_inactive', text: 'The identity of the approver was active at the decision.', check: isActive },
  ],
  minLink: 'policy',
  parameters: ({ approver_groups: groups }) => ({
    'groups of approvers': groups.map(({ group, applies_to: environment }) => `${group} (${environment})`).join(', '),
  }),
  inputs: ['ce', 'okta.log', 'gitlab.hook', 'gitlab.audit'],
  proves: 'That each approval came from somebody who was entitled when it was given, whatever changed later.',
  doesNotProve: 'That the group is well chosen, or that its history in the policy file is complete.',
};

function isMember({ subject: { approval, credential } }: Candidate<Reliance>, context: ControlContext): Answer {
  const { policy, rules, identities } = context;
  const environment = environmentOf(credential.issue, rules);
  const groups = policy.approver_groups.filter(
    (group) => group.applies_to === environment && isInForce(group, approval.at),
  );
  const members = groups.flatMap((group) => group.members);
  const begun = members.filter(({ from }) => from === undefined || from <= approval.at);
  if (begun.length === 0)
    return undecided(
      'no_group_history',
      `The policy names no approvers of ${environment ?? 'this environment'} for that moment`,
    );
  const person = identities.resolve(approval.by, approval.at);
  const name = approval.by.display ?? approval.by.key;
  if (!person) {
    const who = name === '' ? 'the approver' : name;
    return undecided('unresolved_identity', `Nothing says which person ${who} is`);
  }
  const own = begun.filter((member) => (identities.personOf(member.person)?.person ?? member.person) === person.person);
  if (own.some((member) => isInForce(member, approval.at))) return HOLDS;
  const past = own.length > 0 ? ' any more' : '';
  return fails(
    'not_in_group',
    `${name} was not in ${groups.map(({ group }) => group).join(' or ')}${past} at the decision`,
  );
}

function isActive({ subject: { approval } }: Candidate<Reliance>, context: ControlContext): Answer {
  const { graph, identities, rules } = context;
  const person = identities.resolve(approval.by, approval.at)?.person;
  if (person === undefined) return HOLDS;
  const { gone, event } = lifecyclesOf(graph, identities, rules).leavingOf(
    person,
    clockAt(rules, approval.event, approval.at),
  );
  if (gone === false || !event) return HOLDS;
  const name = approval.by.display ?? approval.by.key;
  return gone === true
    ? fails('approver_inactive', `${name} had been deactivated before the decision`, [event.event])
    : undecided('order_within_skew', `The clocks do not tell whether ${name} was still active`, [event.event]);
}
