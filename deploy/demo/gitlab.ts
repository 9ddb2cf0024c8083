import { HOSTS } from './organisation.ts';
import type { Person, Project, Runner } from './organisation.ts';
import { gitlabUtc, iso } from './emit.ts';
import { deploymentHook, jobHook, pipelineHook, projectPart, userPart } from './gitlab-hooks.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

/** A pipeline with one deploy job, as the hooks tell it. */
export interface Run {
  readonly project: Project;
  readonly pipelineId: number;
  readonly jobId: number;
  readonly deploymentId: number;
  readonly sha: string;
  readonly ref: string;
  readonly environment: 'production' | 'staging';
  readonly creator: Person;
  readonly player: Person;
  readonly runner: Runner;
  readonly variables: readonly { readonly key: string; readonly value: string }[];
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Emits what GitLab sends for a run: pipeline, job and deployment hooks (sources.md 1.3). */
export function emitRun(emit: Emit, run: Run): void {
  hook(emit, run.createdAt + 400, pipelineHook(run, 'running', null));
  hook(
    emit,
    run.createdAt + 900,
    deploymentHook(run, run.environment === 'production' ? 'blocked' : 'created', run.createdAt),
  );
  hook(emit, run.startedAt + 500, jobHook(run, 'running', null));
  hook(emit, run.startedAt + 900, deploymentHook(run, 'running', run.startedAt));
  hook(emit, run.finishedAt + 500, jobHook(run, 'success', run.finishedAt));
  hook(emit, run.finishedAt + 900, deploymentHook(run, 'success', run.finishedAt));
  hook(emit, run.finishedAt + 1_400, pipelineHook(run, 'success', run.finishedAt));
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

/** Emits a change's life: opened, approved, merged. */
export function emitMergeRequest(
  emit: Emit,
  random: Random,
  change: { project: Project; author: Person; reviewer: Person; sha: string; at: number },
): void {
  const id = random.int(100_000, 899_999);
  const base = {
    id,
    iid: random.int(10, 900),
    author_id: change.author.gitlabId,
    source_branch: `change-${id}`,
    target_branch: 'main',
  };
  const step = (action: string, state: string, user: Person, at: number): void =>
    hook(emit, at + 600, {
      object_kind: 'merge_request',
      event_type: 'merge_request',
      user: userPart(user),
      project: projectPart(change.project),
      object_attributes: {
        ...base,
        action,
        state,
        source_project_id: change.project.id,
        target_project_id: change.project.id,
        last_commit: { id: change.sha },
        merge_commit_sha: action === 'merge' ? change.sha : null,
        created_at: gitlabUtc(change.at),
        updated_at: gitlabUtc(at),
        url: `https://${HOSTS.gitlab}/${change.project.path}/-/merge_requests/${base.iid}`,
      },
      reviewers: [userPart(change.reviewer)],
      assignees: [],
      changes: {},
    });
  step('open', 'opened', change.author, change.at);
  step('approved', 'opened', change.reviewer, change.at + 3_600_000);
  step('merge', 'merged', change.reviewer, change.at + 4_000_000);
  audit(emit, random, {
    at: change.at + 4_000_400,
    person: change.reviewer,
    project: change.project,
    type: 'merge_request_merged',
    target: { id, type: 'MergeRequest', details: `Change ${change.project.name}` },
    message: `Merge request merged (ID: ${base.iid})`,
  });
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
