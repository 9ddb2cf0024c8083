import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import {
  approverGroup,
  automation,
  environments,
  exception,
  identity,
  identityProvider,
  project,
  role,
} from './policy-inventory.ts';
import { parameters } from './policy-parameters.ts';
import {
  accessReview,
  approvedChange,
  conformance,
  deletion,
  finding,
  guardrail,
  keptCheckpoint,
  legalHold,
  policyVersion,
  refState,
  review,
  runner,
  settingState,
  ticket,
  validity,
} from './policy-registers.ts';
import { poll, securityEvents } from './policy-poll.ts';
import { Problem } from './problem.ts';
import { FAMILIES, SOURCES } from './source.ts';
import { lineOfPath } from './yaml-line.ts';

/**
 * The policy file `custody.yaml`: what is connected, what is production, who is who, which rules hold. It is kept in
 * version control, so it holds no secret: credentials are named here and read from the secrets file beside it.
 */

const seconds = z.number().int().positive();

const credential = z.strictObject({
  kind: z.enum(['gitlab_token', 'gitlab_signature', 'bearer', 'header', 'standard_webhooks']),
  /** Name of the entry in the secrets file. Two entries of one kind may be valid at once, for rotation. */
  secret: z.string().min(1),
});

const source = z.strictObject({
  family: z.enum(FAMILIES),
  instance: z.string().min(1),
  /** Which doors this instance may use; all sources of the family when left out. */
  sources: z.array(z.enum(SOURCES)).optional(),
  credentials: z.array(credential).default([]),
  max_skew_ms: z.number().int().nonnegative().default(2_000),
  /** Overrides the precision of the stamps, where a source writes digits that it does not mean. */
  resolution_ms: z.number().nonnegative().optional(),
  lateness_s: seconds.default(3_600),
  integrity: z.enum(['dense_seq', 'hash_chain', 'signed_digest', 'heartbeat', 'none']).default('none'),
  expected_interval_s: seconds.optional(),
  /** Whether a day (UTC) without a single event of it is something to be told. */
  daily_activity_expected: z.boolean().default(true),
  /** Since when it is connected, and until when (T-36). */
  ...validity,
  first_sequence: z.number().int().nonnegative().optional(),
  /** The source of a second pull: what it holds must have been streamed too, or it is a gap (sources.md 1.2). */
  reconcile_with: z.literal('gitlab.audit-rest').optional(),
  /** Whether what it issues can be taken back before its end; AWS sessions cannot (T-13). */
  can_revoke: z.boolean().optional(),
  /** How long an event of it usually is on its way, where that is known: what is beyond tells of a clock (T-33). */
  transport_ms: z.number().int().nonnegative().optional(),
  may_speak_for: z.array(z.string()).optional(),
  /** The issuer of the tokens (Kubernetes) or people (hoop) of this source; the prefix of a cluster's extra claims. */
  jwt_issuer: z.string().optional(),
  claim_prefix: z.string().optional(),
  /** Host of the GitLab whose jobs the tokens at this place name; needed only where several GitLabs are registered. */
  gitlab_host: z.string().optional(),
  /** Kubernetes: user names of the GitLab agents (KAS), whose word on the job behind an impersonation is trusted. */
  gitlab_agents: z.array(z.string()).default([]),
  /** Vault: whether accessors are hashed, and the name of the audit device. */
  accessor_hmac: z.boolean().default(false),
  device: z.string().default('default'),
  /** Keycloak: names of realms by id (its REST events tell the id), and the zone of its text lines, which name none. */
  realms: z.record(z.string(), z.string()).default({}),
  utc_offset: z
    .string()
    .regex(/^[+-]\d{2}:\d{2}$/)
    .optional(),
  /** What Custody fetches itself, and whose security event tokens it takes. */
  poll: poll.optional(),
  security_events: securityEvents.optional(),
});

export const policySchema = z.strictObject({
  tenant: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .default('default'),
  /** The name that reports print; the tenant where it is left out. */
  organisation: z.string().min(1).max(200).optional(),
  sources: z.array(source).default([]),
  environments: environments.prefault({}),
  roles: z.array(role).default([]),
  projects: z.array(project).default([]),
  approver_groups: z.array(approverGroup).default([]),
  automation: z.array(automation).default([]),
  exceptions: z.array(exception).default([]),
  /** Registers that an operator keeps or imports: they say what was in force when. */
  runners: z.array(runner).default([]),
  protected_refs_history: z.array(refState).default([]),
  policy_versions: z.array(policyVersion).default([]),
  approved_changes: z.array(approvedChange).default([]),
  reviews: z.array(review).default([]),
  /** Systems whose access must be reviewed at intervals; what was reviewed stands in `reviews`. */
  access_reviews: z.array(accessReview).default([]),
  /** An export of the ticket system; left out where none is connected. */
  tickets: z.array(ticket).optional(),
  guardrails: z.array(guardrail).default([]),
  setting_states: z.array(settingState).default([]),
  findings: z.array(finding).default([]),
  deletions: z.array(deletion).default([]),
  legal_holds: z.array(legalHold).default([]),
  /** Signed checkpoints that others keep; left out where nobody does. */
  kept_checkpoints: z.array(keptCheckpoint).optional(),
  conformance: z.array(conformance).default([]),
  identities: z.array(identity).default([]),
  /** Which identity provider stands behind the name that a GitLab has for it. */
  identity_providers: z.array(identityProvider).default([]),
  parameters: parameters.prefault({}),
  /** Variables of a pipeline whose values are kept, and the system that a request id in them belongs to. */
  pipeline_variables: z
    .strictObject({
      access_request: z.string().default('ACCESS_REQUEST_ID'),
      change: z.string().default('CHANGE_ID'),
      request_system: z.string().default('okta'),
      request_scope: z.string().optional(),
    })
    .prefault({}),
});

export type Policy = z.output<typeof policySchema>;
export type PolicySource = Policy['sources'][number];

/**
 * Reads the text of a policy file (YAML or JSON). All faults are named at once, with line and path, in one Problem of
 * code `configuration`.
 */
export function parsePolicy(text: string, name = 'custody.yaml'): Policy {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  if (document.errors.length > 0)
    throw new Problem('configuration', `${name}: ${document.errors.map((e) => e.message).join('; ')}`);
  const read = policySchema.safeParse(document.toJS() ?? {});
  if (read.success) return read.data;
  const faults = read.error.issues.map((issue) => {
    const line = lineOfPath(document, lines, issue.path);
    return `${line === undefined ? '' : `line ${line}, `}${issue.path.join('.') || '(top)'}: ${issue.message}`;
  });
  throw new Problem('configuration', `${name} is not a valid policy file:\n  ${faults.join('\n  ')}`, { faults });
}

/** The policy that holds where no file is given: tenant `default`, nothing registered. */
export function emptyPolicy(): Policy {
  return policySchema.parse({});
}

/**
 * What the policy says of an installation; undefined if it is not registered. Where it does not say whose jobs the
 * tokens there name and only one GitLab is registered, that one is meant.
 */
export function sourceOf(policy: Policy, family: string, instance: string): PolicySource | undefined {
  const found = policy.sources.find((entry) => entry.family === family && entry.instance === instance);
  if (!found || found.gitlab_host !== undefined) return found;
  const hosts = new Set(
    policy.sources.filter((entry) => entry.family.startsWith('gitlab.')).map((entry) => entry.instance),
  );
  const [only] = hosts;
  return hosts.size === 1 && only !== undefined ? { ...found, gitlab_host: only } : found;
}
