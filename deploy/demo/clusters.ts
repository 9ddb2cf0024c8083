import { HOSTS, VAULT, clusterUserOf, vaultEntityOf } from './organisation.ts';
import type { Run } from './run.ts';
import { iso, isoMicros } from './emit.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

/** A call on a cluster with a token (sources.md 1.9); the job id is a signed claim that the cluster maps into an extra. */
export function callKubernetes(
  emit: Emit,
  random: Random,
  call: {
    cluster: string;
    run: Run;
    jti: string;
    verb: string;
    resource: string;
    name: string;
    at: number;
    code?: number;
  },
): void {
  const { run } = call;
  emit({
    at: call.at,
    source: 'kubernetes',
    instance: call.cluster,
    body: {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: random.uuid(),
      stage: 'ResponseComplete',
      requestURI: `/apis/apps/v1/namespaces/${run.project.name}/${call.resource}/${call.name}`,
      verb: call.verb,
      user: {
        username: clusterUserOf(run.project, run.player),
        groups: [`gitlab:project:${run.project.id}`, 'system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': [`JTI=${call.jti}`],
          'ci.fjordline.example/job-id': [String(run.jobId)],
          'ci.fjordline.example/pipeline-id': [String(run.pipelineId)],
        },
      },
      sourceIPs: [run.runner.ip],
      userAgent: 'kubectl/v1.35.1',
      objectRef: {
        resource: call.resource,
        namespace: run.project.name,
        name: call.name,
        apiGroup: 'apps',
        apiVersion: 'v1',
      },
      responseStatus: { metadata: {}, code: call.code ?? 200 },
      requestReceivedTimestamp: isoMicros(call.at - 30),
      stageTimestamp: isoMicros(call.at),
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'authorization.k8s.io/reason': `RBAC: allowed by RoleBinding "deployers/${run.project.name}"`,
      },
    },
  });
}

/** A controller that changes things by itself. `aheadMs`: its cluster's clock is that far ahead. */
export function callByController(
  emit: Emit,
  random: Random,
  call: { cluster: string; namespace: string; at: number; aheadMs?: number },
): void {
  const stamp = call.at + (call.aheadMs ?? 0);
  emit({
    at: call.at,
    source: 'kubernetes',
    instance: call.cluster,
    body: {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: random.uuid(),
      stage: 'ResponseComplete',
      requestURI: `/apis/apps/v1/namespaces/${call.namespace}/replicasets`,
      verb: 'update',
      user: {
        username: 'system:serviceaccount:kube-system:deployment-controller',
        groups: ['system:serviceaccounts', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${random.uuid()}`] },
      },
      sourceIPs: ['10.40.0.2'],
      userAgent: 'kube-controller-manager/v1.35.1',
      objectRef: {
        resource: 'replicasets',
        namespace: call.namespace,
        name: `${call.namespace}-7f`,
        apiGroup: 'apps',
        apiVersion: 'v1',
      },
      responseStatus: { metadata: {}, code: 200 },
      requestReceivedTimestamp: isoMicros(stamp - 20),
      stageTimestamp: isoMicros(stamp),
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    },
  });
}

/** A Vault token as its login made it. */
export interface VaultToken {
  readonly accessor: string;
  readonly hmac: string;
  readonly auth: Readonly<Record<string, unknown>>;
}

/** A login with a JWT (sources.md 1.10 and 1.10.1): the accessor in the response entry is the new token. */
export function loginVault(
  emit: Emit,
  random: Random,
  ask: { run: Run; jti: string; role: string; at: number },
): VaultToken {
  const token = { accessor: random.word(24), hmac: `hmac-sha256:${random.hex(64)}` };
  const { run } = ask;
  const auth = {
    accessor: token.accessor,
    client_token: token.hmac,
    display_name: `broker-${run.player.username}`,
    policies: ['default', ask.role],
    token_policies: ['default', ask.role],
    policy_results: { allowed: true, granting_policies: [{ name: ask.role, namespace_id: 'root', type: 'acl' }] },
    metadata: {
      role: ask.role,
      jti: ask.jti,
      iss: HOSTS.broker,
      gitlab_job_id: String(run.jobId),
      gitlab_pipeline_id: String(run.pipelineId),
      gitlab_project_id: String(run.project.id),
      gitlab_user_login: run.player.username,
    },
    entity_id: vaultEntityOf(run.player),
    token_type: 'service',
    token_ttl: 900,
    token_issue_time: iso(ask.at),
  };
  const request = {
    id: random.uuid(),
    operation: 'update',
    mount_point: 'auth/broker/',
    mount_type: 'jwt',
    namespace: { id: 'root' },
    path: 'auth/broker/login',
    remote_address: run.runner.ip,
    remote_port: random.int(30_000, 60_000),
    data: { jwt: `hmac-sha256:${random.hex(64)}`, role: `hmac-sha256:${random.hex(64)}` },
  };
  vault(emit, ask.at, { type: 'request', auth: { policy_results: { allowed: true }, token_type: 'default' }, request });
  vault(emit, ask.at + 12, {
    type: 'response',
    auth,
    request,
    response: {
      mount_type: 'jwt',
      mount_point: 'auth/broker/',
      auth: {
        client_token: token.hmac,
        accessor: token.accessor,
        token_type: 'service',
        token_ttl: 900,
        metadata: auth.metadata,
      },
    },
  });
  return { ...token, auth };
}

/** A request with a Vault token; with `accessKey` it is a read of AWS credentials, un-hashed by the mount's tuning. */
export function callVault(
  emit: Emit,
  random: Random,
  token: VaultToken,
  call: { path: string; operation: string; ip: string; at: number; accessKey?: string },
): void {
  const mount = `${call.path.split('/')[0] ?? ''}/`;
  const request = {
    id: random.uuid(),
    operation: call.operation,
    mount_point: mount,
    mount_type: call.accessKey === undefined ? 'kv' : 'aws',
    namespace: { id: 'root' },
    path: call.path,
    remote_address: call.ip,
    remote_port: random.int(30_000, 60_000),
    client_token: token.hmac,
    client_token_accessor: token.accessor,
  };
  const response =
    call.accessKey === undefined
      ? { mount_type: 'kv', mount_point: mount, data: { metadata: { version: 7 } } }
      : {
          mount_type: 'aws',
          mount_point: mount,
          secret: { lease_id: `${call.path}/${random.word(24)}` },
          data: {
            access_key: call.accessKey,
            secret_key: `hmac-sha256:${random.hex(64)}`,
            security_token: `hmac-sha256:${random.hex(64)}`,
          },
        };
  vault(emit, call.at, { type: 'request', auth: token.auth, request });
  vault(emit, call.at + 9, { type: 'response', auth: token.auth, request, response });
}

function vault(emit: Emit, at: number, entry: Record<string, unknown>): void {
  emit({
    at,
    source: 'vault',
    instance: VAULT,
    body: { time: new Date(at).toISOString().replace('Z', '502118Z'), ...entry },
  });
}
