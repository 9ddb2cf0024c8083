import type { ActorRef } from '../../model/actor.ts';
import { at, GITLAB, gitlabUser, ISSUER, PEOPLE, PRODUCTION_ROLE } from './control-fixture.ts';
import type { Fixture } from './control-fixture.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Facts } from '../../model/facts.ts';

/** The pieces of one run: a job of a pipeline, a token that it got, and who asked and approved. */
export interface RunSpec {
  /** Number of the job; its pipeline is this + 1000, its deployment this + 2000. */
  readonly job: number;
  readonly issuedAt: string;
  readonly lifeS?: number | undefined;
  readonly role?: string;
  readonly creator?: ActorRef;
  readonly runner?: ActorRef;
  readonly reliedOn?: Facts['relied_on'];
  readonly sequence?: string;
  readonly agent?: ActorRef;
  /** Claims of the run that the issuer kept. */
  readonly ci?: Facts['ci'];
  /** What GitLab says of the job beside its status. */
  readonly jobFacts?: Facts['job'];
}

export const tokenOf = (job: number): string => `token:jti:${ISSUER}/jti-${job}`;
export const jobOf = (job: number): string => `gitlab:job:${GITLAB}/${job}`;
export const pipelineOf = (job: number): string => `gitlab:pipeline:${GITLAB}/${job + 1_000}`;
export const deploymentOf = (job: number): string => `gitlab:deployment:${GITLAB}/${job + 2_000}`;
export const requestOf = (id: string): string => `access-request:okta:idp.example/${id}`;

/** A job that runs and gets a token of the issuer, for production unless said otherwise. Gives the issue event. */
export function addRun(fixture: Fixture, spec: RunSpec): StoredEvent {
  const { job, issuedAt, role = PRODUCTION_ROLE, creator = gitlabUser(1), runner = gitlabUser(1) } = spec;
  const pipeline = fixture.add({
    name: `pipeline-${job}`, family: 'gitlab.hook', action: 'pipeline.create', at: issuedAt, actor: creator,
    facts: { pipeline: { status: 'running', created_at: at(issuedAt) } }, keys: [['subject', pipelineOf(job)]],
  }); // prettier-ignore
  const started = fixture.add({
    name: `job-${job}`, family: 'gitlab.hook', action: 'job.start', at: issuedAt, actor: runner,
    facts: { job: { status: 'running', ...spec.jobFacts, environment: role === PRODUCTION_ROLE ? 'production' : 'staging' } },
    keys: [['subject', jobOf(job)], ['subject', pipelineOf(job)]],
  }); // prettier-ignore
  fixture.link(pipelineOf(job), 'contains', jobOf(job), started);
  fixture.link(deploymentOf(job), 'gates', jobOf(job), pipeline);
  const lifeS = 'lifeS' in spec ? spec.lifeS : 600;
  const issue = fixture.add({
    name: `issue-${job}`, family: 'ce', action: 'token.issue', at: issuedAt, actor: spec.agent ?? runner,
    ...(spec.sequence === undefined ? {} : { sequence: spec.sequence }),
    ...(spec.agent === undefined ? {} : { actChain: [spec.agent] }),
    facts: {
      credential: { key: tokenOf(job), issued_at: at(issuedAt), target: role, ...(lifeS === undefined ? {} : { expires_at: at(issuedAt) + lifeS * 1_000_000 }) },
      ...(spec.reliedOn === undefined ? {} : { relied_on: spec.reliedOn }),
      ...(spec.ci === undefined ? {} : { ci: spec.ci }),
    },
    keys: [['creates', tokenOf(job)], ['uses', jobOf(job)]],
    credential: tokenOf(job),
  }); // prettier-ignore
  fixture.link(jobOf(job), 'issued_to', tokenOf(job), issue);
  return issue;
}

/** Somebody approves (or denies) the deployment of a job at GitLab. */
export function decideDeployment(
  fixture: Fixture,
  job: number,
  when: string,
  by: ActorRef,
  decided: 'approved' | 'denied' = 'approved',
  received = when,
): StoredEvent {
  return fixture.add({
    name: `decision-${job}-${when}`, family: 'gitlab.audit', action: decided === 'approved' ? 'deployment.approve' : 'deployment.reject', at: when, received, actor: by,
    facts: { decision: { decided, mode: 'human', at: at(when), by } }, keys: [['decides', deploymentOf(job)]],
  }); // prettier-ignore
}

/** Somebody asks at the identity provider for the access that a run will use. */
export function addRequest(
  fixture: Fixture,
  id: string,
  job: number,
  when: string,
  by: ActorRef = PEOPLE.asker,
): StoredEvent {
  const asked = fixture.add({
    name: `ask-${id}`,
    family: 'okta.log',
    action: 'access.request',
    at: when,
    actor: by,
    facts: { request: {} },
    keys: [['subject', requestOf(id)]],
  });
  fixture.link(requestOf(id), 'authorised', pipelineOf(job), asked, { confidence: 'asserted', rule: 'E5' });
  return asked;
}

/** Somebody decides on a request at the identity provider. */
export function decideRequest(
  fixture: Fixture,
  id: string,
  when: string,
  by: ActorRef,
  decided: 'approved' | 'denied' | 'revoked' = 'approved',
): StoredEvent {
  return fixture.add({
    name: `resolve-${id}-${when}`, family: 'okta.log', action: decided === 'approved' ? 'access.approve' : 'access.deny', at: when, actor: by,
    facts: { decision: { decided, mode: by.kind === 'system' ? 'policy' : 'human', at: at(when), by } }, keys: [['decides', requestOf(id)]],
  }); // prettier-ignore
}

/** A call on a production resource of AWS, with a key. */
export function addCall(
  fixture: Fixture,
  name: string,
  when: string,
  spec: {
    key?: string;
    write?: boolean;
    outcome?: string;
    principal?: string;
    account?: string;
    dryRun?: boolean;
    received?: string;
  },
): StoredEvent {
  const {
    key,
    write = true,
    outcome = 'success',
    principal = 'arn:aws:iam::111111111111:role/deploy',
    account = '111111111111',
    dryRun = false,
    received = when,
  } = spec;
  return fixture.add({
    name, family: 'aws.cloudtrail', instance: account, action: write ? 'api.update' : 'api.read', at: when, received, outcome, precision: 'ms',
    facts: { call: { service: 'ecs', operation: 'UpdateService', write, account, principal, ...(dryRun ? { dry_run: true } : {}) } },
    keys: key === undefined ? [] : [['uses', key]], resource: `arn:aws:ecs:::service/${name}`, ...(key === undefined ? {} : { credential: key }),
  }); // prettier-ignore
}

/** A session opened with the token of a job, for a role. */
export function openSession(
  fixture: Fixture,
  job: number,
  key: string,
  when: string,
  spec: { lifeS?: number; role?: string } = {},
): StoredEvent {
  const { lifeS = 3_600, role = PRODUCTION_ROLE } = spec;
  const account = /::(\d{12}):/.exec(role)?.[1] ?? '';
  const assume = fixture.add({
    name: `assume-${key}`, family: 'aws.cloudtrail', instance: account, action: 'session.assume', at: when,
    facts: { credential: { key, issued_at: at(when), expires_at: at(when) + lifeS * 1_000_000, target: role, target_account: account }, call: { service: 'sts', operation: 'AssumeRoleWithWebIdentity', write: false, login: true, account } },
    keys: [['creates', key], ['uses', tokenOf(job)]],
  }); // prettier-ignore
  fixture.link(tokenOf(job), 'assumed', key, assume);
  return assume;
}
