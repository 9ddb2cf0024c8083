import { HOSTS } from './organisation.ts';
import type { Person, Project } from './organisation.ts';
import type { Run } from './run.ts';
import { gitlabUtc, iso } from './emit.ts';
import { deploymentHook, jobHook, pipelineHook, projectPart, pushHook, testHook, userPart } from './gitlab-hooks.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

/** Emits what GitLab sends for a run: pipeline, job and deployment hooks (sources.md 1.3). */
export function emitRun(emit: Emit, run: Run): void {
  hook(emit, run.createdAt + 400, pipelineHook(run, 'running', null));
  hook(
    emit,
    run.createdAt + 900,
    deploymentHook(run, run.environment === 'production' ? 'blocked' : 'created', run.createdAt),
  );
  if (run.tests) hook(emit, run.createdAt + 90_500, testHook(run, run.tests, run.createdAt + 90_000));
  hook(emit, run.startedAt + 500, jobHook(run, 'running', null));
  hook(emit, run.startedAt + 900, deploymentHook(run, 'running', run.startedAt));
  const end = run.failed ? 'failed' : 'success';
  hook(emit, run.finishedAt + 500, jobHook(run, end, run.finishedAt));
  hook(emit, run.finishedAt + 900, deploymentHook(run, end, run.finishedAt));
  hook(emit, run.finishedAt + 1_400, pipelineHook(run, end, run.finishedAt));
}

/** Emits the audit event of a deployment approval (sources.md 1.1). */
export function emitDeploymentApproval(
  emit: Emit,
  random: Random,
  approval: { run: Run; approver: Person; at: number; comment?: string },
): void {
  const { run, approver, at } = approval;
  audit(emit, random, {
    at,
    person: approver,
    project: run.project,
    type: 'deployment_approved',
    target: { id: run.project.id + 3, type: 'Environment', details: run.environment },
    message: `Approved deployment with IID: ${run.deploymentId % 1_000} and ID: ${run.deploymentId}`,
    ...(approval.comment === undefined ? {} : { comment: approval.comment }),
  });
}

/** Emits a change's life: pushed, opened, approved by another person, merged; gives the commit that the merge made. */
export function emitMergeRequest(
  emit: Emit,
  random: Random,
  change: { project: Project; author: Person; reviewer: Person; at: number; id?: number },
): string {
  const { project, author, reviewer, at } = change;
  const id = change.id ?? random.int(100_000, 899_999);
  const branch = `change-${id}`;
  const last = random.hex(40);
  const merged = random.hex(40);
  const base = {
    id,
    iid: random.int(10, 900),
    author_id: author.gitlabId,
    source_branch: branch,
    target_branch: 'main',
  };
  const step = (action: string, state: string, user: Person, when: number): void =>
    hook(emit, when + 600, {
      object_kind: 'merge_request',
      event_type: 'merge_request',
      user: userPart(user),
      project: projectPart(project),
      object_attributes: {
        ...base,
        action,
        state,
        source_project_id: project.id,
        target_project_id: project.id,
        last_commit: { id: last },
        merge_commit_sha: action === 'merge' ? merged : null,
        created_at: gitlabUtc(at),
        updated_at: gitlabUtc(when),
        url: `https://${HOSTS.gitlab}/${project.path}/-/merge_requests/${base.iid}`,
      },
      reviewers: [userPart(reviewer)],
      assignees: [],
      changes: {},
    });
  hook(emit, at - 59_400, pushHook({ project, author, branch, before: '0'.repeat(40), after: last, at: at - 60_000 }));
  step('open', 'opened', author, at);
  step('approved', 'opened', reviewer, at + 3_600_000);
  step('merge', 'merged', reviewer, at + 4_000_000);
  audit(emit, random, {
    at: at + 4_000_400,
    person: reviewer,
    project,
    type: 'merge_request_merged',
    target: { id, type: 'MergeRequest', details: `Change ${project.name}` },
    message: `Merge request merged (ID: ${base.iid})`,
  });
  return merged;
}

interface AuditStory {
  readonly at: number;
  readonly person: Person;
  readonly project: Project;
  readonly type: string;
  readonly target: { readonly id: number; readonly type: string; readonly details: string };
  readonly message: string;
  readonly comment?: string;
}

function audit(emit: Emit, random: Random, story: AuditStory): void {
  const target = { target_id: story.target.id, target_type: story.target.type, target_details: story.target.details };
  emit({
    at: story.at,
    source: 'gitlab-audit',
    instance: HOSTS.gitlab,
    body: {
      id: String(40_000_000 + random.int(0, 9_999_999)),
      author_id: story.person.gitlabId,
      author_name: story.person.name,
      entity_id: story.project.id,
      entity_type: 'Project',
      entity_path: story.project.path,
      event_type: story.type,
      ...target,
      ip_address: story.person.ip,
      created_at: iso(story.at),
      details: {
        author_name: story.person.name,
        author_class: 'User',
        event_name: story.type,
        ...target,
        custom_message: story.message,
        ...(story.comment === undefined ? {} : { comment: story.comment }),
        ip_address: story.person.ip,
        entity_path: story.project.path,
      },
    },
  });
}

function hook(emit: Emit, at: number, body: Record<string, unknown>): void {
  emit({ at, source: 'gitlab-webhook', instance: HOSTS.gitlab, body });
}
