import type { ActorRef } from '../../../model/actor.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { findInterested } from '../parties.ts';
import { selectReliances } from '../reliances.ts';
import type { Reliance } from '../reliances.ts';

/** T-02: who approves is another person than whoever asked, started or ran. */
export const T02: ControlTest<Reliance> = {
  id: 'T-02',
  version: 1,
  title: 'Approver independent of requester',
  control:
    'Production access is approved by a person other than its requester, the creator of the run, whoever runs the job, and the sponsor of an agent.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Approvals that production credentials of the period relied on: one item for each approval and credential.',
    source: 'own_records',
    select: selectReliances,
  },
  stratumOf: ({ subject }) => `${subject.approval.event.family}: ${subject.approval.mode}`,
  exclusions: [],
  attributes: [
    { code: 'approver_not_human', text: 'The approver is a person.', check: isHuman },
    {
      code: 'same_person',
      text: 'The approver is none of the requester, creator, runner and sponsor, counted as persons.',
      check: isIndependent,
    },
  ],
  minLink: 'policy',
  parameters: (policy) => ({
    minimum_link: policy.parameters.minimum_link,
    merge_author_may_approve_deployment: String(policy.parameters.merge_author_may_approve_deployment),
  }),
  inputs: ['ce', 'okta.log', 'gitlab.hook', 'gitlab.audit'],
  proves:
    'That each approval relied on came from a person who had no other part in the flow, counting all accounts of a person as one.',
  doesNotProve: 'That there was no collusion or pressure, nor who sat at the keyboard of an account.',
};

function isHuman({ subject: { approval } }: Candidate<Reliance>, { identities }: ControlContext): Answer {
  const registered = identities.resolve(approval.by, approval.at)?.kind;
  const kind = registered === undefined || registered === 'human' ? approval.by.kind : registered;
  if (kind === 'human') return HOLDS;
  const name = approval.by.display ?? approval.by.key;
  if (kind === 'unknown') {
    return registered === 'human'
      ? HOLDS
      : undecided('unresolved_identity', `Nothing says what sort of party ${name === '' ? 'the approver' : name} is`);
  }
  return fails('approver_not_human', `The approver is of kind ${kind}: ${name}`);
}

function isIndependent({ subject: { approval, credential } }: Candidate<Reliance>, context: ControlContext): Answer {
  const interested = findInterested(credential.flow, credential.issue, context);
  const compared = interested.map((party) => ({
    ...party,
    same: context.identities.sameParty(approval.by, party.actor, approval.at),
  }));
  const same = compared.filter((party) => party.same === true);
  if (same.length > 0) {
    const roles = [...new Set(same.map((party) => party.role))].join(' and ');
    const accounts = [...new Set([approval.by, ...same.map((party) => party.actor)].map(nameOf))].join(', ');
    return fails(
      'same_person',
      `The approver is also ${roles}: ${accounts}`,
      same.map((party) => party.event),
    );
  }
  const open = compared.filter((party) => party.same === 'unknown');
  if (open.length === 0)
    return interested.length > 0
      ? HOLDS
      : undecided('no_requester_known', 'Nobody is known to have asked, started or run');
  const [first] = open;
  const reason = `It cannot be said whether ${nameOf(approval.by)} and ${first ? nameOf(first.actor) : ''} (${first?.role}) are one person`;
  return undecided(
    'unresolved_identity',
    reason,
    open.map((party) => party.event),
  );
}

function nameOf(actor: ActorRef): string {
  return actor.key === '' ? (actor.display ?? 'an unnamed account') : actor.key;
}
