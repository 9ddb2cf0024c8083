import { not } from '../../../model/truth.ts';
import type { Truth } from '../../../model/truth.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { happenedBefore } from '../../chains/order.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { approvalsOfMerge, mergeRequestsOf } from '../merge-requests.ts';
import { selectDeployments } from '../deployments.ts';
import type { Deployed } from '../deployments.ts';
import type { MergeRequest } from '../merge-requests.ts';
import { fitsPattern } from '../protections.ts';

/** T-24: what runs in production was merged, and somebody who had not written it approved it as it is. */
export const T24: ControlTest<Deployed> = {
  id: 'T-24',
  version: 2,
  title: 'Each production deployment comes from an independently approved merge',
  control:
    'What is deployed to production is a commit that came from a merge request which a person other than its authors approved after its last push and before the merge.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition: 'Successful deployments to production in the period, by the records of the forge.',
    source: 'own_records',
    select: selectDeployments,
  },
  exclusions: [],
  attributes: [
    { code: 'no_merge', text: 'The commit is one of a merge request that was merged.', check: cameFromMerge },
    { code: 'not_approved', text: 'Somebody approved the merge request.', check: wasApproved },
    { code: 'self_approved', text: 'A person who wrote none of the change approved it.', check: wasApprovedByOther },
    {
      code: 'approval_before_last_push',
      text: 'The approval is for the commit that was merged, and came before the merge.',
      check: wasApprovedAsMerged,
    },
  ],
  minLink: 'policy',
  parameters: ({ environments }) => ({ 'production environments': environments.production.join(', ') }),
  inputs: ['gitlab.hook', 'gitlab.audit'],
  proves: 'That each production deployment carries a commit that was merged after somebody else had approved it.',
  doesNotProve:
    'The quality of the review, or that the artefact was built from that commit: no digests of artefacts are compared.',
};

function mergeOf({ project, sha, deployment }: Deployed, context: ControlContext): MergeRequest | undefined {
  const request = mergeRequestsOf(context).byCommit.get(`${project ?? ''} ${sha ?? ''}`);
  // What was merged only later was not merged when it was deployed.
  return request?.merge && mergedBefore(request.merge, deployment, context) !== false ? request : undefined;
}

function mergedBefore(merge: StoredEvent, deployment: StoredEvent, { graph, rules }: ControlContext): Truth {
  return not(happenedBefore(graph, deployment, merge, rules));
}

function cameFromMerge({ subject }: Candidate<Deployed>, context: ControlContext): Answer {
  const { project, sha, ref, deployment } = subject;
  if (project === undefined || sha === undefined)
    return undecided('commit_unknown', 'Nothing says which commit was deployed');
  const merge = mergeOf(subject, context)?.merge;
  if (merge) {
    // The record of the job names the commit that the merge made, which outranks the clocks.
    const isMade = merge.facts.merge_request?.merge_sha === sha;
    if (isMade || mergedBefore(merge, deployment, context) === true) return HOLDS;
    return undecided(
      'order_within_skew',
      `The clocks do not tell whether ${sha} had been merged when it was deployed`,
      [merge.event],
    );
  }
  const evidence = pushesOf(sha, context);
  const targets = context.policy.projects.find(({ id }) => id === project)?.protected_refs ?? [];
  const onTarget = ref === undefined || targets.length === 0 || targets.some((pattern) => fitsPattern(ref, pattern));
  const seen = [...mergeRequestsOf(context).byKey.values()].some(
    ({ merge }) =>
      merge?.facts.merge_request?.project_id === project && mergedBefore(merge, deployment, context) !== false,
  );
  if (evidence.length === 0 && onTarget && !seen)
    return undecided(
      'merge_history_missing',
      `No merge of the project is on record before it, so that of ${sha} may not be either`,
    );
  const how = onTarget ? '' : `, on ${ref}`;
  return fails('no_merge', `The commit ${sha}${how} comes from no merge request that was merged`, evidence);
}

function pushesOf(sha: string, context: ControlContext): readonly string[] {
  const known = pushed.get(context) ?? indexPushes(context);
  pushed.set(context, known);
  return known.get(sha) ?? [];
}

const pushed = new WeakMap<ControlContext, ReadonlyMap<string, readonly string[]>>();

function indexPushes({ graph }: ControlContext): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const event of graph.events.values()) {
    const after = event.facts.push?.after;
    if (after !== undefined) found.set(after, [...(found.get(after) ?? []), event.event]);
  }
  return found;
}

function wasApproved({ subject }: Candidate<Deployed>, context: ControlContext): Answer {
  const request = mergeOf(subject, context);
  if (!request || approvalsOfMerge(request, context).length > 0) return HOLDS;
  return fails('not_approved', 'Nobody approved the merge request', eventsOf(request));
}

function wasApprovedByOther({ subject }: Candidate<Deployed>, context: ControlContext): Answer {
  const request = mergeOf(subject, context);
  return request ? independenceOf(request, context) : HOLDS;
}

/** Whether any approval of a merge request came from somebody who had not written it. */
export function independenceOf(request: MergeRequest, context: ControlContext): Answer {
  const approvals = approvalsOfMerge(request, context);
  if (approvals.length === 0 || approvals.some(({ independent }) => independent === true)) return HOLDS;
  const evidence = [...eventsOf(request), ...approvals.map(({ event }) => event.event)];
  return approvals.some(({ independent }) => independent === 'unknown')
    ? undecided('unresolved_identity', 'It cannot be said whether the approver wrote part of the change', evidence)
    : fails('self_approved', 'Approved only by people who wrote part of the change', evidence);
}

function wasApprovedAsMerged({ subject }: Candidate<Deployed>, context: ControlContext): Answer {
  const request = mergeOf(subject, context);
  if (!request) return HOLDS;
  const independent = approvalsOfMerge(request, context).filter(({ independent: other }) => other !== false);
  if (independent.length === 0 || independent.some(({ current }) => current === true)) return HOLDS;
  const evidence = [...eventsOf(request), ...independent.map(({ event }) => event.event)];
  return independent.some(({ current }) => current === 'unknown')
    ? undecided(
        'order_within_skew',
        'It cannot be said whether the approval was for the commit that was merged',
        evidence,
      )
    : fails(
        'approval_before_last_push',
        'No independent approval is for the commit that was merged, given before the merge',
        evidence,
      );
}

function eventsOf(request: MergeRequest): readonly string[] {
  return request.events.map((event) => event.event);
}
