import type { Action, Outcome } from '../../model/action.ts';
import type { ActorRef } from '../../model/actor.ts';
import type { AuditEvent, Confidence, KeyRole, Relation } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { parseKey } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { policySchema } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Family, Source } from '../../model/source.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { createGraph } from '../../query/chains/graph.ts';
import type { Graph } from '../../query/chains/graph.ts';
import { addToGraph } from './memory-graph.ts';

/** The worked chains A, B and C of sources.md 2.8 as adapters would tell them, with people and hosts of our own. */

export const KEYS = {
  S: 'okta:session:idp.example/idxSession01',
  AR: 'access-request:okta:idp.example/reqA1b2C3',
  G: 'grant:evt4',
  P: 'gitlab:pipeline:gitlab.example/770051',
  D: 'gitlab:deployment:gitlab.example/55120',
  J: 'gitlab:job:gitlab.example/9350017',
  T1: 'token:jti:https://gitlab.example/t1',
  B1: 'token:jti:https://broker.example/b1',
  AS: 'aws:session:111122223333/AROAROLE0000000001:gl-4242-770051-9350017',
  AK: 'aws:accesskey:ASIAKEY0000000000001',
  T2: 'token:jti:https://gitlab.example/t2',
  K: 'k8s:credential-id:prod-eu1/JTI=t2',
  K2: 'k8s:credential-id:prod-eu1/JTI=minted',
  T3: 'token:jti:https://gitlab.example/t3',
  VA: 'vault:accessor:vault-prod/acc1',
  VL: 'vault:lease:vault-prod/aws/creds/deploy/lease1',
  AK9: 'aws:accesskey:ASIAKEY0000000000009',
  VAULT_KEY: 'aws:accesskey:ASIAVAULT00000000001',
} as const;

export const MARA: ActorRef = {
  kind: 'human',
  key: 'idp:user:https://idp.example/00umara',
  display: 'Mara',
  email: 'mara@corp.example',
};
export const JON: ActorRef = { kind: 'human', key: 'idp:user:https://idp.example/00ujon', display: 'Jon' };
export const MARA_GITLAB: ActorRef = { kind: 'human', key: 'gitlab:user:gitlab.example/316', display: 'mara' };
export const JON_GITLAB: ActorRef = { kind: 'human', key: 'gitlab:user:gitlab.example/208', display: 'jon' };
const JOB: ActorRef = {
  kind: 'service',
  key: 'idp:user:https://gitlab.example/project_path:shop/payments:ref_type:branch:ref:main',
};
const ROLE: ActorRef = { kind: 'service', key: 'aws:role:arn:aws:iam::111122223333:role/deploy', display: 'deploy' };
const ROLE_ARN = 'arn:aws:iam::111122223333:role/deploy';

const SOURCES: Partial<Record<Family, [Source, string]>> = {
  'okta.log': ['okta.log', 'idp.example'],
  'gitlab.hook': ['gitlab.webhook', 'gitlab.example'],
  'gitlab.audit': ['gitlab.audit-stream', 'gitlab.example'],
  ce: ['issuer.cloudevents', 'https://broker.example/eu1'],
  'aws.cloudtrail': ['aws.cloudtrail', '111122223333'],
  'k8s.audit': ['kubernetes.audit', 'prod-eu1'],
  'vault.audit': ['vault.audit', 'vault-prod'],
};

/** The policy under which these chains are judged. */
export function workedPolicy(extra: Record<string, unknown> = {}): Policy {
  return policySchema.parse({
    tenant: 'shop',
    sources: Object.entries(SOURCES).map(([family, [, instance]]) => ({ family, instance })),
    environments: {
      aws_accounts: { '111122223333': 'production' },
      kubernetes_clusters: { 'prod-eu1': 'production' },
      vault_clusters: {
        'vault-prod': {
          path_rules: [
            { pattern: '/prod$', environment: 'production' },
            { pattern: '^aws/creds/', environment: 'production' },
          ],
        },
      },
      gitlab: { production: 'production', staging: 'staging' },
    },
    roles: [{ role: ROLE_ARN, environment: 'production' }],
    automation: [{ name: 'vault', broker: true, match: { aws_role_arn: 'arn:aws:iam::111122223333:role/vault' } }],
    identities: [
      { person: MARA.key, display: 'Mara Lind', aliases: [MARA_GITLAB.key, 'email:mara@corp.example'], method: 'scim' },
      { person: JON.key, display: 'Jon Oka', aliases: [JON_GITLAB.key], method: 'scim' },
    ],
    ...extra,
  });
}

