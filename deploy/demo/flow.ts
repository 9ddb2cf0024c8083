import { CLUSTERS } from './organisation.ts';
import type { Organisation, Person, Project } from './organisation.ts';
import type { AwsSession } from './aws.ts';
import { tellApproval } from './approval.ts';
import { callKubernetes } from './clusters.ts';
import { emitMergeRequest, emitRun } from './gitlab.ts';
import type { Run } from './run.ts';
import type { Issuer } from './issuer.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';
import { REQUIRED_CHECKS } from './registers.ts';
import { touch } from './touch.ts';

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
  /** The second factor of the approver, where it is not a security key. */
  readonly approverFactor?: string;
  /** The request gives no reason. */
  readonly withoutReason?: boolean;
  /** The project whose role is asked for, and the one whose role is taken, where they are not the project's own. */
  readonly asksFor?: Project;
  readonly takesRoleOf?: Project;
  /** Life of the token in milliseconds; null plants one without an expiry. */
  readonly lifetimeMs?: number | null;
  readonly runner?: Person;
  /** Runs on the runner that all share. */
  readonly onSharedRunner?: boolean;
  /** A branch that nobody merged. */
  readonly unmerged?: string;
  readonly failed?: boolean;
  readonly failedTests?: boolean;
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
  const session = touch(teller, run, jti, issuedAt);
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
  const merged = production && options.unmerged === undefined;
  const tested = production && REQUIRED_CHECKS[options.project.path] !== undefined;
  return {
    project: options.project,
    pipelineId: ids.pipeline,
    jobId: ids.job,
    deploymentId: ids.deployment,
    roleOf: options.takesRoleOf ?? options.project,
    failed: options.failed === true,
    ...(tested ? { tests: options.failedTests === true ? 'failed' : 'success' } : {}),
    sha: merged ? tellChange(teller, options) : random.hex(40),
    ref: merged ? 'main' : (options.unmerged ?? `feature-${random.hex(4)}`),
    environment: options.environment,
    creator: options.requester,
    player: options.runner ?? options.requester,
    variables: options.variables ?? [],
    runner:
      production && options.onSharedRunner !== true ? organisation.runners.production : organisation.runners.shared,
    createdAt,
    startedAt,
    finishedAt: startedAt + random.int(80_000, 200_000),
  };
}
