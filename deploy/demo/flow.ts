import { ACCOUNTS, CLUSTERS, HOSTS, roleArn, targetName } from './organisation.ts';
import type { Organisation, Person, Project } from './organisation.ts';
import { assumeRole, callWithSession } from './aws.ts';
import type { AwsSession } from './aws.ts';
import { callKubernetes, callVault, loginVault } from './clusters.ts';
import { emitDeploymentApproval, emitMergeRequest, emitRun } from './gitlab.ts';
import type { Run } from './run.ts';
import type { Issuer } from './issuer.ts';
import { login, requestAccess, resolveAccess } from './okta.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** What every story needs. `ids` counts pipelines, jobs and deployments up, as GitLab does. */
export interface Teller {
  readonly emit: Emit;
  readonly random: Random;
  readonly organisation: Organisation;
  readonly issuer: Issuer;
  readonly ids: { pipeline: number; job: number; deployment: number };
}

/** How one deployment differs from the normal one. */
export interface FlowOptions {
  readonly project: Project;
  readonly environment: 'production' | 'staging';
  readonly at: number;
  readonly requester: Person;
  readonly approver?: Person;
  /** Where the approval is given; `none` plants a missing one. */
  readonly approval: 'okta' | 'broker' | 'deployment' | 'none';
  /** The approval comes this long after the token was issued. */
  readonly lateApprovalMs?: number;
  /** Life of the token in milliseconds; null plants one without an expiry. */
  readonly lifetimeMs?: number | null;
  readonly runner?: Person;
  /** Extra variable values of the pipeline. */
  readonly variables?: readonly { readonly key: string; readonly value: string }[];
  /** A call with the token this long after it ended, and whether the service refused it. */
  readonly lateUse?: { readonly afterMs: number; readonly refused: boolean };
}

/** What came of a flow, for those who plant more upon it. */
export interface Flow {
  readonly run: Run;
  readonly jti: string;
  readonly issuedAt: number;
  readonly session?: AwsSession;
}

/** Tells one deployment from request to the last touch. */
export function tellFlow(teller: Teller, options: FlowOptions): Flow {
  const { emit, random, issuer } = teller;
  const run = createRun(teller, options);
  const issuedAt = run.startedAt + 7_000;
  const approvedAt = options.lateApprovalMs === undefined ? options.at + 5 * MINUTE : issuedAt + options.lateApprovalMs;
  const approval = tellApproval(teller, options, run, approvedAt);
  emitRun(emit, {
    ...run,
    variables: [
      ...run.variables,
      ...(approval.oktaRequest ? [{ key: 'ACCESS_REQUEST_ID', value: approval.oktaRequest.id }] : []),
    ],
  });
  const lifetime = options.lifetimeMs === undefined ? 15 * MINUTE : options.lifetimeMs;
  const causal = options.lateApprovalMs === undefined;
  const jti = issuer.exchange({
    run,
    parentJti: random.uuid(),
    at: issuedAt,
    expiresAt: lifetime === null ? undefined : issuedAt + lifetime,
    requestId: approval.requestId,
    ...(causal && approval.oktaRequest ? { oktaRequest: approval.oktaRequest } : {}),
    ...(causal && approval.brokerApproval ? { brokerApproval: approval.brokerApproval } : {}),
  });
  const session = touch(teller, options, run, jti, issuedAt);
  if (options.lateUse && lifetime !== null) {
    callKubernetes(emit, random, {
      cluster: CLUSTERS[options.environment],
      run,
      jti,
      verb: 'patch',
      resource: 'deployments',
      name: run.project.name,
      at: issuedAt + lifetime + options.lateUse.afterMs,
      code: options.lateUse.refused ? 401 : 200,
    });
  }
  return { run, jti, issuedAt, ...(session ? { session } : {}) };
}

interface Approval {
  readonly requestId: string;
  readonly oktaRequest?: { readonly id: string; readonly approver: Person; readonly at: number };
  readonly brokerApproval?: { readonly approver: Person; readonly at: number };
}

