import { policySchema } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';

/** What an operator would configure or import, as a scenario states it. Only what is read here is named. */
export interface ScenarioFacts {
  readonly tenant: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly environments: {
    readonly aws_accounts: Record<string, string>;
    readonly kubernetes_clusters: Record<string, { readonly environment: string; readonly jwt_issuer?: string }>;
    readonly vault_clusters: Record<
      string,
      { readonly path_rules: Rule[]; readonly not_a_resource: string[]; readonly accessor_hmac?: boolean }
    >;
    readonly gitlab_environments: Record<string, string>;
    readonly hoop_connections: Rule[];
    readonly gitlab_claim_prefix?: string;
  };
  readonly production_roles: readonly RoleFact[];
  readonly staging_roles: readonly RoleFact[];
  readonly projects: readonly {
    readonly id: number;
    readonly path: string;
    readonly required_approvals: number;
    readonly protected_refs: string[];
  }[];
  readonly approver_groups: readonly unknown[];
  readonly policy_parameters: Readonly<Record<string, unknown>>;
  readonly registered_automation: readonly { readonly name: string; readonly match: Record<string, string> }[];
  readonly exception_register: readonly unknown[];
  readonly runners: readonly unknown[];
  readonly protected_refs_history: readonly unknown[];
  readonly policy_versions: readonly unknown[];
  readonly approved_changes: readonly unknown[];
  readonly reviews: readonly unknown[];
  readonly identity_aliases: readonly {
    readonly person: string;
    readonly display?: string;
    readonly kind?: string;
    readonly aliases: string[];
    readonly method?: string;
  }[];
  readonly service_accounts: readonly {
    readonly key: string;
    readonly username?: string;
    readonly kind?: string;
    readonly owner?: string | null;
    readonly aliases?: string[];
  }[];
  readonly ai_agents: readonly {
    readonly key: string;
    readonly aliases: string[];
    readonly display?: string;
    readonly sponsor?: string | null;
    readonly allowed_roles?: string[];
  }[];
  readonly sources: readonly SourceFact[];
  readonly ingest_credentials: Readonly<Record<string, string>>;
}

interface Rule {
  readonly pattern: string;
  readonly environment: string;
}

interface RoleFact {
  readonly role_arn: string;
  readonly allowed_projects?: number[];
  readonly allowed_refs?: string[];
  readonly environment?: string;
  readonly assumed_from?: string;
  readonly use?: string;
}

interface SourceFact {
  readonly family: string;
  readonly scope: string;
  readonly integrity_mode: string;
  readonly expected_interval_s?: number;
  readonly max_skew_ms: number;
  readonly resolution_ms: number;
  readonly lateness_s: number;
  readonly first_sequence?: number;
  readonly daily_activity_expected?: boolean;
  readonly may_speak_for?: string[];
}

/** How each family's transport is authenticated: the kind of credential, and the name of its secret in the facts. */
const CREDENTIALS: Readonly<Record<string, { readonly kind: string; readonly secret: string }>> = {
  'okta.log': { kind: 'header', secret: 'okta_hook' },
  'gitlab.hook': { kind: 'gitlab_token', secret: 'gitlab_hook' },
  'gitlab.audit': { kind: 'gitlab_token', secret: 'gitlab_stream' },
  ce: { kind: 'bearer', secret: 'issuer_bearer' },
  'k8s.audit': { kind: 'bearer', secret: 'k8s_bearer' },
  'vault.audit': { kind: 'bearer', secret: 'vault_bearer' },
  hoop: { kind: 'standard_webhooks', secret: 'hoop_svix' },
};

/** Parameters that the policy schema knows; the others say when and how they hold. */
const PARAMETERS = [
  'ttl_max_s',
  'approval_validity_s',
  'tokens_per_approval',
  'job_grace_s',
  'minimum_link',
  'merge_author_may_approve_deployment',
  'approver_factor',
  'requester_factor',
  'idp_session_max_s',
  'factor_classes',
  'bg_review_business_days',
  'bg_max_s',
  'ingest_max_s',
  'skew_max_ms',
];

/**
 * The policy and the secrets that a scenario's facts amount to. The text of the policy is JSON, which is YAML, so it
 * can be written to a file as it is and read back by `parsePolicy`.
 */
