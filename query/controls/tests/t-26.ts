import type { Policy } from '../../../model/policy.ts';
import { clockBefore, formatMicros } from '../../../model/time.ts';
import { or } from '../../../model/truth.ts';
import { clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { approvalsOfMerge, mergeRequestsOf } from '../merge-requests.ts';
import type { MergeRequest } from '../merge-requests.ts';
import { spell } from '../words.ts';
import { independenceOf } from './t-24.ts';

type Version = Policy['policy_versions'][number];

/** T-26: a policy takes effect as it was merged, and only after somebody else has approved it. */
export const T26: ControlTest<Version> = {
  id: 'T-26',
  version: 2,
  title: 'Policy change reviewed before it took effect',
  control:
    'Each version of a policy comes from a merge request that a person other than its author approved before it took effect, and what took effect is what was merged.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition: 'Versions of policies that took effect in the period and by as-of, by the register of policy versions.',
    source: 'own_records',
    select: ({ policy, tenant, from, to, asOf }) =>
      policy.policy_versions
        .filter(({ effective_at: at }) => from <= at && at < to && at <= asOf)
        .map((version) => {
          const key = version.key ?? `policy:${tenant}/${version.policy}@${version.version}`;
          return { canonical: key, item: key, aliases: [], at: version.effective_at, evidence: [], subject: version };
        }),
  },
  exclusions: [],
  attributes: [
    { code: 'no_merge_request', text: 'The version comes from a merge request.', check: hasRequest },
    { code: 'not_approved', text: 'Somebody approved the merge request.', check: wasApproved },
    { code: 'self_approved', text: 'A person who wrote none of the change approved it.', check: wasApprovedByOther },
    {
      code: 'approval_not_standing',
      text: 'Their approval is for the commit that was merged, and was not taken back.',
      check: stillStands,
    },
    { code: 'effective_first', text: 'The approval came before the version took effect.', check: wasApprovedFirst },
    { code: 'hash_differs', text: 'What took effect is what was merged, by the hashes.', check: isAsMerged },
  ],
  minLink: 'policy',
  parameters: ({ policy_versions: versions }) => ({ 'versions registered': String(versions.length) }),
  inputs: ['gitlab.hook', 'gitlab.audit'],
  proves:
    'That each policy in force had been approved by somebody other than its author, in the words in which it took effect.',
  doesNotProve: 'That the register holds every version that was ever in force, or that the policy is a good one.',
};

/** The merge request of a version, on whichever GitLab is connected. */
function requestOf({ merge_request: named }: Version, context: ControlContext): MergeRequest | undefined {
  if (!named) return undefined;
  const { byKey } = mergeRequestsOf(context);
  const hosts = context.policy.sources.filter(({ family }) => family === 'gitlab.hook').map(({ instance }) => instance);
  return hosts.map((host) => byKey.get(`gitlab:mr:${host}/${named.id}`)).find((request) => request !== undefined);
}

function hasRequest({ subject }: Candidate<Version>, context: ControlContext): Answer {
  const { merge_request: named } = subject;
  if (!named) return fails('no_merge_request', 'It took effect without a merge request');
  const request = requestOf(subject, context);
  if (!request) return undecided('merge_request_not_on_record', `No source told of merge request ${named.id}`);
  return request.merge
    ? HOLDS
    : fails('no_merge_request', `Merge request ${named.id} was not merged`, eventsOf(request));
}

function wasApproved({ subject }: Candidate<Version>, context: ControlContext): Answer {
  const request = requestOf(subject, context);
  if (!request || approvalsOfMerge(request, context).length > 0) return HOLDS;
  return fails('not_approved', 'Nobody approved the merge request', eventsOf(request));
}

function wasApprovedByOther({ subject }: Candidate<Version>, context: ControlContext): Answer {
  const request = requestOf(subject, context);
  return request ? independenceOf(request, context) : HOLDS;
}

/** What was approved and then changed, or whose approval was taken back, was not approved as it took effect. */
function stillStands({ subject }: Candidate<Version>, context: ControlContext): Answer {
  const request = requestOf(subject, context);
  if (!request) return HOLDS;
  const independent = approvalsOfMerge(request, context).filter(({ independent: other }) => other !== false);
  if (independent.length === 0 || independent.some(({ stands }) => stands !== false)) return HOLDS;
  return fails(
    'approval_not_standing',
    'Each independent approval is for another commit than the one that was merged, or was taken back',
    [...eventsOf(request), ...independent.map(({ event }) => event.event)],
  );
}

function wasApprovedFirst({ subject }: Candidate<Version>, context: ControlContext): Answer {
  const request = requestOf(subject, context);
  if (!request) return HOLDS;
  const approvals = approvalsOfMerge(request, context).filter(
    ({ independent, stands }) => independent !== false && stands !== false,
  );
  const effective = { at: subject.effective_at, precision: 'us', skewUs: 0 } as const;
  const before = or(...approvals.map(({ event }) => clockBefore(clockOf(context.rules, event), effective)));
  const [earliest] = approvals.map(({ event }) => event).toSorted((a, b) => a.occurredAt - b.occurredAt);
  if (before === true || !earliest) return HOLDS;
  const distance = spell(earliest.occurredAt - subject.effective_at);
  const evidence = eventsOf(request);
  return before === false
    ? fails(
        'effective_first',
        `In force from ${formatMicros(subject.effective_at)}, ${distance} before the approval`,
        evidence,
      )
    : undecided(
        'order_within_skew',
        `In force ${distance} from the approval; the clocks do not tell which came first`,
        evidence,
      );
}

function isAsMerged({ subject }: Candidate<Version>, context: ControlContext): Answer {
  const { sha256, merged_sha256: merged } = subject;
  if (!sha256 || !merged)
    return undecided('hash_unknown', 'No hash of what took effect and of what was merged is on record');
  if (sha256.toLowerCase() === merged.toLowerCase()) return HOLDS;
  const request = requestOf(subject, context);
  return fails(
    'hash_differs',
    `In force is ${sha256.slice(0, 12)}, merged was ${merged.slice(0, 12)}`,
    request ? eventsOf(request) : [],
  );
}

function eventsOf(request: MergeRequest): readonly string[] {
  return request.events.map((event) => event.event);
}