function tellApproval(teller: Teller, options: FlowOptions, run: Run, at: number): Approval {
  const { emit, random, issuer } = teller;
  const requestId = `tr-${random.hex(10)}`;
  const { approver, requester, project } = options;
  if (options.environment === 'staging' || options.approval === 'none' || !approver) return { requestId };
  const asker = requester.sponsor ?? requester;
  const session = login(emit, random, asker, options.at - 3 * MINUTE);
  if (options.approval === 'okta') {
    const role = targetName(project, 'production');
    const id = requestAccess(emit, random, { requester: asker, session, project, role, at: options.at });
    resolveAccess(emit, random, { id, approver, requester: asker, project, role, at });
    return { requestId, oktaRequest: { id, approver, at } };
  }
  login(emit, random, approver, at - 4 * MINUTE);
  if (options.approval === 'broker') {
    issuer.requested({ requestId, requester: asker, project, at: options.at });
    issuer.approved({ requestId, requester: asker, approver, project, at });
    return { requestId, brokerApproval: { approver, at } };
  }
  emitDeploymentApproval(emit, random, { run, approver, at: Math.max(at, run.createdAt + 30_000) });
  return { requestId };
}

/** What goes to production was merged the day before, approved by somebody other than its author. */
function tellChange({ emit, random, organisation }: Teller, { project, at }: FlowOptions): string {
  const author = random.pick(organisation.developers);
  const reviewer = random.pick(organisation.developers.filter((person) => person !== author));
  return emitMergeRequest(emit, random, { project, author, reviewer, at: at - 22 * HOUR });
}

function createRun(teller: Teller, options: FlowOptions): Run {
  const { ids, random, organisation } = teller;
  ids.pipeline += random.int(20, 900);
  ids.job += random.int(200, 9_000);
  ids.deployment += random.int(10, 90);
  const createdAt = options.at + 7 * MINUTE;
  const startedAt = createdAt + random.int(3 * MINUTE, 5 * MINUTE);
  const production = options.environment === 'production';
  return {
    project: options.project,
    pipelineId: ids.pipeline,
    jobId: ids.job,
    deploymentId: ids.deployment,
    sha: production ? tellChange(teller, options) : random.hex(40),
    ref: production ? 'main' : `feature-${random.hex(4)}`,
    environment: options.environment,
    creator: options.requester,
    player: options.runner ?? options.requester,
    variables: options.variables ?? [],
    runner: production ? organisation.runners.production : organisation.runners.shared,
    createdAt,
    startedAt,
    finishedAt: startedAt + random.int(80_000, 200_000),
  };
}

function touch(teller: Teller, options: FlowOptions, run: Run, jti: string, at: number): AwsSession | undefined {
  const { target } = options.project;
  if (target === 'kubernetes') return touchKubernetes(teller, run, jti, at);
  if (target === 'vault' && options.environment === 'production') return touchVault(teller, run, jti, at);
  return touchAws(teller, run, jti, at);
}

function touchKubernetes({ emit, random }: Teller, run: Run, jti: string, at: number): undefined {
  const call = { cluster: CLUSTERS[run.environment], run, jti, resource: 'deployments', name: run.project.name };
  callKubernetes(emit, random, { ...call, verb: 'get', at: at + 5_000 });
  callKubernetes(emit, random, { ...call, verb: 'patch', at: at + 9_000 });
}

function touchVault({ emit, random }: Teller, run: Run, jti: string, at: number): undefined {
  const token = loginVault(emit, random, { run, jti, role: `${run.project.name}-prod`, at: at + 3_000 });
  const call = { path: `secret/data/${run.project.name}/prod`, ip: run.runner.ip };
  callVault(emit, random, token, { ...call, operation: 'read', at: at + 5_000 });
  callVault(emit, random, token, { ...call, operation: 'update', at: at + 8_000 });
}

function touchAws({ emit, random }: Teller, run: Run, jti: string, at: number): AwsSession {
  const { project, environment } = run;
  const ip = run.runner.ip;
  const session = assumeRole(emit, random, {
    account: ACCOUNTS[environment],
    roleArn: roleArn(project, environment),
    name: `gl-${project.id}-${run.pipelineId}-${run.jobId}`,
    providerHost: new URL(HOSTS.broker).host,
    subject: `project_path:${project.path}:ref_type:branch:ref:${run.ref}`,
    sourceIdentity: jti,
    ip,
    at: at + 3_000,
  });
  const call = (afterMs: number, service: string, name: string, readOnly: boolean, parameters: object): void =>
    callWithSession(emit, random, session, {
      at: at + afterMs,
      service,
      name,
      readOnly,
      ip,
      parameters: { ...parameters },
    });
  call(9_000, 'secretsmanager', 'GetSecretValue', true, { secretId: `${project.name}/db` });
  call(15_000, 'ecs', 'RegisterTaskDefinition', false, { family: project.name });
  call(21_000, 'ecs', 'UpdateService', false, { cluster: environment, service: project.name });
  return session;
}
