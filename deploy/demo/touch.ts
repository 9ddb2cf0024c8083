import { assumeRole, callWithSession } from './aws.ts';
import type { AwsSession } from './aws.ts';
import { callKubernetes, callVault, loginVault } from './clusters.ts';
import type { Teller } from './flow.ts';
import { ACCOUNTS, CLUSTERS, HOSTS, roleArn } from './organisation.ts';
import type { Run } from './run.ts';

/** What a job does with its token, where its project's target is; gives the session where AWS opened one. */
export function touch(teller: Teller, run: Run, jti: string, at: number): AwsSession | undefined {
  const { target } = run.project;
  if (target === 'kubernetes') return touchKubernetes(teller, run, jti, at);
  if (target === 'vault' && run.environment === 'production') return touchVault(teller, run, jti, at);
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
    roleArn: roleArn(run.roleOf, environment),
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
