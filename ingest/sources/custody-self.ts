import { z } from 'zod';
import type { AuditEvent } from '../../model/event.ts';
import { ACTOR_KINDS } from '../../model/actor.ts';
import { OUTCOMES } from '../../model/action.ts';
import type { Action } from '../../model/action.ts';
import { dispositionFact } from '../../model/disposition.ts';
import { EXCEPTION_ID } from '../../model/exception-id.ts';
import type { Facts } from '../../model/facts.ts';
import { gapSaying, toldGap } from '../../model/gap-explanation.ts';
import { identifier, typeOfKey } from '../../model/key.ts';
import { parseStamp } from '../../model/time.ts';
import type { ParseInput, ParseResult, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { compact } from './draft.ts';

const text = z.string().min(1).max(512);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const common = {
  id: text,
  time: text,
  actor: z.strictObject({ kind: z.enum(ACTOR_KINDS), key: z.string().max(512), display: text.optional() }).optional(),
};

/** What Custody tells of itself: which policy and catalogue it works with, and who did what with the evidence. */
export const selfEventSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('configuration.loaded'),
    configuration: z.strictObject({
      kind: z.enum(['policy', 'catalogue']),
      sha256,
      content_sha256: sha256.optional(),
      previous_sha256: sha256.optional(),
      /** Sections of a policy by name, with their hashes; and those that differ from the policy before. */
      sections: z.record(z.string(), sha256).optional(),
      changed: z.array(z.string()).optional(),
    }),
  }),
  z.strictObject({
    ...common,
    type: z.literal('evidence.accessed'),
    outcome: z.enum(OUTCOMES).default('success'),
    /** Keys of the people whom the evidence is about. */
    about: z.array(text).max(100).default([]),
    access: z.strictObject({
      action: z.enum(['view', 'query', 'export', 'admin', 'disposition']),
      object: text,
      purpose: z.string().max(2_000).optional(),
      allowed: z.boolean().optional(),
      change: text.optional(),
      /** From where, and how often since the last that was told. */
      address: z.string().max(64).optional(),
      times: z.number().int().min(2).optional(),
    }),
  }),
  z.strictObject({
    ...common,
    type: z.literal('exception.disposition'),
    /** Keys of the people whom the exception is about. */
    about: z.array(text).max(100).default([]),
    exception: z.string().regex(EXCEPTION_ID),
    said: dispositionFact,
  }),
  z.strictObject({
    ...common,
    type: z.literal('gap.explanation'),
    gap: toldGap,
    said: gapSaying,
  }),
]); // prettier-ignore
export type SelfEvent = z.input<typeof selfEventSchema>;

/**
 * Custody's own log. There is no door for it: it is not among the sources that a URL or an import may name, so only this
 * process writes it, through the log like everything else.
 */
export const custodySelf: SourceAdapter = {
  source: 'custody.self',
  family: 'custody.self',
  containers: [],
  redact: [],
  parse: parseSelf,
};

function parseSelf(input: ParseInput): ParseResult {
  const read = selfEventSchema.safeParse(input.json);
  if (!read.success) return refuse('wrong_type', read.error.issues[0]?.path.join('.') ?? 'the record');
  const told = read.data;
  const occurred = parseStamp(told.time);
  if (!occurred) return refuse('wrong_type', 'time');
  const action: Action = told.type === 'configuration.loaded' ? 'config.change' : 'evidence.access';
  const event: AuditEvent = {
    family: 'custody.self',
    source: 'custody.self',
    instance: input.instance,
    nativeId: told.id,
    dedupeKey: told.id,
    type: told.type,
    occurred,
    action,
    outcome: told.type === 'evidence.accessed' ? told.outcome : 'success',
    actor: compact<AuditEvent['actor']>({ kind: told.actor?.kind ?? 'system', key: told.actor?.key ?? '', display: told.actor?.display, email: undefined, aliases: undefined, model: undefined }),
    keys: !('about' in told) ? [] : told.about.flatMap((key) => keyAbout(key)),
    edges: [],
    facts: factsOf(told),
    unread: [],
    content: told,
    ...addressOf(told),
  };
  return { ok: true, events: [event] };
} // prettier-ignore

type Told = z.output<typeof selfEventSchema>;

function factsOf(told: Told): Facts {
  switch (told.type) {
    case 'configuration.loaded':
      return { configuration: compact<NonNullable<Facts['configuration']>>({ content_sha256: undefined, previous_sha256: undefined, changed: undefined, sections: undefined, ...told.configuration }) };
    case 'evidence.accessed':
      return { evidence_access: compact<NonNullable<Facts['evidence_access']>>({ purpose: undefined, allowed: undefined, change: undefined, address: undefined, times: undefined, ...told.access }) };
    case 'gap.explanation':
      return { evidence_access: { action: 'disposition', object: told.gap.id, allowed: true }, gap_explanation: { gap: told.gap, said: told.said } };
    // A disposition. Whoever disposes looks at the evidence, and is looked at by T-37 as everybody who does.
    case 'exception.disposition':
    default:
      return { evidence_access: { action: 'disposition', object: told.exception, allowed: true }, disposition: { exception: told.exception, said: told.said } };
  }
} // prettier-ignore

function addressOf(told: Told): { readonly sourceIp?: string } {
  return told.type === 'evidence.accessed' && told.access.address !== undefined
    ? { sourceIp: told.access.address }
    : {};
}

function keyAbout(key: string): AuditEvent['keys'] {
  const type = identifier(key) === undefined ? undefined : typeOfKey(key);
  return type === undefined ? [] : [{ key, type, class: 'hub', role: 'target', confidence: 'exact', field: 'about' }];
}
