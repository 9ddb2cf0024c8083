import { ACCOUNTS, CLUSTERS, HOSTS, VAULT, roleArn } from './organisation.ts';
import type { Organisation, Person } from './organisation.ts';
import { BACKUP_USER } from './story.ts';

const STAMPS = { webhook: 1_000, fine: 1 };

/** The demo company's custody.yaml as a value: what it connects, what is production there, who is who. */
export function createDemoPolicy(organisation: Organisation): Record<string, unknown> {
  return {
    tenant: 'fjordline',
    organisation: 'Fjordline (demo)',
    sources: sources(),
    environments: environments(),
    roles: [
      ...organisation.projects.flatMap((project) =>
        (['production', 'staging'] as const).map((environment) => ({
          role: roleArn(project, environment),
          environment,
          projects: [project.id],
          ...(environment === 'production' ? { refs: ['main'] } : {}),
        })),
      ),
      {
        role: `arn:aws:iam::${ACCOUNTS.production}:role/breakglass-admin`,
        environment: 'production',
        use: 'break_glass',
      },
    ],
    projects: organisation.projects.map((project) => ({
      id: project.id,
      path: project.path,
      required_approvals: 1,
      protected_refs: ['main'],
    })),
    approver_groups: [
      {
        group: 'production-approvers',
        applies_to: 'production',
        members: organisation.approvers.map((person) => ({ person: personKey(person), from: '2026-01-01T00:00:00Z' })),
      },
    ],
    automation: [
      {
        name: 'autoscaling',
        match: {
          aws_role_arn: `arn:aws:iam::${ACCOUNTS.production}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`,
        },
      },
      {
        name: 'cluster controllers',
        match: { k8s_username_prefix: 'system:serviceaccount:kube-system:', cluster: CLUSTERS.production },
      },
      { name: 'backup writer', match: { aws_user_arn: backupUserArn() } },
    ],
    exceptions: [
      {
        test: 'T-12',
        principal: backupUserArn(),
        from: '2026-01-01T00:00:00Z',
        to: '2026-12-31T00:00:00Z',
        approved_by: 'risk committee, 2025-12',
        reason: 'the vendor cannot assume roles',
      },
    ],
    runners: Object.values(organisation.runners).map((runner) => ({
      id: runner.id,
      description: runner.description,
      network: runner.description,
      egress_ips: [runner.ip],
    })),
    identities: [...organisation.people.map(identity), identity(organisation.agent)],
    parameters: { ttl_max_s: { production: 3_600, default: 43_200 } },
    pipeline_variables: { request_system: 'okta', request_scope: HOSTS.okta },
  };
}

function environments(): Record<string, unknown> {
  return {
    production: ['production'],
    aws_accounts: { [ACCOUNTS.production]: 'production', [ACCOUNTS.staging]: 'staging' },
    kubernetes_clusters: { [CLUSTERS.production]: 'production', [CLUSTERS.staging]: 'staging' },
    vault_clusters: {
      [VAULT]: {
        path_rules: [
          { pattern: '^secret/data/[^/]+/prod$', environment: 'production' },
          { pattern: '^secret/data/[^/]+/staging$', environment: 'staging' },
        ],
        not_a_resource: ['^auth/', '^sys/'],
      },
    },
    gitlab: { production: 'production', staging: 'staging' },
    hoop_connections: [{ pattern: '-prod-pg$', environment: 'production' }],
  };
}

function sources(): Record<string, unknown>[] {
  const source = (family: string, instance: string, more: Record<string, unknown>): Record<string, unknown> => ({
    family,
    instance,
    max_skew_ms: 2_000,
    // Weekends are quiet there.
    daily_activity_expected: false,
    ...more,
  });
  return [
    source('okta.log', HOSTS.okta, {
      resolution_ms: STAMPS.fine,
      lateness_s: 3_600,
      credentials: [{ kind: 'header', secret: 'okta_hook' }],
    }),
    source('gitlab.hook', HOSTS.gitlab, {
      resolution_ms: STAMPS.webhook,
      lateness_s: 900,
      credentials: [{ kind: 'gitlab_token', secret: 'gitlab_hook' }],
    }),
    source('gitlab.audit', HOSTS.gitlab, {
      resolution_ms: STAMPS.fine,
      lateness_s: 900,
      credentials: [{ kind: 'gitlab_token', secret: 'gitlab_stream' }],
    }),
    source('ce', HOSTS.brokerSource, {
      resolution_ms: STAMPS.fine,
      lateness_s: 300,
      integrity: 'dense_seq',
      first_sequence: 1,
      may_speak_for: [HOSTS.broker],
      credentials: [{ kind: 'bearer', secret: 'issuer' }],
    }),
    source('aws.cloudtrail', ACCOUNTS.production, { resolution_ms: STAMPS.webhook, lateness_s: 1_800 }),
    source('aws.cloudtrail', ACCOUNTS.staging, { resolution_ms: STAMPS.webhook, lateness_s: 1_800 }),
    ...Object.values(CLUSTERS).map((cluster) =>
      source('k8s.audit', cluster, {
        resolution_ms: STAMPS.fine,
        lateness_s: 300,
        jwt_issuer: HOSTS.broker,
        claim_prefix: 'ci.fjordline.example',
        credentials: [{ kind: 'bearer', secret: 'kubernetes' }],
      }),
    ),
    source('vault.audit', VAULT, {
      resolution_ms: STAMPS.fine,
      lateness_s: 300,
      credentials: [{ kind: 'bearer', secret: 'vault' }],
    }),
    source('hoop', HOSTS.hoop, {
      resolution_ms: STAMPS.webhook,
      lateness_s: 86_400,
      credentials: [{ kind: 'standard_webhooks', secret: 'hoop' }],
    }),
  ];
}

function identity(person: Person): Record<string, unknown> {
  return {
    person: personKey(person),
    display: person.name,
    kind: person.kind,
    method: person.kind === 'human' ? 'saml_extern_uid' : 'agent_register',
    aliases: [
      `gitlab:user:${HOSTS.gitlab}/${person.gitlabId}`,
      ...(person.email === '' ? [] : [`email:${person.email}`]),
    ],
    ...(person.sponsor ? { sponsor: personKey(person.sponsor) } : {}),
  };
}

function personKey(person: Person): string {
  return person.kind === 'ai_agent'
    ? `idp:user:${HOSTS.agents}/${person.oktaId}`
    : `idp:user:https://${HOSTS.okta}/${person.oktaId}`;
}

function backupUserArn(): string {
  return `arn:aws:iam::${ACCOUNTS.production}:user/${BACKUP_USER.name}`;
}
