import * as z from 'zod';
import { parseStamp } from './time.ts';

/**
 * The contract with issuers (sources.md part 3): CloudEvents 1.0 whose data tells the life of a token. One schema for
 * the door, which refuses what breaks it, and for the adapter, which reads it. Unknown fields are kept. `null` counts
 * as absent. What only weakens the evidence (no expiry, no actors) is no breach: it is stored, so that a control test
 * can find it; a breach is what leaves the event without identity, subject or meaning.
 */

/** Bounds of sources.md 3.4, checked before the schema. `material` is for the signature extension `dssematerial`. */
export const TOKEN_BOUNDS = {
  eventBytes: 65_536,
  batchBytes: 1_048_576,
  actors: 16,
  parentTokens: 8,
  string: 2_048,
  material: 16_384,
} as const;

/** What every type of our own begins with. Other types are kept, as events of unknown type. */
export const OWN_TYPE_PREFIX = 'io.accessaudit.';

export const TOKEN_EVENT_TYPES = [
  'io.accessaudit.token.requested.v1',
  'io.accessaudit.token.approved.v1',
  'io.accessaudit.token.denied.v1',
  'io.accessaudit.token.issued.v1',
  'io.accessaudit.token.exchanged.v1',
  'io.accessaudit.token.used.v1',
  'io.accessaudit.token.revoked.v1',
  'io.accessaudit.token.expired.v1',
] as const;
export type TokenEventType = (typeof TOKEN_EVENT_TYPES)[number];

/** A review was done, of a break-glass use for one: `data.review` says of what, by whom, with which outcome. */
export const REVIEW_EVENT_TYPE = 'io.accessaudit.review.completed.v1';

const text = z.string().min(1);
const optionalText = z.string().nullish();
// What is published is RFC 3339 to the letter; what is read is that and the forms that GitLab writes.
const RFC3339 = String.raw`^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$`;
const stamp = z
  .string()
  .refine((value) => parseStamp(value) !== undefined, 'must be an RFC 3339 time with a zone')
  .meta({ format: 'date-time', pattern: RFC3339 });
const optionalStamp = stamp.nullish();
const texts = z.array(z.string()).nullish();

// For the published schema: these members are there and say something.
function needed(...names: readonly string[]): Record<string, unknown> {
  return {
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, { type: 'string', minLength: 1 }])),
  };
}

/** Names a token without ever carrying it: `iss` and `jti`, or `sha256` of what is sent. */
export const tokenRefSchema = z
  .looseObject({
    iss: optionalText,
    jti: optionalText,
    sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
      .nullish(),
    kind: optionalText,
    typ: optionalText,
    kid: optionalText,
    alg: optionalText,
    cnf: z.looseObject({ jkt: optionalText, x5t_s256: optionalText }).nullish(),
    public_id: optionalText,
  })
  .refine((ref) => Boolean((ref.iss && ref.jti) || ref.sha256), 'needs iss and jti, or sha256')
  .meta({ anyOf: [needed('iss', 'jti'), needed('sha256')] });

/** GitLab's claim `user_identities` (sources.md 1.4), as the ID token has it: a user of GitLab's accounts at providers. */
const userIdentities = z
  .array(z.looseObject({ provider: text, extern_uid: text }))
  .max(16)
  .nullish();

/** A party as the issuer names it: whose rights, or who acts. */
export const partyRefSchema = z.looseObject({
  kind: z.enum(['human', 'service', 'ai_agent', 'system', 'unknown']).nullish(),
  iss: text,
  sub: text,
  email: optionalText,
  display: optionalText,
  client_id: optionalText,
  spiffe_id: optionalText,
  agent: z
    .looseObject({
      uid: text,
      instance_uid: optionalText,
      name: optionalText,
      model: optionalText,
      version: optionalText,
    })
    .nullish(),
  aliases: z.array(z.looseObject({ iss: text, sub: text })).nullish(),
  user_identities: userIdentities,
});