export function policyFromFacts(facts: ScenarioFacts): {
  policy: Policy;
  text: string;
  secrets: Record<string, string>;
} {
  const document = {
    tenant: facts.tenant,
    sources: facts.sources.map((source) => sourceOf(source, facts)),
    environments: {
      production: ['production'],
      aws_accounts: facts.environments.aws_accounts,
      kubernetes_clusters: mapValues(facts.environments.kubernetes_clusters, (cluster) => cluster.environment),
      vault_clusters: mapValues(facts.environments.vault_clusters, ({ path_rules, not_a_resource }) => ({
        path_rules,
        not_a_resource,
      })),
      gitlab: facts.environments.gitlab_environments,
      hoop_connections: facts.environments.hoop_connections,
    },
    roles: [...facts.production_roles, ...facts.staging_roles].map((role) => ({
      role: role.role_arn,
      environment: role.environment,
      projects: role.allowed_projects,
      refs: role.allowed_refs,
      assumed_from: role.assumed_from,
      use: role.use,
    })),
    projects: facts.projects,
    approver_groups: facts.approver_groups,
    automation: facts.registered_automation.map(({ name, match }) => ({
      name,
      match,
      broker: /\bbroker\b/i.test(name),
    })),
    exceptions: facts.exception_register,
    runners: facts.runners,
    protected_refs_history: facts.protected_refs_history,
    policy_versions: facts.policy_versions,
    approved_changes: facts.approved_changes,
    reviews: facts.reviews,
    identities: identitiesOf(facts),
    parameters: Object.fromEntries(
      Object.entries(facts.policy_parameters).filter(([name]) => PARAMETERS.includes(name)),
    ),
    pipeline_variables: {
      request_system: 'okta',
      request_scope: facts.sources.find((source) => source.family === 'okta.log')?.scope,
    },
  };
  const text = JSON.stringify(document, undefined, 2);
  return { policy: policySchema.parse(JSON.parse(text)), text, secrets: secretsOf(facts) };
}

function sourceOf(source: SourceFact, facts: ScenarioFacts): Record<string, unknown> {
  const credential = CREDENTIALS[source.family];
  const cluster = source.family === 'k8s.audit' ? facts.environments.kubernetes_clusters[source.scope] : undefined;
  const vault = source.family === 'vault.audit' ? facts.environments.vault_clusters[source.scope] : undefined;
  return {
    family: source.family,
    instance: source.scope,
    credentials: credential ? [credential] : [],
    max_skew_ms: source.max_skew_ms,
    resolution_ms: source.resolution_ms,
    lateness_s: source.lateness_s,
    integrity: source.integrity_mode,
    expected_interval_s: source.expected_interval_s,
    first_sequence: source.first_sequence,
    daily_activity_expected: source.daily_activity_expected,
    may_speak_for: source.may_speak_for,
    jwt_issuer: cluster?.jwt_issuer,
    claim_prefix: cluster ? facts.environments.gitlab_claim_prefix : undefined,
    accessor_hmac: vault?.accessor_hmac,
  };
}

function identitiesOf(facts: ScenarioFacts): unknown[] {
  return [
    ...facts.identity_aliases.map(({ person, display, kind, aliases, method }) => ({
      person,
      display,
      kind,
      aliases,
      method,
    })),
    ...facts.service_accounts.map(({ key, username, owner, aliases }) => ({
      person: key,
      display: username,
      kind: 'service',
      owner,
      aliases,
    })),
    ...facts.ai_agents.map(({ key, display, aliases, sponsor, allowed_roles }) => ({
      person: key,
      display,
      kind: 'ai_agent',
      aliases,
      sponsor,
      allowed_roles,
    })),
  ];
}

/** Standard Webhooks writes its key as `whsec_` and base64 (sources.md 1.12); the facts give it in hex. */
function secretsOf(facts: ScenarioFacts): Record<string, string> {
  const { hoop_svix_hex: hex, ...others } = facts.ingest_credentials;
  return {
    ...others,
    ...(hex === undefined ? {} : { hoop_svix: `whsec_${Buffer.from(hex, 'hex').toString('base64')}` }),
  };
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