export interface Spec {
  readonly id: string;
  readonly family: Family;
  readonly at: string;
  readonly action: Action;
  readonly actor?: ActorRef;
  readonly type?: string;
  readonly outcome?: Outcome;
  readonly facts?: Facts;
  readonly environment?: string;
  readonly resource?: string;
  readonly onBehalfOf?: ActorRef;
  readonly sequence?: string;
  readonly keys: readonly (readonly [KeyRole, string, Confidence?])[];
  readonly edges?: readonly (readonly [
    parent: string,
    relation: Relation,
    child: string,
    rule: string,
    confidence?: Confidence,
    principal?: string,
  ])[];
}

/** An event as an adapter gives it. */
export function told(spec: Spec): AuditEvent {
  const stamp = parseStamp(spec.at);
  if (!stamp) throw new Error(`no time: ${spec.at}`);
  const [source, instance] = SOURCES[spec.family] ?? (['issuer.cloudevents', 'other'] as const);
  return {
    family: spec.family,
    source,
    instance,
    nativeId: spec.id,
    dedupeKey: spec.id,
    type: spec.type ?? spec.action,
    occurred: stamp,
    action: spec.action,
    outcome: spec.outcome ?? 'success',
    actor: spec.actor ?? { kind: 'unknown', key: '' },
    ...(spec.environment === undefined ? {} : { environment: spec.environment }),
    ...(spec.resource === undefined ? {} : { resource: { type: 'thing', key: spec.resource } }),
    ...(spec.onBehalfOf === undefined ? {} : { onBehalfOf: spec.onBehalfOf }),
    ...(spec.sequence === undefined ? {} : { sequence: spec.sequence }),
    keys: spec.keys.map(([role, key, confidence = 'exact']) => ({ ...keyFrom(key), role, confidence, field: 'test' })),
    edges: (spec.edges ?? []).map(([parent, relation, child, rule, confidence = 'exact', principal]) => ({
      parent: keyFrom(parent),
      child: keyFrom(child),
      relation,
      rule,
      confidence,
      ...(principal === undefined ? {} : { principal }),
    })),
    facts: spec.facts ?? {},
    unread: [],
    content: spec.id,
  };
}

/** The graph of these events, in the order given. `received` is when Custody got them; when they happened, by default. */
export function graphOf(events: readonly AuditEvent[], received?: (event: AuditEvent) => Micros): Graph {
  const graph = createGraph();
  for (const [offset, event] of events.entries()) {
    addToGraph(
      graph,
      event,
      refOf({ topic: event.family, partition: 0, offset }).toString(),
      received?.(event) ?? event.occurred.at,
    );
  }
  return graph;
}

export const nameOf = (event: AuditEvent): string => `event:${event.family}/${event.nativeId}`;

function keyFrom(text: string): Key {
  const key = parseKey(text);
  if (!key) throw new Error(`no key: ${text}`);
  return key;
}

const T = (time: string): string => `2026-08-20T${time}Z`;
const micros = (time: string): Micros => parseStamp(T(time))?.at ?? 0;
const { S, AR, G, P, D, J, T1, B1, AS, AK, T2, K, K2, T3, VA, VL, AK9, VAULT_KEY } = KEYS;

const jobFacts = {
  job: {
    status: 'running',
    started_at: micros('09:15:31.502'),
    finished_at: micros('09:20:00'),
    project_path: 'shop/payments',
    ref: 'main',
    environment: 'production',
  },
};

