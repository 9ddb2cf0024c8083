import { isInForce } from '../../model/policy-inventory.ts';
import type { Policy, PolicySource } from '../../model/policy.ts';
import { resolutionUs } from '../../model/time.ts';
import type { Clocked, Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** The skew that holds for a source that the policy file does not name (sources.md 2.1). */
const DEFAULT_SKEW_US = 2_000_000;
const DEFAULT_LATENESS_S = 3_600;

interface Pattern {
  readonly regex: RegExp;
  readonly environment: string;
  readonly from?: Micros | undefined;
  readonly to?: Micros | null | undefined;
}

/** What chains take from the policy file, compiled once. Pure data and pure functions: no clock, no I/O. */
export interface Rules {
  readonly policy: Policy;
  readonly production: ReadonlySet<string>;
  /** What is said of an installation; undefined where it is not registered. */
  sourceOf(family: string, instance: string): PolicySource | undefined;
  /** Seconds after which an event of this installation is no longer expected. */
  latenessS(family: string, instance: string): number;
  /** A principal that mints credentials for others, so that its own credential says nothing of who asked. */
  isBroker(principal: string | undefined, at: Micros): boolean;
  /** What the inventory says of a role at a moment; undefined where it says nothing then. */
  roleOn(name: string, at: Micros): Policy['roles'][number] | undefined;
  /** Whether the inventory names a role at all. */
  knowsRole(name: string): boolean;
  readonly vaultPaths: ReadonlyMap<string, readonly Pattern[]>;
  readonly hoopConnections: readonly Pattern[];
  readonly targets: readonly Pattern[];
  /** Vault paths that are no resource, by cluster; and those for clusters that the policy does not name. */
  readonly noResource: ReadonlyMap<string, readonly RegExp[]>;
  readonly noResourceByDefault: readonly RegExp[];
}

/** Compiles the policy for the walk. The regular expressions were checked when the policy file was read. */
export function createRules(policy: Policy): Rules {
  const sources = new Map(policy.sources.map((entry) => [`${entry.family} ${entry.instance}`, entry]));
  const roles = new Map<string, Policy['roles'][number][]>();
  for (const entry of policy.roles) roles.set(entry.role, [...(roles.get(entry.role) ?? []), entry]);
  const brokers = policy.automation.filter((entry) => entry.broker);
  return {
    policy,
    production: new Set(policy.environments.production),
    sourceOf: (family, instance) => sources.get(`${family} ${instance}`),
    latenessS: (family, instance) => sources.get(`${family} ${instance}`)?.lateness_s ?? DEFAULT_LATENESS_S,
    isBroker: (principal, at) =>
      principal !== undefined &&
      brokers.some((entry) => isInForce(entry, at) && matchesPrincipal(entry.match, principal)),
    roleOn: (name, at) => roles.get(name)?.find((entry) => isInForce(entry, at)),
    knowsRole: (name) => roles.has(name),
    vaultPaths: new Map(
      Object.entries(policy.environments.vault_clusters).map(([cluster, entry]) => [
        cluster,
        compile(entry.path_rules),
      ]),
    ),
    hoopConnections: compile(policy.environments.hoop_connections),
    targets: compile(policy.environments.targets),
    noResource: new Map(
      Object.entries(policy.environments.vault_clusters).map(([cluster, entry]) => [
        cluster,
        entry.not_a_resource.map((pattern) => new RegExp(pattern, 'u')),
      ]),
    ),
    noResourceByDefault: [/^auth\//, /^sys\//],
  };
}

/** A stamp of an event with how far its source's clock may be off, in microseconds (controls.md 2.3 rule 3). */
export function clockOf(rules: Rules, event: StoredEvent): Clocked {
  const source = rules.sourceOf(event.family, event.instance);
  const skewUs = source === undefined ? DEFAULT_SKEW_US : source.max_skew_ms * 1_000;
  const coarser =
    source?.resolution_ms === undefined ? 0 : source.resolution_ms * 1_000 - resolutionUs(event.precision);
  return { at: event.occurredAt, precision: event.precision, skewUs: skewUs + coarser };
}

/** The same clock at another moment that the event states (when the decision was taken, not when it was written). */
export function clockAt(rules: Rules, event: StoredEvent, at: Micros): Clocked {
  return { ...clockOf(rules, event), at };
}

/** The environment of the first pattern in force that fits, or undefined. */
export function firstMatch(patterns: readonly Pattern[], text: string, at: Micros): string | undefined {
  return patterns.find((pattern) => isInForce(pattern, at) && pattern.regex.test(text))?.environment;
}

function compile(rules: Policy['environments']['targets']): readonly Pattern[] {
  return rules.map(({ pattern, ...rule }) => ({ ...rule, regex: new RegExp(pattern, 'u') }));
}

function matchesPrincipal(match: Policy['automation'][number]['match'], principal: string): boolean {
  const exact = [match.aws_role_arn, match.aws_user_arn, match.k8s_username, match.vault_display_name];
  const name = principal.replace(/^(?:aws:role|aws:user|k8s:user):/, '');
  return exact.some((value) => value !== undefined && (value === principal || value === name || sameRole(value, name)));
}

// "arn:aws:sts::1:assumed-role/vault/session" is a session of "arn:aws:iam::1:role/vault".
function sameRole(roleArn: string, principal: string): boolean {
  const role = /^arn:([a-z-]+):iam::(\d+):role\/(?:.*\/)?([^/]+)$/.exec(roleArn);
  const session = /^arn:([a-z-]+):sts::(\d+):assumed-role\/([^/]+)(?:\/|$)/.exec(principal);
  return role !== null && session !== null && [1, 2, 3].every((part) => role[part] === session[part]);
}
