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
  /** Whether it takes jobs of protected refs only, whether others share it, and the tags by which jobs find it (T-21). */
  protected: z.boolean().optional(),
  shared: z.boolean().optional(),
  tags: z.array(z.string()).default([]),
  ...validity,
});

/** Whether a branch or a pattern of tags was protected, for a time; a later entry overrides an earlier one. */
export const refState = z.strictObject({
  project_id: id,
  ref: z.string(),
  protected: z.boolean(),
  ...validity,
});

/** A signed checkpoint of this log (the note, as /v1/log/checkpoint gives it) that somebody keeps where the administrators cannot reach it (T-32). */
export const keptCheckpoint = z.strictObject({ kept_by: z.string().min(1), note: z.string().min(1).max(8_192) });

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
  /** Of a review of access: what was decided on each entitlement, by whom if not the reviewer, and when it was carried out. */
  decisions: z
    .array(
      z.strictObject({
        entitlement: z.string(),
        decision: z.enum(['keep', 'remove']),
        by: z.string().optional(),
        carried_out_at: instant.optional(),
      }),
    )
    .default([]),
});

/** A system whose access is reviewed at intervals, from a first moment on. */
export const accessReview = z.strictObject({ system: z.string(), from: instant, to: instant.nullish() });

/** A ticket, as the tracker exports it. */
export const ticket = z.strictObject({ id: z.string(), created_at: instant.optional() });

/** A setting that must have a value all the time: `protected_ref` by project and ref, anything else by name. */
export const guardrail = z.strictObject({
  id: z.string(),
  setting: z.string(),
  system: z.string().optional(),
  project_id: id.optional(),
  ref: z.string().optional(),
  required: z.union([z.string(), z.number(), z.boolean()]).transform(String),
  ...validity,
});

/** The value of a guarded setting for a time: a snapshot, or a change that was seen. */
export const settingState = z.strictObject({
  guardrail: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]).transform(String),
  changed_by: z.string().optional(),
  evidence: z.string().optional(),
  ...validity,
});

/** A detection or alert, and what became of it. */
export const finding = z.strictObject({
  id: z.string(),
  kind: z.string(),
  severity: z.string(),
  /** Key of what it is about: an account, a credential, a request. */
  subject: z.string().optional(),
  raised_at: instant,
  triaged_at: instant.optional(),
  triaged_by: z.string().optional(),
  closed_at: instant.optional(),
  outcome: z.string().optional(),
  evidence: z.string().optional(),
});

/** Evidence that was deleted: what, when, by whom allowed, and until when it had to be kept at least. */
export const deletion = z.strictObject({
  object: z.string(),
  at: instant,
  recorded_at: instant,
  authorised_by: z.array(z.string()).default([]),
  basis: z.string().optional(),
});

/** Something that may not be deleted for a time, whatever its age. */
export const legalHold = z.strictObject({ object: z.string(), reason: z.string(), ...validity });

/** What a release of the engine found of the exceptions that were seeded for it. */
export const conformance = z.strictObject({
  catalogue_sha256: z.string(),
  seeded: z.number().int().nonnegative(),
  found: z.number().int().nonnegative(),
  at: instant,
});
