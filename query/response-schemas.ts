import { z } from 'zod';
import { ACTOR_KINDS } from '../model/actor.ts';
import { AUTHORIZATIONS, CHAIN_STAGES, EVIDENCE_VERDICTS } from '../model/chain.ts';
import type { Chain, ChainEvent } from '../model/chain.ts';
import type { SourceState } from '../model/control.ts';
import { CONFIDENCES, RELATIONS } from '../model/event.ts';
import { GAP_CAUSES } from '../model/gap-cause.ts';
import { gapSaying } from '../model/gap-explanation.ts';
import type { GapStanding } from '../model/gap-explanation.ts';
import { PROBLEMS } from '../model/problem.ts';

/** Schemas of what the API answers: the description at /openapi.json, and the measure of its tests. */

const key = z.string().describe('a key: <type>:<scope>/<id>');
const eventName = z.string().describe('event:<family>/<native id>');
const time = z.string().describe('UTC, six digits, "Z"');

export const partySchema = z
  .object({
    key,
    kind: z.enum(ACTOR_KINDS),
    display: z.string().optional(),
    person: z.string().optional().describe('canonical key of the person; absent where it could not be resolved'),
    aliases: z.array(z.string()),
    sponsor: z.string().optional().describe('of an AI agent: who answers for it'),
    how: z.string().optional().describe('how the account was tied to the person'),
  })
  .meta({ id: 'Party' });

export const eventSchema = z
  .object({
    event: eventName,
    ref: z.string().describe('the place in the log as one decimal number'),
    family: z.string(),
    instance: z.string(),
    type: z.string(),
    action: z.string(),
    stage: z.string(),
    outcome: z.string(),
    occurred_at: time,
    precision: z.string(),
    actor: partySchema,
    on_behalf_of: partySchema.optional(),
    act_chain: z.array(partySchema).optional().describe('RFC 8693 act: [0] acts now, the last was first'),
    resource: z.string().optional(),
    environment: z.string().optional(),
    source_ip: z.string().optional(),
    findings: z.array(z.object({ kind: z.string(), detail: z.string() })).optional(),
    sentence: z.string(),
  })
  .meta({ id: 'Event' }) satisfies z.ZodType<Mutable<ChainEvent>>;

const stage = z.object({
  stage: z.enum(CHAIN_STAGES),
  state: z.enum(['present', 'missing', 'late_possible', 'not_observable', 'not_required']),
  grade: z.enum(CONFIDENCES).optional(),
  note: z.string().optional(),
  events: z.array(eventName),
});
const link = z.object({
  parent: key,
  child: key,
  relation: z.enum(RELATIONS),
  confidence: z.enum(CONFIDENCES),
  rule: z.string(),
  event: z.string(),
});
const finding = z.object({ kind: z.string(), detail: z.string(), event: z.string().optional() });

export const chainSchema = z
  .object({
    id: z.string(),
    focal: z.string(),
    root: z.string(),
    environment: z.string().optional(),
    authorization: z.enum(AUTHORIZATIONS),
    evidence: z.enum(EVIDENCE_VERDICTS),
    evidence_reasons: z.array(z.string()),
    requester: partySchema.optional(),
    initiator: partySchema.optional(),
    approvers: z.array(partySchema),
    runner: partySchema.optional(),
    job: key.optional(),
    pipelines: z.array(key),
    requests: z.array(key),
    credentials: z.array(key),
    touched: z.array(eventName),
    stages: z.array(stage),
    links: z.array(link),
    events: z.array(eventSchema),
    findings: z.array(finding),
  })
  .meta({ id: 'Chain' }) satisfies z.ZodType<Mutable<Chain>>;

const seconds = z.number().describe('seconds');
const continuity = z.object({
  sequence: z.object({ first: z.string(), last: z.string(), received: z.number(), missing: z.number(), repeated: z.array(z.string()), resets: z.number() }).optional(),
  pace: z.object({ basis: z.enum(['policy', 'rhythm']), interval_s: seconds, longest_silence_s: seconds, longest_silence_from: time.optional(), silent_s: seconds.optional(), unusual: z.number() }).optional(),
  lateness: z.object({ events: z.number(), p50_s: seconds, p95_s: seconds, p99_s: seconds, max_s: seconds }).optional(),
  digests: z.object({ held: z.number(), from: time, to: time, files: z.number(), files_missing: z.number(), chained: z.number(), predecessors_missing: z.number(), predecessors_other: z.number() }).optional(),
  reconciliation: z.object({ saved: z.number(), confirmed: z.number(), missing: z.number(), pending: z.number(), until: time.optional() }).optional(),
}); // prettier-ignore

const actor = z.object({ key, display: z.string().optional(), person: z.string().optional() });
const gapStanding = z
  .object({
    gap: z.string(),
    state: z.enum(['open', 'proposed', 'explained']).describe('only an explained gap lets a test conclude'),
    explanation: z.object({ id: z.string(), cause: z.enum(GAP_CAUSES), text: z.string(), reference: z.string(), by: actor, at: time, confirmed_by: actor.optional(), confirmed_at: time.optional() }).optional(),
    history: z.array(z.object({ id: z.string(), at: time, by: actor, said: gapSaying, effect: z.enum(['stands', 'void']), why: z.string().optional() })),
  }) satisfies z.ZodType<Mutable<GapStanding>>; // prettier-ignore

export const sourceSchema = z
  .object({
    family: z.string(),
    instance: z.string(),
    registered: z.boolean(),
    records: z.number(),
    accepted: z.number(),
    duplicate: z.number(),
    conflict: z.number(),
    rejected: z.record(z.string(), z.number()),
    first_occurred_at: time.optional(),
    last_occurred_at: time.optional(),
    last_received_at: time.optional(),
    integrity: z.string(),
    gaps: z.array(
      z.object({
        from: time,
        to: time,
        reason: z.string(),
        kind: z.enum(['sequence', 'silence', 'log', 'digest', 'reconciliation']).optional(),
        id: z.string().optional().describe('by which people explain it; absent where words cannot stand for it'),
        standing: gapStanding.optional(),
      }),
    ),
    continuity: continuity.optional(),
  })
  .meta({ id: 'Source' }) satisfies z.ZodType<Mutable<SourceState>>;

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.enum(Object.keys(PROBLEMS) as [string, ...string[]]),
    detail: z.string(),
    instance: z.string().optional(),
    reason: z.string().optional().describe('of the closed list of reasons, where a door refused'),
    remedy: z.string().optional(),
  })
  .meta({ id: 'Problem' });

export const pageSchema = z
  .object({ events: z.array(eventSchema), next: z.string().nullable() })
  .meta({ id: 'EventsPage' });

// A schema gives arrays that may be changed, where the model's may not, and optional properties that may be undefined.
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? {
        -readonly [K in keyof T]: undefined extends T[K]
          ? Mutable<Exclude<T[K], undefined>> | undefined
          : Mutable<T[K]>;
      }
    : T;
