import type { Run } from './run.ts';
import { iso } from './emit.ts';
import { ACCOUNTS, CLUSTERS, HOSTS, VAULT, targetName } from './organisation.ts';
import { policyVersionAt } from './registers.ts';
import type { Person, Project } from './organisation.ts';

/** The recurring parts of an issuer's event data (sources.md 3.4). */

/** A job's token taken in exchange for one of the issuer's own. */
export interface Exchange {
  readonly run: Run;
  readonly parentJti: string;
  readonly at: number;
  readonly expiresAt: number | undefined;
  readonly requestId: string;
  readonly oktaRequest?: { readonly id: string; readonly approver: Person; readonly at: number };
  readonly brokerApproval?: { readonly approver: Person; readonly at: number };
}

export function party(person: Person): Record<string, unknown> {
  if (person.kind === 'ai_agent')
    return {
      kind: 'ai_agent',
      iss: HOSTS.agents,
      sub: person.oktaId,
      aliases: [{ iss: `https://${HOSTS.gitlab}`, sub: String(person.gitlabId) }],
    };
  return {
    kind: 'human',
    iss: `https://${HOSTS.okta}`,
    sub: person.oktaId,
    aliases: [{ iss: `https://${HOSTS.gitlab}`, sub: String(person.gitlabId) }],
  };
}

export function actorsOf(run: Run): Record<string, unknown>[] {
  const job = {
    kind: 'service',
    iss: `https://${HOSTS.gitlab}`,
    sub: `project_path:${run.project.path}:ref_type:branch:ref:${run.ref}`,
  };
  return run.player.kind === 'ai_agent'
    ? [
        {
          ...party(run.player),
          agent: { uid: run.player.oktaId, name: run.player.name, model: 'example-model', version: '3' },
        },
        job,
      ]
    : [job];
}

export function ciOf(run: Run): Record<string, unknown> {
  return {
    provider: 'gitlab',
    host: HOSTS.gitlab,
    project_id: String(run.project.id),
    project_path: run.project.path,
    pipeline_id: String(run.pipelineId),
    job_id: String(run.jobId),
    runner_id: String(run.runner.id),
    ref: run.ref,
    ref_protected: run.ref === 'main',
    environment: run.environment,
    sha: run.sha,
    user_id: String(run.player.gitlabId),
  };
}

export function approvalOf(story: Exchange): { approval?: Record<string, unknown> } {
  const policy = policyOf(story.at, story.run.environment);
  if (story.oktaRequest) {
    const { id, approver, at } = story.oktaRequest;
    return {
      approval: {
        mode: 'human',
        decision_by: party(approver),
        decided_at: iso(at),
        policy,
        access_request: { system: 'okta', scope: HOSTS.okta, id },
      },
    };
  }
  if (story.brokerApproval)
    return {
      approval: {
        mode: 'human',
        decision_by: party(story.brokerApproval.approver),
        decided_at: iso(story.brokerApproval.at),
        policy,
      },
    };
  return story.run.environment === 'staging' ? { approval: { mode: 'policy', policy } } : {};
}

/** The policy by which the issuer decides, in the version of that moment. */
export function policyOf(at: number, environment: 'production' | 'staging' = 'production'): Record<string, unknown> {
  return environment === 'production'
    ? { id: 'prod-deploy', version: policyVersionAt(at) }
    : { id: 'nonprod', version: '7' };
}

export function audienceOf(project: Project): string {
  return { aws: 'sts.amazonaws.com', kubernetes: CLUSTERS.production, vault: 'https://vault.fjordline.example' }[
    project.target
  ];
}

export function targetOf(
  project: Project,
  environment: 'production' | 'staging',
  jti?: string,
): Record<string, unknown> {
  const name = targetName(project, environment);
  if (project.target === 'kubernetes') return { type: 'k8s_cluster', name };
  if (project.target === 'vault') return { type: 'vault', name, vault: { cluster: VAULT } };
  return {
    type: 'aws_role',
    name,
    aws: { account: ACCOUNTS[environment], role_arn: name, ...(jti === undefined ? {} : { source_identity: jti }) },
  };
}