/** Rows 1 to 8: login, request, approval, grant, pipeline, deployment, approval, job. */
export function commonRows(): AuditEvent[] {
  return [
    told({ id: '1', family: 'okta.log', at: T('08:58:12.441'), action: 'session.login', actor: MARA, keys: [['creates', S], ['actor', MARA.key]] }),
    told({ id: '2', family: 'okta.log', at: T('08:59:30.120'), action: 'access.request', actor: MARA, resource: AR, keys: [['uses', S], ['subject', AR], ['actor', MARA.key]], edges: [[S, 'requested', AR, 'E2']] }),
    told({ id: '3', family: 'okta.log', at: T('09:05:11.902'), action: 'access.approve', actor: JON, resource: AR, facts: { decision: { decided: 'approved', mode: 'human', at: micros('09:05:11.902'), by: JON } }, keys: [['decides', AR], ['actor', JON.key]] }),
    told({ id: '4', family: 'okta.log', at: T('09:05:12.450'), action: 'group.member.add', actor: { kind: 'system', key: 'idp:user:https://idp.example/system', display: 'IdP' }, keys: [['creates', G]], edges: [[AR, 'granted', G, 'E4']] }),
    told({ id: '5', family: 'gitlab.hook', at: T('09:11:40'), action: 'pipeline.update', actor: MARA_GITLAB, facts: { pipeline: { status: 'running', project_path: 'shop/payments', ref: 'main', created_at: micros('09:11:40') } }, keys: [['subject', P], ['uses', AR, 'asserted'], ['mentions', J]], edges: [[AR, 'authorised', P, 'E5', 'asserted']] }),
    told({ id: '6', family: 'gitlab.hook', at: T('09:11:41'), action: 'deployment.request', actor: MARA_GITLAB, environment: 'production', facts: { deployment: { status: 'blocked', environment: 'production' } }, keys: [['subject', D], ['uses', J]], edges: [[D, 'gates', J, 'E12']] }),
    told({ id: '7', family: 'gitlab.audit', at: T('09:14:02.318'), action: 'deployment.approve', actor: JON_GITLAB, facts: { decision: { decided: 'approved', mode: 'human', at: micros('09:14:02.318'), by: JON_GITLAB } }, keys: [['decides', D]] }),
    told({ id: '8', family: 'gitlab.hook', at: T('09:15:31.502'), action: 'job.start', actor: MARA_GITLAB, environment: 'production', facts: jobFacts, keys: [['subject', J], ['uses', P]], edges: [[P, 'contains', J, 'E10']] }),
  ]; // prettier-ignore
}

/** Row 9: the broker exchanges GitLab's token for its own. */
export function exchangeRow(): AuditEvent {
  return told({ id: '9', family: 'ce', at: T('09:15:38.010'), action: 'token.exchange', actor: JOB, onBehalfOf: MARA, facts: { credential: { key: B1, issued_at: micros('09:15:38.010'), expires_at: micros('09:25:38.010'), target: ROLE_ARN } }, keys: [['creates', B1], ['uses', T1], ['uses', J]], edges: [[J, 'issued_to', T1, 'E13'], [T1, 'exchanged', B1, 'E14']] }); // prettier-ignore
}

/** Row 10: the session at AWS. Without a broker only its name ties it to the job. */
export function sessionRow(options: {
  readonly broker: boolean;
  readonly id?: string;
  readonly at?: string;
  readonly subject?: string;
  readonly key?: string;
}): AuditEvent {
  const key = options.key ?? AK;
  const host = options.broker ? 'broker.example' : 'gitlab.example';
  return told({
    id: options.id ?? '10', family: 'aws.cloudtrail', at: T(options.at ?? '09:15:41'), action: 'session.assume', actor: JOB,
    facts: {
      credential: { key, issued_at: micros(options.at ?? '09:15:41'), target: ROLE_ARN },
      claimed: { session_name: 'gl-4242-770051-9350017', provider: `arn:aws:iam::111122223333:oidc-provider/${host}`, subject: options.subject ?? 'project_path:shop/payments:ref_type:branch:ref:main' },
      call: { service: 'sts', operation: 'AssumeRoleWithWebIdentity', write: false, login: true },
    },
    keys: [['creates', AS], ['creates', key], ...(options.broker ? ([['uses', B1]] as const) : []), ['mentions', J, 'asserted']],
    edges: [...(options.broker ? ([[B1, 'assumed', key, 'E15']] as const) : []), [J, 'assumed', AS, 'E16', 'asserted'], [AS, 'issued', key, 'E18']],
  }); // prettier-ignore
}

/** Rows 11 to 13: what was called with the key. */
export function callRows(): AuditEvent[] {
  const rows: [string, string, Action, string][] = [
    ['11', '09:16:01', 'api.create', 'RegisterTaskDefinition'],
    ['12', '09:16:03', 'api.update', 'UpdateService'],
    ['13', '09:16:09', 'secret.read', 'GetSecretValue'],
  ];
  return rows.map(([id, time, action, operation]) =>
    told({ id, family: 'aws.cloudtrail', at: T(time), action, actor: ROLE, resource: `arn:aws:ecs:eu-north-1:111122223333:service/${id}`, facts: { call: { service: 'ecs', operation, write: action !== 'secret.read', account: '111122223333' } }, keys: [['uses', AK], ['uses', AS]] }),
  ); // prettier-ignore
}

/** Chain A: request, approval, pipeline, job, token, session, three calls. */
export function chainA(): AuditEvent[] {
  return [...commonRows(), exchangeRow(), sessionRow({ broker: true }), ...callRows()];
}

