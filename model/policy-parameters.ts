import { z } from 'zod';
import { regex } from './policy-inventory.ts';
import { factorClass, factorKind } from './policy-registers.ts';

const seconds = z.number().int().positive();

/** The figures of the rules (controls.md 2.3); a report prints those that decided. */
export const parameters = z.strictObject({
  ttl_max_s: z.record(z.string(), seconds).default({ production: 3_600, default: 43_200 }),
  approval_validity_s: seconds.default(86_400),
  tokens_per_approval: z.number().int().positive().default(1),
  job_grace_s: seconds.default(300),
  minimum_link: z.enum(['exact', 'asserted', 'inferred']).default('asserted'),
  /** Extra time in which a verifier may still accept an expired token (Kubernetes caches for 10 s: sources.md 1.9.1). */
  verifier_cache_s: z.record(z.string(), z.number().nonnegative()).default({}),
  undetermined_tolerance: z.number().int().nonnegative().default(0),
  merge_author_may_approve_deployment: z.boolean().default(true),
  /** The factor that a person's session must hold: of who approves production, and of everybody else. */
  approver_factor: factorClass.default('phishing_resistant'),
  requester_factor: factorClass.default('any_second_factor'),
  /** What a factor is worth, by the provider's own word for it: `otp` and `push` are second factors of the first kind. */
  factor_classes: z.record(z.string(), factorKind).default({
    FIDO_WEBAUTHN: 'phishing_resistant',
    SIGNED_NONCE: 'phishing_resistant',
    SMART_CARD: 'phishing_resistant',
    OKTA_VERIFY_PUSH: 'push',
    TOKEN_SOFTWARE_TOTP: 'otp',
  }),
  /** How long a login at the identity provider covers what its person does elsewhere. */
  idp_session_max_s: seconds.default(43_200),
  /** Days from Monday to Friday, UTC, in which a use of emergency access must be reviewed. */
  bg_review_business_days: z.number().int().nonnegative().default(2),
  bg_max_s: seconds.default(14_400),
  /** A reason of a request is at least this long, or names a ticket by the pattern (T-06). */
  reason_min_chars: z.number().int().positive().default(10),
  ticket_pattern: regex.optional(),
  /** How long a credential may outlive the reason for it (T-13). */
  revoke_max_s: seconds.default(900),
  /** How long after it is first seen an account may be without an entry in the register (T-17). */
  principal_grace_days: z.number().int().nonnegative().default(7),
  /** Tags by which jobs find the runners of production (T-21). */
  production_runner_tags: z.array(z.string()).default(['production', 'prod']),
  access_review_days: z.number().int().positive().default(90),
  access_removal_business_days: z.number().int().nonnegative().default(5),
  bg_alert_s: seconds.default(900),
  /** Business days in which a detection must be looked at, by its severity (T-39). */
  triage_business_days: z
    .record(z.string(), z.number().int().nonnegative())
    .default({ critical: 1, high: 1, medium: 5, low: 20 }),
  ingest_max_s: seconds.default(900),
  /** How far a source's clock may be off before T-33 notes it; sources have a `max_skew_ms` of their own for order. */
  skew_max_ms: z.number().int().positive().default(5_000),
  retention_min_days: z.number().int().positive().default(400),
  /** The share of production uses that must have a whole chain (T-38). */
  coverage_min: z.number().min(0).max(1).default(0.999),
});