export const approvalSchema = z.looseObject({
  mode: z.enum(['human', 'policy', 'pre_approved', 'break_glass']),
  decision_by: partyRefSchema.nullish(),
  decided_at: optionalStamp,
  policy: z.looseObject({ id: text, version: optionalText, sha256: optionalText }).nullish(),
  access_request: z.looseObject({ system: text, scope: text, id: text }).nullish(),
  change: z.looseObject({ system: text, id: text }).nullish(),
  reason_code: optionalText,
});

/** `data` of the `io.accessaudit.token.*` types. Which fields a type must have: token-contract.ts. */
export const tokenEventDataSchema = z.looseObject({
  schema_version: z.literal(1),
  request_id: optionalText,
  token: tokenRefSchema.nullish(),
  parent_tokens: z.array(tokenRefSchema).nullish(),
  session: z.looseObject({ iss: text, sid: text }).nullish(),
  subject: partyRefSchema.nullish(),
  actors: z.array(partyRefSchema).nullish(),
  requester: partyRefSchema.nullish(),
  client_id: optionalText,
  audience: texts,
  scope: z.union([z.array(z.string()), z.looseObject({})]).nullish(),
  resource: texts,
  issued_at: optionalStamp,
  not_before: optionalStamp,
  expires_at: optionalStamp,
  grant_type: optionalText,
  approval: approvalSchema.nullish(),
  ci: z
    .looseObject({
      provider: optionalText,
      host: optionalText,
      project_id: optionalText,
      project_path: optionalText,
      pipeline_id: optionalText,
      job_id: optionalText,
      runner_id: optionalText,
      ref: optionalText,
      ref_protected: z.boolean().nullish(),
      environment: optionalText,
      sha: optionalText,
      image_digest: optionalText,
      config_ref: optionalText,
      config_sha: optionalText,
      user_id: optionalText,
      user_identities: userIdentities,
    })
    .nullish(),
  workload: z
    .looseObject({
      spiffe_id: optionalText,
      k8s: z
        .looseObject({ cluster: text, namespace: text, pod_uid: optionalText, service_account: optionalText })
        .nullish(),
    })
    .nullish(),
  target: z
    .looseObject({
      type: text,
      name: text,
      aws: z
        .looseObject({
          account: optionalText,
          role_arn: optionalText,
          session_name: optionalText,
          source_identity: optionalText,
          access_key_id: optionalText,
        })
        .nullish(),
      vault: z.looseObject({ cluster: text, accessor: optionalText, lease_id: optionalText }).nullish(),
    })
    .nullish(),
  txn: optionalText,
  client_ip: optionalText,
  user_agent: optionalText,
  reason: optionalText,
  reason_code: optionalText,
  initiating_entity: optionalText,
  outcome: z.enum(['success', 'failure', 'denied']).nullish(),
  error_code: optionalText,
});
export type TokenEventData = z.output<typeof tokenEventDataSchema>;
export type TokenRef = z.output<typeof tokenRefSchema>;
export type PartyRef = z.output<typeof partyRefSchema>;

/** `data` of `io.accessaudit.review.completed.v1`. */
export const reviewDataSchema = z.looseObject({
  schema_version: z.literal(1),
  review: z.looseObject({
    subject_type: text,
    subject_id: text,
    reviewer: partyRefSchema.nullish(),
    reviewed_at: optionalStamp,
    outcome: optionalText,
    notes: optionalText,
  }),
});
export type ReviewData = z.output<typeof reviewDataSchema>;

/** Context attributes of CloudEvents 1.0 with the `data` beside them; extensions are kept. */
export const cloudEventSchema = z.looseObject({
  specversion: z.literal('1.0'),
  id: text,
  source: text,
  type: text,
  time: stamp.nullish(),
  subject: optionalText,
  datacontenttype: optionalText,
  dataschema: optionalText,
  recordedtime: optionalStamp,
  sequence: optionalText,
  data: z.unknown().optional(),
});
export type CloudEvent = z.output<typeof cloudEventSchema>;

/** Whether a type is one of the token life cycle. */
export function isTokenEventType(type: string): type is TokenEventType {
  return (TOKEN_EVENT_TYPES as readonly string[]).includes(type);
}
