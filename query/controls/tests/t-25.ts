import { CONFIDENCES } from '../../../model/event.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { principalOf } from '../registers.ts';
import type { Use } from '../uses.ts';

const TARGETS = ['aws.cloudtrail', 'k8s.audit', 'vault.audit'] as const;

/** T-25: every change that production itself recorded hangs on a known flow, or on registered automation. */
export const T25: ControlTest<Use> = {
  id: 'T-25',
  version: 1,
  title: 'Every production change has a chain',
  control: 'Production is changed only through a recorded request, run or issued token, or by registered automation.',
  key: true,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition:
      'All successful changes of production resources in the period, from the logs of the targets themselves. Logins, reads and dry runs change nothing.',
    source: 'independent',
    select: ({ uses }) =>
      uses.inPeriod
        .filter(
          (use) =>
            use.production && use.succeeded && use.writes && TARGETS.some((family) => family === use.event.family),
        )
        .map((use) => ({
          canonical: use.id,
          item: use.event.event,
          aliases: use.others,
          at: use.event.occurredAt,
          evidence: [use.event.event],
          subject: use,
        })),
  },
  stratumOf: ({ subject }, { flows }) => {
    const how =
      subject.automation !== undefined ? 'registered automation' : flows.reachOf(subject.event) ? 'chain' : 'unmatched';
    return `${subject.event.family}: ${how}`;
  },
  exclusions: [],
  attributes: [
    {
      code: 'no_chain',
      text: 'The change hangs on a run, a request or an issued token, or was made by registered automation.',
      check: hasChain,
    },
  ],
  minLink: 'policy',
  parameters: (policy) => ({
    minimum_link: policy.parameters.minimum_link,
    'automation registered': String(policy.automation.length),
  }),
  inputs: TARGETS,
  proves:
    'That the changes which the targets recorded are the changes which the chains tell of: the completeness of the other tests.',
  doesNotProve: 'Anything of changes that a target does not log, or of consoles of services that are not connected.',
};

function hasChain({ subject }: Candidate<Use>, { flows, policy }: ControlContext): Answer {
  if (subject.automation !== undefined) return HOLDS;
  const reach = flows.reachOf(subject.event);
  const who = principalOf(subject.event) ?? 'an unnamed principal';
  const what = `${subject.event.type} on ${subject.event.resource?.key ?? 'a production resource'} by ${who}`;
  if (!reach)
    return fails(
      'no_chain',
      `${what} hangs on no run, request or issued token, and ${who} is not registered as automation`,
    );
  if (CONFIDENCES.indexOf(reach.grade) <= CONFIDENCES.indexOf(policy.parameters.minimum_link)) return HOLDS;
  return undecided('weak_link', `${what} is linked to ${reach.to} by a link that is only ${reach.grade}`);
}
