import { z } from 'zod';
import { parseStamp } from './time.ts';
import type { Micros } from './time.ts';

/** The registers of the policy file that control tests compare events with: what was in force, and when. */

const instant = z.string().transform((text, context): Micros => {
  const stamp = parseStamp(text);
  if (stamp) return stamp.at;
  context.addIssue({ code: 'custom', message: 'must be a time with a zone, such as 2026-01-31T00:00:00Z' });
  return z.NEVER;
});

/** An id as people write it in YAML: quoted or not. */
export const id = z.union([z.string(), z.number()]).transform(String);

/** `from <= t < to`, microseconds UTC; an end that is absent or null has not come. */
export const validity = { from: instant.optional(), to: instant.nullish() };

/** What a session must hold: any second factor, or one that cannot be passed on to an impostor. */
export const factorClass = z.enum(['any_second_factor', 'phishing_resistant']);

/** What one factor is: a password again is none. */
export const factorKind = z.enum(['none', 'otp', 'push', 'phishing_resistant']);

/** A runner, and the addresses from which its jobs reach the targets. Runners of one network may share addresses. */
export const runner = z.strictObject({
  id,
  description: z.string().optional(),
  network: z.string().optional(),
  egress_ips: z.array(z.string()).default([]),
  environment: z.string().optional(),
  ...validity,
});

/** Whether a branch or a pattern of tags was protected, for a time; a later entry overrides an earlier one. */
export const refState = z.strictObject({
  project_id: id,
  ref: z.string(),
  protected: z.boolean(),
  ...validity,
});

/** A version of a policy as it was put in force, and the merge request that it is said to come from. */
export const policyVersion = z.strictObject({
  key: z.string().optional(),
  policy: z.string(),
  version: id,
  sha256: z.string().nullish(),
  merged_sha256: z.string().nullish(),
  effective_at: instant,
  merge_request: z
    .strictObject({ id, iid: id.optional(), project_id: id.optional(), merge_commit_sha: z.string().nullish() })
    .nullish(),
  note: z.string().optional(),
});

/** A change that was approved beforehand: which kind of event, on what, in which window. */
export const approvedChange = z.strictObject({
  id: z.string(),
  system: z.string().optional(),
  event_type: z.string(),
  target: z.string().optional(),
  approved_by: z.string(),
  ...validity,
});

/** A review that was done, where its record is kept outside the sources. */
export const review = z.strictObject({
  id: z.string().optional(),
  subject_type: z.string(),
  subject_id: z.string(),
  reviewer: z.string(),
  at: instant,
  outcome: z.string().optional(),
  evidence: z.string().optional(),
});
