import { z } from 'zod';
import { id, validity } from './policy-registers.ts';
import type { Micros } from './time.ts';

/** The inventory of the policy file: places, roles, projects, people. Each entry may say from when to when it holds. */

export const regex = z.string().max(256).refine(compiles, 'must be a regular expression');

const rule = z.strictObject({ pattern: regex, environment: z.string(), ...validity });

/** One environment for all time, or one for each stretch of it. */
const placed = z.union([z.string(), z.array(z.strictObject({ environment: z.string(), ...validity })).min(1)]);
export type Placed = z.output<typeof placed>;

/** What is production, by what the targets and the forge call their places. */
export const environments = z.strictObject({
  /** Which environments the production controls protect. */
  production: z.array(z.string()).default(['production']),
  aws_accounts: z.record(z.string(), placed).default({}),
  kubernetes_clusters: z.record(z.string(), placed).default({}),
  vault_clusters: z
    .record(
      z.string(),
      z.strictObject({
        path_rules: z.array(rule).default([]),
        not_a_resource: z.array(regex).default(['^auth/', '^sys/']),
      }),
    )
    .default({}),
  gitlab: z.record(z.string(), placed).default({}),
  hoop_connections: z.array(rule).default([]),
  /** Other targets by name (URLs). */
  targets: z.array(rule).default([]),
});

/** A role at a target, who may hold it, and when it was one; several entries of one role tell how it changed. */
export const role = z.strictObject({
  role: z.string(),
  environment: z.string().optional(),
  projects: z.array(id).default([]),
  refs: z.array(z.string()).optional(),
  assumed_from: z.string().optional(),
  use: z.enum(['normal', 'break_glass']).default('normal'),
  /** It may do everything: to be held only as break-glass (T-07). */
  admin: z.boolean().default(false),
  /** What it may change, as patterns of resource keys with `*` for anything (T-23). */
  targets: z.array(z.string()).default([]),
  ...validity,
});
export const project = z.strictObject({
  id,
  path: z.string().optional(),
  /** The person who answers for its jobs, which act under the project's own name (T-17). */
  owner: z.string().optional(),
  required_approvals: z.number().int().nonnegative().default(1),
  protected_refs: z.array(z.string()).default([]),
  /** Names of jobs that must have succeeded for a commit before it is deployed to production (T-28). */
  required_checks: z.array(z.string()).default([]),
  /** Digests of the images in which its production jobs may run; none: they are not pinned (T-21). */
  image_digests: z.array(z.string()).default([]),
});
const member = z.strictObject({ person: z.string(), ...validity });
/** Who may approve for an environment, and from when to when. */
export const approverGroup = z.strictObject({
  group: z.string(),
  applies_to: z.string(),
  members: z.array(member),
  ...validity,
});

/** What may change production without a chain. */
export const automation = z.strictObject({
  name: z.string(),
  match: z.strictObject({
    aws_role_arn: z.string().optional(),
    aws_user_arn: z.string().optional(),
    k8s_username: z.string().optional(),
    k8s_username_prefix: z.string().optional(),
    vault_display_name: z.string().optional(),
    cluster: z.string().optional(),
  }),
  /** A broker mints credentials for others: its own credential is never climbed (sources.md 2.8 C). */
  broker: z.boolean().default(false),
  ...validity,
});
/** A dated exception that somebody answers for. */
export const exception = z.strictObject({
  test: z.string(),
  principal: z.string(),
  ...validity,
  approved_by: z.string(),
  reason: z.string(),
});
/** Which accounts are one person, service or agent. */
export const identity = z.strictObject({
  person: z.string(),
  display: z.string().optional(),
  kind: z.enum(['human', 'service', 'ai_agent', 'system']).default('human'),
  aliases: z.array(z.string()).default([]),
  method: z.string().default('policy'),
  sponsor: z.string().nullish(),
  owner: z.string().nullish(),
  allowed_roles: z.array(z.string()).optional(),
  /** An account that several people use; then its owner must be registered (T-17). */
  shared: z.boolean().default(false),
  ...validity,
});

/**
 * The identity provider behind a name that GitLab has for it (`provider` of an identity, `scim`), so that an `extern_uid`
 * is an account there. Only where the provider gives GitLab the subject by which it names its users itself.
 */
export const identityProvider = z.strictObject({
  /** Host of the GitLab. */
  gitlab: z.string().min(1),
  provider: z.string().min(1),
  /** The group's SAML provider, or the group of a SCIM, where a GitLab has several. */
  number: z.number().int().positive().optional(),
  /** As in the keys of its users: `idp:user:<issuer>/<subject>`. */
  issuer: z.string().min(1),
  /** What the `extern_uid` is at the provider: its own id of the user, or an e-mail address, which only asserts. */
  extern_uid: z.enum(['subject', 'email']).default('subject'),
  ...validity,
});

/** Whether an entry holds at a moment: `from <= at < to`; an end that is absent or null has not come. */
export function isInForce(
  { from, to }: { readonly from?: Micros | undefined; readonly to?: Micros | null | undefined },
  at: Micros,
): boolean {
  return (from === undefined || from <= at) && (to === undefined || to === null || at < to);
}

/** The environment of a place at a moment; undefined where the inventory does not say. Where stretches overlap the first counts. */
export function environmentOn(value: Placed | undefined, at: Micros): string | undefined {
  return typeof value === 'string' ? value : value?.find((entry) => isInForce(entry, at))?.environment;
}

function compiles(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
