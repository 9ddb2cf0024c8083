import type { Action, Outcome } from '../../model/action.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf, parseKey } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { accessRequestKey, gitlabEnvironmentKey, gitlabKey } from '../../model/keys.ts';
import { addEdge, addKey, compact } from './draft.ts';
import { addGitlab, addParents, addPlaces, needStateTime, projectPath } from './gitlab-hook.ts';
import type { Hook, HookEvent } from './gitlab-hook.ts';
import { addUserKeys, getNumberId, gitlabActor, gitlabResource, needNumber, readUser } from './gitlab.ts';
import { getMicros, getBoolean, getString, note, needString, partOf, partsOf } from './read.ts';
import type { Doc } from './read.ts';

const FINISHED = new Set(['success', 'failed', 'canceled', 'skipped']);

/** Pipeline hook (sources.md 1.3): who started what, from which request, merge request or parent. */
export function readPipeline(hook: Hook): HookEvent {
  const { doc, host, draft } = hook;
  const attributes = partOf(doc, 'object_attributes');
  const id = needNumber(doc, 'object_attributes', 'id');
  const status = needString(doc, 'object_attributes', 'status');
  const time = needStateTime(attributes, [['finished_at'], ['created_at']]);
  const user = readUser(doc, 'user');
  const project = getNumberId(doc, 'project', 'id');
  const sha = getString(attributes, 'sha');

  const pipeline = addKey(draft, gitlabKey('gitlab:pipeline', host, id), 'subject', 'object_attributes.id');
  const parents = addParents(hook);
  addEdge(draft, parents.pipeline, pipeline, { relation: 'spawned', rule: 'E8' });
  addEdge(draft, parents.bridge, pipeline, { relation: 'spawned', rule: 'E9' });
  const mergeRequest = addGitlab(hook, 'gitlab:mr', 'mentions', 'merge_request', 'id');
  addEdge(draft, mergeRequest, pipeline, { relation: 'triggered', rule: 'E7' });
  const variables = addVariables(hook, pipeline);
  addBuilds(hook, pipeline, project);
  addPlaces(hook, { project, sha });
  addUserKeys(draft, host, user, 'actor', 'user');

  const facts: NonNullable<Facts['pipeline']> = compact<NonNullable<Facts['pipeline']>>({
    status,
    source: getString(attributes, 'source'),
    ref: getString(attributes, 'ref'),
    ref_protected: getBoolean(attributes, 'protected_ref'),
    sha,
    project_id: project,
    project_path: projectPath(doc),
    created_at: getMicros(attributes, 'created_at'),
    finished_at: getMicros(attributes, 'finished_at'),
    merge_request_id: getNumberId(doc, 'merge_request', 'id'),
  });
  return compact<HookEvent>({
    nativeId: `pipeline:${id}:${status}:${time.text}`,
    type: 'pipeline',
    occurred: time.stamp,
    action: actionOf(status),
    outcome: runOutcome(status),
    outcomeCode: status,
    actor: gitlabActor(host, user),
    resource: compact<NonNullable<HookEvent['resource']>>({
      type: 'project',
      key: gitlabResource(host, 'project', project),
      display: facts.project_path,
    }),
    facts: { pipeline: facts },
    // Not the builds and durations: they differ between two hooks of one state, sent seconds apart.
    content: { id, status, user: user.id, facts, variables, parents: [parents.pipeline?.key, parents.bridge?.key] },
  });
}

/** How a pipeline, job or deployment ended, from its status. What was cancelled did not succeed. */
export function runOutcome(status: string): Outcome {
  if (status === 'success' || status === 'approved') return 'success';
  if (status === 'failed' || status === 'canceled') return 'failure';
  if (status === 'rejected') return 'denied';
  return status === 'skipped' ? 'unknown' : 'pending';
}

function actionOf(status: string): Action {
  if (status === 'created') return 'pipeline.create';
  return FINISHED.has(status) ? 'pipeline.finish' : 'pipeline.update';
}

// Only variables that the policy file names are looked at; the values of all others were redacted at the door.
function addVariables(hook: Hook, pipeline: Key | undefined): Record<string, string> {
  const { doc, draft, input } = hook;
  const kept = new Map<string, string>();
  for (const part of partsOf(doc, 'object_attributes', 'variables')) {
    const name = getString(part, 'key');
    if (name !== input.variables.accessRequest && name !== input.variables.change) continue;
    const value = getString(part, 'value');
    const key = name === input.variables.change ? keyOf('change', 'ticket', value) : requestKey(hook, part, value);
    if (!key || value === undefined) continue;
    kept.set(name, value);
    addKey(draft, key, 'uses', 'object_attributes.variables', 'asserted');
    if (key.type === 'access-request') {
      addEdge(draft, key, pipeline, { relation: 'authorised', rule: 'E5', confidence: 'asserted' });
    }
  }
  return Object.fromEntries(kept);
}

// The variable holds a bare id of the system that the policy file names, or a whole key.
function requestKey(hook: Hook, part: Doc, value: string | undefined): Key | undefined {
  const whole = value === undefined ? undefined : parseKey(value);
  if (whole?.type === 'access-request') return whole;
  const { requestSystem, requestScope } = hook.input.variables;
  const key = accessRequestKey(requestSystem, requestScope, value);
  if (!key) note(part, 'value');
  return key;
}

function addBuilds(hook: Hook, pipeline: Key | undefined, project: string | undefined): void {
  const { doc, draft, host } = hook;
  for (const build of partsOf(doc, 'builds')) {
    const job = addKey(draft, gitlabKey('gitlab:job', host, getNumberId(build, 'id')), 'mentions', 'builds[].id');
    addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
    const environment = getString(partOf(build, 'environment'), 'name');
    addKey(draft, gitlabEnvironmentKey(host, project, environment), 'place', 'builds[].environment.name');
  }
}
