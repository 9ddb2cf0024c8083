import { z } from 'zod';
import { ACTOR_KINDS } from '../model/actor.ts';
import { Problem } from '../model/problem.ts';
import { parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { IDENTITY_VIEWS } from './identities/identities-answers.ts';

/** A moment with a zone, as microseconds UTC. */
export const instant = z
  .string()
  .max(40)
  .transform((text, context): Micros => {
    const stamp = parseStamp(text);
    if (stamp) return stamp.at;
    context.addIssue({ code: 'custom', message: 'must be a time with a zone, such as 2026-01-31T00:00:00Z' });
    return z.NEVER;
  });

export const MAX_EVENTS = { json: 1_000, stream: 1_000_000 } as const;

const limit = z
  .string()
  .regex(/^[1-9]\d{0,6}$/, 'must be a whole number from 1 to 1000000')
  .transform(Number)
  .refine((value) => value <= MAX_EVENTS.stream, `must be at most ${MAX_EVENTS.stream}`);

/** The query of `GET /v1/events`. */
export const eventsQuery = z.strictObject({
  from: instant.optional(),
  to: instant.optional(),
  where: z.string().max(2_048).optional(),
  as_of: instant.optional(),
  cursor: z.string().max(512).optional(),
  limit: limit.optional(),
  format: z.enum(['json', 'ndjson', 'csv', 'text']).default('json'),
});

/** The query of `GET /v1/export`: a period is needed, because its size is the size of the answer. */
export const exportQuery = z.strictObject({
  format: z.enum(['ocsf', 'ndjson', 'parquet']),
  from: instant,
  to: instant,
  where: z.string().max(2_048).optional(),
  as_of: instant.optional(),
});

/** The query of `GET /v1/identities`. */
export const identitiesQuery = z.strictObject({
  view: z.enum(IDENTITY_VIEWS).default('persons'),
  kind: z.enum(ACTOR_KINDS).optional(),
  at: instant.optional(),
  as_of: instant.optional(),
  limit: limit.optional(),
  after: z.string().min(1).max(2_048).optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/** The query of `GET /v1/identities/{key}`. */
export const identityQuery = z.strictObject({
  with: z.string().min(1).max(2_048).optional(),
  at: instant.optional(),
  as_of: instant.optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/** The query of `GET /v1/trace`. */
export const traceQuery = z.strictObject({
  key: z.string().min(1).max(2_048),
  as_of: instant.optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/** The query of `GET /v1/chains/{id}`. */
export const asOfQuery = z.strictObject({
  as_of: instant.optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/** The query of `GET /v1/sources`. */
export const sourcesQuery = asOfQuery
  .extend({ from: instant.optional(), to: instant.optional() })
  .refine(
    ({ from = 0, to = Number.POSITIVE_INFINITY }) => from < to,
    'the period is empty: `from` must be before `to`',
  );

/** The query of `GET /v1/issuers`; `issuer` is a CloudEvents source. */
export const issuersQuery = asOfQuery
  .extend({ from: instant.optional(), to: instant.optional(), issuer: z.string().min(1).max(2_048).optional() })
  .refine(
    ({ from = 0, to = Number.POSITIVE_INFINITY }) => from < to,
    'the period is empty: `from` must be before `to`',
  );

export const chainId = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits');

/** A value of the request by a schema; a Problem of code `invalid_request` names each fault. */
export function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `${issue.path.join('.') || 'query'}: ${issue.message}`);
  throw new Problem('invalid_request', faults.join('; ').slice(0, 1_000));
}
