import type { NativeEvent, NativeSource } from './emit.ts';
import { ACCOUNTS, CLUSTERS, HOSTS, VAULT, clusterUserOf, personKey, roleArn, vaultEntityOf } from './organisation.ts';
import type { Organisation, Person } from './organisation.ts';
import { BACKUP_USER } from './planted-acts.ts';
import { REQUIRED_CHECKS, createRegisters, removedRole } from './registers.ts';
import type { Story } from './story.ts';

const STAMPS = { webhook: 1_000, fine: 1 };

/** The demo company's custody.yaml as a value: what it connects, what is production there, who is who. */
export function createDemoPolicy({ organisation, events }: Story): Record<string, unknown> {
  const removed = removedRole(organisation);
  const [first] = organisation.people;
  return {
    tenant: 'fjordline',
    organisation: 'Fjordline (demo)',
    sources: sources(events),
    environments: environments(),
    roles: [
      ...organisation.projects.flatMap((project) =>
        (['production', 'staging'] as const).map((environment) => ({
          role: roleArn(project, environment),
          environment,
          projects: [project.id],
          ...(environment === 'production' ? { refs: ['main'] } : {}),
          ...(roleArn(project, environment) === removed.role ? { to: removed.until } : {}),
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
      owner: first && personKey(first),
      required_checks: REQUIRED_CHECKS[project.path] ?? [],
    })),
    approver_groups: [
      {
        group: 'production-approvers',
        applies_to: 'production',
        members: organisation.approvers.map((person) => ({ person: personKey(person), from: '2026-01-01T00:00:00Z' })),
      },
    ],
    automation: automation(),
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
    runners: Object.entries(organisation.runners).map(([kind, runner]) => ({
      id: runner.id,
      description: runner.description,
      network: runner.description,
      egress_ips: [runner.ip],
      tags: runner.tags,
      ...(kind === 'production' ? { environment: 'production', protected: true } : { shared: true }),
    })),
    identities: [...organisation.people, organisation.agent].map((person) => identity(person, organisation)),
    ...createRegisters(organisation),
    parameters: { ttl_max_s: { production: 3_600, default: 43_200 } },
    pipeline_variables: { request_system: 'okta', request_scope: HOSTS.okta },
  };
}

/** What changes production by itself, and may. */
function automation(): readonly Record<string, unknown>[] {
  return [
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
    {
      name: 'cluster controllers (staging)',
      match: { k8s_username_prefix: 'system:serviceaccount:kube-system:', cluster: CLUSTERS.staging },
    },
    { name: 'backup writer', match: { aws_user_arn: backupUserArn() } },
  ];
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

function sources(events: readonly NativeEvent[]): Record<string, unknown>[] {
  const source = (family: string, instance: string, more: Record<string, unknown>): Record<string, unknown> => ({
    family,
    instance,
    from: connectedSince(events, NATIVE[family], instance),
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
    ...Object.entries(ACCOUNTS).map(([environment, account]) =>
      source('aws.cloudtrail', account, {
        resolution_ms: STAMPS.webhook,
        lateness_s: 1_800,
        daily_activity_expected: environment === 'production',
        credentials: [{ kind: 'bearer', secret: 'eventbridge' }],
      }),
    ),
    ...Object.entries(CLUSTERS).map(([environment, cluster]) =>
      source('k8s.audit', cluster, {
        resolution_ms: STAMPS.fine,
        lateness_s: 300,
        daily_activity_expected: environment === 'production',
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

const NATIVE: Readonly<Record<string, NativeSource>> = {
  'okta.log': 'okta',
  'gitlab.hook': 'gitlab-webhook',
  'gitlab.audit': 'gitlab-audit',
  ce: 'issuer',
  'aws.cloudtrail': 'cloudtrail',
  'k8s.audit': 'kubernetes',
  'vault.audit': 'vault',
  hoop: 'hoop',
};

/** The day of the first word that a source sent: since then it is connected. */
function connectedSince(events: readonly NativeEvent[], source: NativeSource | undefined, instance: string): string {
  const first = events.find((event) => event.source === source && event.instance === instance);
  if (!first) throw new RangeError(`nothing came from ${instance}`);
  return `${new Date(first.at).toISOString().slice(0, 10)}T00:00:00Z`;
}

function identity(person: Person, organisation: Organisation): Record<string, unknown> {
  const human = person.kind === 'human';
  return {
    person: personKey(person),
    display: person.name,
    kind: person.kind,
    method: human ? 'saml_extern_uid' : 'agent_register',
    aliases: [
      `gitlab:user:${HOSTS.gitlab}/${person.gitlabId}`,
      `vault:entity:${VAULT}/${vaultEntityOf(person)}`,
      ...(human ? [`email:${person.email}`, `idp:user:${HOSTS.broker}/${person.oktaId}`] : []),
      ...(human ? clusterUsers(person, organisation) : []),
    ],
    ...(person.sponsor
      ? { sponsor: personKey(person.sponsor), allowed_roles: organisation.projects.slice(0, 1).map((project) => roleArn(project, 'production')) }
      : {}),
  };
} // prettier-ignore

/** As whom a person's jobs act on the clusters. */
function clusterUsers(person: Person, { projects }: Organisation): readonly string[] {
  return Object.values(CLUSTERS).flatMap((cluster) =>
    projects
      .filter(({ target }) => target === 'kubernetes')
      .map((project) => `k8s:user:${cluster}/${clusterUserOf(project, person)}`),
  );
}

function backupUserArn(): string {
  return `arn:aws:iam::${ACCOUNTS.production}:user/${BACKUP_USER.name}`;
}
