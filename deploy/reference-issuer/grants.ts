import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { z } from 'zod';

const rule = z.strictObject({
  role: z.string().regex(/^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]+$/),
  project_path: z.string().min(1),
  job: z.string().min(1),
  environment: z.string().min(1),
  ref_protected: z.boolean(),
  lifetime_s: z.number().int().min(60).max(3_600),
  approval: z.enum(['required', 'none']),
});
const schema = z.strictObject({
  id: z.string().min(1),
  version: z.string().min(1),
  approval_validity_s: z.number().int().positive(),
  approvers: z.array(z.string()).min(1),
  rules: z.array(rule),
});
export type Rule = z.output<typeof rule>;
export type Grants = z.output<typeof schema> & { readonly sha256: string };

/** Claims of a GitLab ID token that a decision rests on (sources.md 1.4); GitLab writes numbers and flags as text. */
export const jobClaims = z.looseObject({
  jti: z.string().min(1),
  sub: z.string().min(1),
  project_path: z.string(),
  project_id: z.string(),
  pipeline_id: z.string(),
  job_id: z.string(),
  user_id: z.string(),
  // Only where the user allowed it.
  user_identities: z
    .array(z.looseObject({ provider: z.string().min(1), extern_uid: z.string().min(1) }))
    .max(16)
    .optional(),
  ref: z.string(),
  ref_protected: z.enum(['true', 'false']),
  sha: z.string(),
  runner_id: z.coerce.string().optional(),
  environment: z.string().optional(),
  environment_action: z.string().optional(),
});
export type JobClaims = z.output<typeof jobClaims>;

/** Reads the policy file; throws with the faults of zod where it is not valid. */
export function readGrants(text: string): Grants {
  return { ...schema.parse(parse(text)), sha256: createHash('sha256').update(text).digest('hex') };
}

/** The rule that grants a role to a job; undefined: nothing does. A protected ref also satisfies a rule that needs none. */
export function ruleFor(grants: Grants, role: string, claims: JobClaims): Rule | undefined {
  return grants.rules.find(
    (entry) =>
      entry.role === role &&
      entry.project_path === claims.project_path &&
      entry.job === claims.environment_action &&
      entry.environment === claims.environment &&
      (!entry.ref_protected || claims.ref_protected === 'true'),
  );
}
