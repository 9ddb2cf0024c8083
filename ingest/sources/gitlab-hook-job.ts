import type { Action } from '../../model/action.ts';
import type { Facts } from '../../model/facts.ts';
import { gitlabKey } from '../../model/keys.ts';
import { addEdge, addKey, compact } from './draft.ts';
import { addGitlab, addParents, addPlaces, needStateTime, projectPath } from './gitlab-hook.ts';
import type { Hook, HookEvent } from './gitlab-hook.ts';
import { runOutcome } from './gitlab-hook-pipeline.ts';
import { addUserKeys, getNumberId, gitlabActor, gitlabResource, needNumber, readUser } from './gitlab.ts';
import type { GitlabUser } from './gitlab.ts';
import { getBoolean, getMicros, at, getString, isObject, needString, partOf } from './read.ts';
import type { Doc, Path } from './read.ts';

const FINISHED = new Set(['success', 'failed', 'canceled', 'skipped']);

/** Job hook (sources.md 1.3): who runs the job (for a manual job who pressed play), where, in which pipeline. */
export function readJob(hook: Hook): HookEvent {
  const { doc, host, draft } = hook;
  const id = needNumber(doc, 'build_id');
  const status = needString(doc, 'build_status');
  const user = readUser(doc, 'user');
  const environment = getString(partOf(doc, 'environment'), 'name');
  const job = addKey(draft, gitlabKey('gitlab:job', host, id), 'subject', 'build_id');
  // In a job hook `commit.id` is the pipeline's number, not a hash.
  const pipelinePath =
    at(doc.json, 'pipeline_id') === undefined ? (['commit', 'id'] as const) : (['pipeline_id'] as const);
  const pipeline = addGitlab(hook, 'gitlab:pipeline', 'uses', ...pipelinePath);
  addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
  const parents = addParents(hook);
  addEdge(draft, parents.pipeline, pipeline, { relation: 'spawned', rule: 'E8' });
  addEdge(draft, parents.bridge, pipeline, { relation: 'spawned', rule: 'E9' });
  const facts = compact<NonNullable<Facts['job']>>({
    status,
    name: getString(doc, 'build_name'),
    started_at: getMicros(doc, 'build_started_at'),
    finished_at: getMicros(doc, 'build_finished_at'),
    project_id: getNumberId(doc, 'project_id') ?? getNumberId(doc, 'project', 'id'),
    project_path: projectPath(doc),
    pipeline_id: getNumberId(doc, ...pipelinePath),
    ref: getString(doc, 'ref'),
    sha: getString(doc, 'sha'),
    runner_id: getNumberId(doc, 'runner', 'id'),
    environment,
  });
  const runner = partOf(doc, 'runner');
  const further = compact<NonNullable<Facts['job']>>({
    runner_type: getString(runner, 'runner_type'),
    runner_shared: getBoolean(runner, 'is_shared'),
    runner_tags: tagsOf(doc),
    allow_failure: getBoolean(doc, 'build_allow_failure'),
  });
  addPlaces(hook, { project: facts.project_id, sha: facts.sha, environment, runner: facts.runner_id });
  addUserKeys(draft, host, user, 'actor', 'user');
  const time = needStateTime(doc, timesOf(status));
  return compact<HookEvent>({
    nativeId: `job:${id}:${status}`,
    type: 'build',
    occurred: time.stamp,
    action: jobAction(status),
    outcome: runOutcome(status),
    outcomeCode: status,
    outcomeReason: status === 'failed' ? getString(doc, 'build_failure_reason') : undefined,
    actor: gitlabActor(host, user),
    resource: environmentResource(host, facts.project_id, environment, facts.project_path),
    environment,
    facts: { job: { ...facts, ...further } },
    // Not what is further known of runner and rules: older servers leave it out of the second hook of one state.
    content: { id, user: user.id, facts, parents: [parents.pipeline?.key, parents.bridge?.key] },
  });
}