/** Chain B: the same job against Kubernetes, and a token minted there. */
export function chainB(): AuditEvent[] {
  return [
    ...commonRows(),
    told({ id: '9b', family: 'k8s.audit', at: T('09:16:00.000001'), action: 'api.update', actor: JOB, facts: { call: { service: 'apps', operation: 'patch', write: true } }, keys: [['uses', K], ['uses', T2], ['uses', J]], edges: [[J, 'issued_to', T2, 'E13'], [T2, 'same_as', K, 'E26']] }),
    told({ id: '10b', family: 'k8s.audit', at: T('09:16:01.000001'), action: 'token.issue', actor: JOB, facts: { credential: { key: K2 } }, keys: [['uses', K], ['creates', K2], ['uses', J]], edges: [[K, 'minted', K2, 'E27']] }),
    told({ id: '11b', family: 'k8s.audit', at: T('09:16:02.000001'), action: 'secret.read', actor: { kind: 'service', key: 'k8s:sa:prod-eu1/payments/migrator' }, facts: { call: { service: '', operation: 'get', write: false } }, keys: [['uses', K2]] }),
  ]; // prettier-ignore
}

/** Chain C: the same job through Vault to AWS; Vault's own key is the second parent of the key that it leased. */
export function chainC(): AuditEvent[] {
  const vaultRole = 'aws:role:arn:aws:iam::111122223333:role/vault';
  return [
    ...commonRows(),
    told({ id: 'req9:response', family: 'vault.audit', at: T('09:15:40.000001'), action: 'session.login', actor: JOB, resource: 'vault:path:vault-prod/auth/gitlab/login', facts: { credential: { key: VA, method: 'login' }, call: { service: 'vault', operation: 'update', write: false, login: true } }, keys: [['creates', VA], ['uses', T3], ['uses', J]], edges: [[J, 'issued_to', T3, 'E13'], [T3, 'login', VA, 'E21']] }),
    told({ id: 'req10:request', family: 'vault.audit', at: T('09:15:41.000001'), action: 'secret.read', actor: JOB, resource: 'vault:path:vault-prod/secret/data/payments/prod', facts: { call: { service: 'vault', operation: 'read', write: false } }, keys: [['uses', VA], ['mentions', T3], ['subject', 'vault:request:vault-prod/req10']] }),
    told({ id: 'req10:response', family: 'vault.audit', at: T('09:15:41.000101'), action: 'secret.read', actor: JOB, resource: 'vault:path:vault-prod/secret/data/payments/prod', facts: { call: { service: 'vault', operation: 'read', write: false } }, keys: [['uses', VA], ['mentions', T3], ['subject', 'vault:request:vault-prod/req10']] }),
    told({ id: 'req11:response', family: 'vault.audit', at: T('09:15:42.000001'), action: 'secret.read', actor: JOB, resource: 'vault:path:vault-prod/aws/creds/deploy', facts: { call: { service: 'vault', operation: 'read', write: false } }, keys: [['uses', VA], ['creates', VL], ['creates', AK9]], edges: [[VA, 'leased', VL, 'E23'], [VL, 'leased', AK9, 'E24']] }),
    told({ id: '12c', family: 'aws.cloudtrail', at: T('09:15:42'), action: 'session.assume', actor: { kind: 'service', key: vaultRole }, facts: { credential: { key: AK9 }, call: { service: 'sts', operation: 'AssumeRole', write: false, login: true } }, keys: [['uses', VAULT_KEY], ['creates', AK9]], edges: [[VAULT_KEY, 'role_chained', AK9, 'E19', 'exact', vaultRole]] }),
    told({ id: '13c', family: 'aws.cloudtrail', at: T('09:16:00'), action: 'api.create', actor: ROLE, facts: { call: { service: 's3', operation: 'PutObject', write: true, account: '111122223333' } }, keys: [['uses', AK9]] }),
    told({ id: '14c:response', family: 'vault.audit', at: T('09:19:00.000001'), action: 'token.revoke', actor: JOB, resource: 'vault:path:vault-prod/sys/leases/revoke', keys: [['ends', VL]] }),
    told({ id: '99c', family: 'aws.cloudtrail', at: T('09:17:00'), action: 'api.create', actor: ROLE, facts: { call: { service: 's3', operation: 'PutObject', write: true, account: '111122223333' } }, keys: [['uses', VAULT_KEY]] }),
  ]; // prettier-ignore
}
