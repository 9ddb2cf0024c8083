import { gitlabOffset, gitlabUtc, iso } from './emit.ts';
import type { Run } from './run.ts';
import { HOSTS } from './organisation.ts';
import type { Person, Project } from './organisation.ts';

/** The bodies of GitLab's hooks (sources.md 1.3). */

export function userPart(person: Person): Record<string, unknown> {
  return { id: person.gitlabId, name: person.name, username: person.username, avatar_url: null, email: person.email };
}

export function projectPart(project: Project): Record<string, unknown> {
  return {
    id: project.id,
    name: project.name,
    web_url: `https://${HOSTS.gitlab}/${project.path}`,
    path_with_namespace: project.path,
    default_branch: 'main',
  };
}

export function pipelineHook(run: Run, status: string, finishedAt: number | null): Record<string, unknown> {
  return {
    object_kind: 'pipeline',
    object_attributes: {
      id: run.pipelineId,
      iid: run.pipelineId % 1_000,
      name: `Deploy ${run.project.name}`,
      ref: run.ref,
      tag: false,
      sha: run.sha,
      source: 'web',
      status,
      detailed_status: status,
      created_at: gitlabUtc(run.createdAt),
      finished_at: finishedAt === null ? null : gitlabUtc(finishedAt),
      variables: run.variables,
      protected_ref: run.ref === 'main',
    },
    merge_request: null,
    user: userPart(run.creator),
    project: projectPart(run.project),
    commit: { id: run.sha, message: `Update ${run.project.name}\n` },
    builds: [
      {
        id: run.jobId,
        stage: 'deploy',
        name: `deploy:${run.environment}`,
        status: finishedAt === null ? 'manual' : status,
        when: 'manual',
        manual: true,
        user: userPart(run.player),
        runner: null,
        environment: { name: run.environment, action: 'start', deployment_tier: run.environment },
      },
    ],
  };
}

export function jobHook(run: Run, status: string, finishedAt: number | null): Record<string, unknown> {
  return {
    object_kind: 'build',
    ref: run.ref,
    tag: false,
    sha: run.sha,
    retries_count: 0,
    build_id: run.jobId,
    build_name: `deploy:${run.environment}`,
    build_stage: 'deploy',
    build_status: status,
    build_created_at: iso(run.createdAt),
    build_started_at: iso(run.startedAt),
    build_finished_at: finishedAt === null ? null : iso(finishedAt),
    pipeline_id: run.pipelineId,
    project_id: run.project.id,
    project_name: run.project.path,
    user: userPart(run.player),
    commit: { id: run.pipelineId, sha: run.sha },
    project: projectPart(run.project),
    runner: {
      id: run.runner.id,
      description: run.runner.description,
      runner_type: 'group_type',
      active: true,
      is_shared: false,
      tags: run.runner.tags,
    },
    environment: { name: run.environment, action: 'start', deployment_tier: run.environment },
  };
}

/** The project's tests, as a job of the same pipeline that names no environment. */
export function testHook(run: Run, status: 'success' | 'failed', finishedAt: number): Record<string, unknown> {
  const { environment: _none, ...job } = jobHook(run, status, finishedAt);
  return {
    ...job,
    build_id: run.jobId - 1,
    build_name: 'test',
    build_stage: 'test',
    build_allow_failure: false,
    build_started_at: iso(run.createdAt + 20_000),
  };
}

export function deploymentHook(run: Run, status: string, at: number): Record<string, unknown> {
  return {
    object_kind: 'deployment',
    status,
    status_changed_at: gitlabOffset(at),
    deployment_id: run.deploymentId,
    deployable_id: run.jobId,
    deployable_url: `https://${HOSTS.gitlab}/${run.project.path}/-/jobs/${run.jobId}`,
    environment: run.environment,
    environment_tier: run.environment,
    project: projectPart(run.project),
    short_sha: run.sha.slice(0, 8),
    user: userPart(run.player),
    ref: run.ref,
  };
}

/** One commit pushed to a branch. */
export function pushHook(push: {
  project: Project;
  author: Person;
  branch: string;
  before: string;
  after: string;
  at: number;
}): Record<string, unknown> {
  const { project, author } = push;
  return {
    object_kind: 'push',
    event_name: 'push',
    before: push.before,
    after: push.after,
    ref: `refs/heads/${push.branch}`,
    checkout_sha: push.after,
    user_id: author.gitlabId,
    user_name: author.name,
    user_username: author.username,
    user_email: '',
    project_id: project.id,
    project: projectPart(project),
    commits: [
      {
        id: push.after,
        message: `Update ${project.name}\n`,
        title: `Update ${project.name}`,
        timestamp: iso(push.at),
        author: { name: author.name, email: author.email },
      },
    ],
    total_commits_count: 1,
  };
}
