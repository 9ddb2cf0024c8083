import { formatMicros } from '../../../model/time.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { classOfCredential } from '../credential-class.ts';
import { exceptionFor, endedExceptionFor, principalOf } from '../registers.ts';
import type { Use } from '../uses.ts';

const TARGETS = ['aws.cloudtrail', 'k8s.audit', 'vault.audit', 'ce'] as const;

/** T-12: production is touched with short-lived credentials only. */
export const T12: ControlTest<Use> = {
  id: 'T-12',
  version: 1,
  title: 'No standing credential touches production',
  control:
    'Production resources are used with short-lived credentials only; a standing one needs a dated, approved exception.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'All successful uses in the period of production resources, and of resources that the policy does not classify, as the targets themselves recorded or reported them.',
    source: 'independent',
    select: ({ uses }) =>
      uses.inPeriod
        .filter((use) => use.succeeded && (use.production || use.environment === undefined))
        .filter((use) => TARGETS.some((family) => family === use.event.family))
        .map((use) => ({
          canonical: use.id,
          item: use.event.event,
          aliases: use.others,
          at: use.event.occurredAt,
          evidence: [use.event.event],
          subject: use,
        })),
  },
  stratumOf: ({ subject }) => {
    const what = subject.production ? 'production' : 'unclassified';
    return `${subject.event.family}: ${what}${subject.automation === undefined ? '' : ', registered automation'}`;
  },
  exclusions: [
    {
      code: 'accepted_risk',
      text: 'The principal stands on the exception register, approved and in force at that time.',
      applies: acceptedRisk,
    },
  ],
  attributes: [{ code: 'static_key', text: 'The credential is a short-lived one.', check: isShortLived }],
  minLink: 'policy',
  parameters: (policy) => ({
    'exceptions registered': String(policy.exceptions.filter((entry) => entry.test === 'T-12').length),
  }),
  inputs: TARGETS,
  proves:
    'That every recorded use of a production resource was made with a credential of limited life, or under a registered exception.',
  doesNotProve:
    'Anything of uses that a target does not log. It means something only together with T-25 and the coverage of chains.',
};

function acceptedRisk({ subject }: Candidate<Use>, { policy }: ControlContext): string | undefined {
  const entry = exceptionFor('T-12', subject.event, policy);
  if (!entry) return undefined;
  const until = entry.to === undefined || entry.to === null ? 'without an end' : `until ${formatMicros(entry.to)}`;
  return `${entry.principal} is on the exception register ${until}, approved by ${entry.approved_by}: ${entry.reason}`;
}

function isShortLived(
  { subject: { event, credential, production } }: Candidate<Use>,
  { policy, credentials }: ControlContext,
): Answer {
  const kind = classOfCredential(event, credential, credentials);
  if (kind === 'short_lived') return HOLDS;
  const who = principalOf(event) ?? 'an unnamed principal';
  if (!production) {
    const what = event.resource?.display ?? event.resource?.key ?? 'the resource';
    return undecided(
      'unclassified_resource',
      `The policy does not say what ${what} is, which ${who} used with a credential that is not known to be short-lived`,
    );
  }
  if (kind === 'standing') {
    const ended = endedExceptionFor('T-12', event, policy);
    const note = ended === undefined ? '' : `; its exception ended ${formatMicros(ended)}`;
    return fails('static_key', `${who} used the standing credential ${credential ?? ''}${note}`);
  }
  return kind === 'unnamed'
    ? undecided('credential_unknown', `The target did not record the credential of ${who}`)
    : undecided('credential_class_unknown', `Nothing says how long ${credential ?? 'the credential'} of ${who} lives`);
}
