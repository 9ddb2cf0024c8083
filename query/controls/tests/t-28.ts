import type { Truth } from '../../../model/truth.ts';
import { isInForce } from '../../../model/policy-inventory.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { happenedBefore } from '../../chains/order.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { selectDeployments } from '../deployments.ts';
import type { Deployed } from '../deployments.ts';

/** T-28: nothing is deployed that did not pass its checks. */
export const T28: ControlTest<Deployed> = {
  id: 'T-28',
  version: 1,
  title: 'Required checks succeeded',
  control:
    'Each check that a project requires has succeeded for the commit before it is deployed to production, and none of them may fail without stopping the pipeline.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition: 'Successful deployments to production in the period, by the records of the forge.',
    source: 'own_records',
    select: selectDeployments,
  },
  exclusions: [
    {
      code: 'no_checks_required',
      text: 'A deployment of a project for which the policy requires no checks.',
      applies: ({ subject }, context) =>
        subject.project !== undefined && checksOf(subject, context).length === 0
          ? `The policy requires no checks for project ${subject.project}`
          : undefined,
    },
  ],
  attributes: [
    { code: 'check_missing', text: 'Each required check ran for the commit before the deployment.', check: isConcluded },
    { code: 'check_failed', text: 'Its last run before the deployment succeeded.', check: hasSucceeded },
    { code: 'check_may_fail', text: 'The pipeline would have stopped had it failed.', check: isBinding },
  ],
  minLink: 'policy',
  parameters: ({ projects }) => ({
    'projects with required checks': String(projects.filter(({ required_checks: checks }) => checks.length > 0).length),
  }),
  inputs: ['gitlab.hook'],
  proves: 'That the required checks had succeeded for the very commit that was deployed, or that somebody had allowed to go without.',
  doesNotProve: 'That a check tests what matters, or that the artefact was built from that commit.',
}; // prettier-ignore

function checksOf({ project }: Deployed, { policy }: ControlContext): readonly string[] {
  return policy.projects.find(({ id }) => id === project)?.required_checks ?? [];
}

const remembered = new WeakMap<ControlContext, ReadonlyMap<string, readonly StoredEvent[]>>();

/** Concluded runs of jobs by `<project> <commit> <name>`, in order of time. */
function runsOf(context: ControlContext): ReadonlyMap<string, readonly StoredEvent[]> {
  const known = remembered.get(context);
  if (known) return known;
  const found = new Map<string, StoredEvent[]>();
  for (const event of context.graph.events.values()) {
    const { job } = event.facts;
    if (event.action !== 'job.finish' || event.disposition !== 'accepted' || job?.name === undefined) continue;
    const id = `${job.project_id ?? ''} ${job.sha ?? ''} ${job.name}`;
    const list = found.get(id);
    if (list) list.push(event);
    else found.set(id, [event]);
  }
  for (const list of found.values()) list.sort((a, b) => a.occurredAt - b.occurredAt);
  remembered.set(context, found);
  return found;
}

interface Concluded {
  readonly check: string;
  /** Its last run that may count; absent where none came before the deployment. */
  readonly run?: StoredEvent;
  readonly before: Truth;
}

/** The last run of each required check that is not known to be later than the deployment; allowed ones are left out. */
function concluded({ subject }: Candidate<Deployed>, context: ControlContext): readonly Concluded[] {
  const { project, sha, deployment } = subject;
  return checksOf(subject, context)
    .filter((check) => !isAllowed(subject, check, context))
    .map((check) => {
      const runs = runsOf(context).get(`${project ?? ''} ${sha ?? ''} ${check}`) ?? [];
      const order = runs.map((run) => ({ run, before: happenedBefore(context.graph, run, deployment, context.rules) }));
      const last = order.findLast(({ before }) => before === true) ?? order.findLast(({ before }) => before === 'unknown');
      return last ? { check, ...last } : { check, before: false };
    });
} // prettier-ignore

/** An approved change that lets a deployment go without a check: `check_override` on `<project>/<check>`. */
function isAllowed({ project, deployment }: Deployed, check: string, { policy }: ControlContext): boolean {
  return policy.approved_changes.some(
    (change) => change.event_type === 'check_override' && change.target === `${project}/${check}` && isInForce(change, deployment.occurredAt),
  ); // prettier-ignore
}

function isConcluded(candidate: Candidate<Deployed>, context: ControlContext): Answer {
  if (candidate.subject.project === undefined || candidate.subject.sha === undefined)
    return undecided('commit_unknown', 'Nothing says which commit was deployed');
  const all = concluded(candidate, context);
  const missing = all.filter(({ run }) => run === undefined).map(({ check }) => check);
  if (missing.length > 0)
    return fails('check_missing', `${missing.join(', ')} did not run for ${candidate.subject.sha} before the deployment`);
  const open = all.filter(({ before }) => before === 'unknown');
  return open.length === 0
    ? HOLDS
    : undecided('order_within_skew', `The clocks do not tell whether ${open.map(({ check }) => check).join(', ')} had ended before the deployment`, open.flatMap(({ run }) => run?.event ?? []));
} // prettier-ignore

function hasSucceeded(candidate: Candidate<Deployed>, context: ControlContext): Answer {
  const failed = concluded(candidate, context).filter(({ run }) => run !== undefined && run.outcome !== 'success');
  if (failed.length === 0) return HOLDS;
  const said = failed.map(({ check, run }) => `${check} was ${run?.facts.job?.status ?? run?.outcome}`).join(', ');
  return fails('check_failed', `Deployed although ${said}`, failed.flatMap(({ run }) => run?.event ?? []));
} // prettier-ignore

function isBinding(candidate: Candidate<Deployed>, context: ControlContext): Answer {
  const loose = concluded(candidate, context).filter(({ run }) => run?.facts.job?.allow_failure === true);
  if (loose.length === 0) return HOLDS;
  return fails('check_may_fail', `The pipeline goes on where ${loose.map(({ check }) => check).join(', ')} fails`, loose.flatMap(({ run }) => run?.event ?? []));
} // prettier-ignore
