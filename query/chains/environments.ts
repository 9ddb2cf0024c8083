import { environmentOn } from '../../model/policy-inventory.ts';
import type { Placed } from '../../model/policy-inventory.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { firstMatch } from './rules.ts';
import type { Rules } from './rules.ts';

/**
 * The environment that an event touched or is about, by the inventory of the policy file; undefined where the policy
 * does not say. A place that the target's own log names (account, cluster, path) comes before what a pipeline says of
 * itself, since the first is a fact and the second an intention.
 */
export function environmentOf(event: StoredEvent, rules: Rules): string | undefined {
  return environmentOfPlace(event, rules) ?? environmentOfTarget(event, rules) ?? environmentNamed(event, rules);
}

/** Whether an environment is one that the production controls protect. Undefined is not: it is unclassified. */
export function isProduction(environment: string | undefined, rules: Rules): boolean {
  return environment !== undefined && rules.production.has(environment);
}

/** The environment for which a credential is good, by role, account, cluster or URL that the issuer named. */
export function environmentOfTarget(event: StoredEvent, rules: Rules): string | undefined {
  const { credential, target } = event.facts;
  const names = [target?.role, target?.cluster, target?.name, credential?.target];
  for (const name of names) {
    const known = name === undefined ? undefined : environmentOfName(name, rules, event.occurredAt);
    if (known !== undefined) return known;
  }
  const account = target?.account ?? credential?.target_account;
  return account === undefined ? undefined : own(rules.policy.environments.aws_accounts, account, event.occurredAt);
}

function environmentOfName(name: string, rules: Rules, at: Micros): string | undefined {
  const environments = rules.policy.environments;
  const known =
    rules.roleOn(name, at)?.environment ??
    own(environments.kubernetes_clusters, name, at) ??
    firstMatch(rules.targets, name, at);
  if (known !== undefined) return known;
  const account = /^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):/.exec(name)?.[1];
  return account === undefined ? undefined : own(environments.aws_accounts, account, at);
}

// Where the source itself is the place: the account of a call, the cluster of an audit log, the path of a secret.
function environmentOfPlace(event: StoredEvent, rules: Rules): string | undefined {
  const environments = rules.policy.environments;
  switch (event.family) {
    case 'aws.cloudtrail':
      return own(environments.aws_accounts, event.facts.call?.account ?? event.instance, event.occurredAt);
    case 'k8s.audit':
      return own(environments.kubernetes_clusters, event.instance, event.occurredAt);
    case 'vault.audit': {
      const path = vaultPath(event);
      return path === undefined
        ? undefined
        : firstMatch(rules.vaultPaths.get(event.instance) ?? [], path, event.occurredAt);
    }
    case 'hoop': {
      const connection = event.resource?.display ?? event.resource?.key.split('/').at(-1);
      return connection === undefined ? undefined : firstMatch(rules.hoopConnections, connection, event.occurredAt);
    }
    default:
      return undefined;
  }
}

/**
 * The environment that a pipeline, a deployment or a request names. A name that the policy does not know is
 * unclassified, not harmless: a system that calls its production "prod" must not slip by.
 */
export function environmentNamed(event: StoredEvent, rules: Rules): string | undefined {
  if (PLACES.has(event.family)) return undefined;
  const { facts } = event;
  const name =
    event.environment ??
    facts.deployment?.environment ??
    facts.job?.environment ??
    facts.ci?.environment ??
    facts.request?.environment;
  if (name === undefined) return undefined;
  return forgeEnvironment(name, event.occurredAt, rules);
}

/** What the forge's own name for an environment means at a moment: by the inventory, else itself where it is production. */
export function forgeEnvironment(name: string, at: Micros, rules: Rules): string | undefined {
  return own(rules.policy.environments.gitlab, name, at) ?? (rules.production.has(name) ? name : undefined);
}

/** Families whose own word for the environment is a place: an account, a cluster. */
const PLACES: ReadonlySet<string> = new Set(['aws.cloudtrail', 'k8s.audit', 'vault.audit']);

function vaultPath(event: StoredEvent): string | undefined {
  const key = event.resource?.key;
  if (key === undefined) return undefined;
  const prefix = `vault:path:${event.instance}/`;
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

function own(map: Readonly<Record<string, Placed>>, name: string, at: Micros): string | undefined {
  return Object.hasOwn(map, name) ? environmentOn(map[name], at) : undefined;
}