/**
 * Deployment hook (sources.md 1.3): the only place that ties a deployment to its job (E12). Newer servers also send
 * `blocked`, `approved` and `rejected`, with the approver.
 */
export function readDeployment(hook: Hook): HookEvent {
  const { doc, host, draft } = hook;
  const id = needNumber(doc, 'deployment_id');
  const status = needString(doc, 'status');
  const time = needStateTime(doc, [['status_changed_at']]);
  const environment = getString(doc, 'environment');
  const project = getNumberId(doc, 'project', 'id');
  const decided = status === 'approved' ? 'approved' : status === 'rejected' ? 'denied' : undefined;
  const deployment = gitlabKey('gitlab:deployment', host, id);
  addKey(draft, deployment, decided ? 'decides' : 'subject', 'deployment_id');
  const job = addGitlab(hook, 'gitlab:job', 'uses', 'deployable_id');
  addEdge(draft, deployment, job, { relation: 'gates', rule: 'E12' });
  addPlaces(hook, { project, environment });
  const deployer = readUser(doc, 'user');
  const user = decided ? approverOf(hook) : deployer;
  addUserKeys(draft, host, user, 'actor', decided ? 'approver' : 'user');
  const actor = gitlabActor(host, user);
  const facts = compact<NonNullable<Facts['deployment']>>({
    status,
    environment,
    tier: getString(doc, 'environment_tier'),
    project_id: project,
  });
  return compact<HookEvent>({
    nativeId: `deployment:${id}:${status}:${time.text}`,
    type: 'deployment',
    occurred: time.stamp,
    action: deploymentAction(status),
    outcome: decided ? 'success' : runOutcome(status),
    outcomeCode: status,
    actor,
    initiator: decided && deployer.id !== undefined ? gitlabActor(host, deployer) : undefined,
    resource: environmentResource(host, project, environment, projectPath(doc)),
    environment,
    facts: {
      deployment: facts,
      ...(decided && { decision: { decided, mode: 'human', at: time.stamp.at, by: actor } }),
    },
    content: { id, user: user.id, at: time.text, job: job?.key, facts, ref: getString(doc, 'ref') },
  });
}

/** The name of an environment within its project (sources.md 2.5); of the project where the job has none. */
function environmentResource(
  host: string,
  project: string | undefined,
  environment: string | undefined,
  display: string | undefined,
): NonNullable<HookEvent['resource']> {
  if (environment === undefined || project === undefined) {
    return compact<NonNullable<HookEvent['resource']>>({
      type: 'project',
      key: gitlabResource(host, 'project', project),
      display,
    });
  }
  const key = gitlabResource(host, 'env', `${project}/${environment}`);
  return { type: 'environment', key, display: `${display ?? project} ${environment}` };
}

function tagsOf(doc: Doc): readonly string[] | undefined {
  const tags = at(doc.json, 'runner', 'tags');
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string').slice(0, 64) : undefined;
}

// `approver` is the person; where a server nests it, `approval.user`.
function approverOf(hook: Hook): GitlabUser {
  const { json } = hook.doc;
  return readUser(hook.doc, ...(isObject(at(json, 'approver')) ? ['approver'] : ['approval', 'user']));
}

// A state began at the stamp that belongs to it; a server that leaves it out still gives the one before.
function timesOf(status: string): readonly Path[] {
  const created = ['build_created_at'];
  if (FINISHED.has(status)) return [['build_finished_at'], ['build_started_at'], created];
  return status === 'running' ? [['build_started_at'], created] : [created];
}

function jobAction(status: string): Action {
  if (status === 'running') return 'job.start';
  return FINISHED.has(status) ? 'job.finish' : 'job.update';
}

function deploymentAction(status: string): Action {
  if (status === 'blocked') return 'deployment.request';
  if (status === 'approved') return 'deployment.approve';
  if (status === 'rejected') return 'deployment.reject';
  return FINISHED.has(status) ? 'deployment.finish' : 'deployment.start';
}
