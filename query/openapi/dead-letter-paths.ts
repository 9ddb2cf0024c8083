import { z } from 'zod';
import { REPLAY_OUTCOMES, REPLAY_STATES } from '../../model/dead-letter.ts';
import type { DeadLetter, ReplayResult } from '../../model/dead-letter.ts';
import { REASONS } from '../../model/reason.ts';
import { FAMILIES, SOURCES } from '../../model/source.ts';
import { jsonSchema, problems } from './parts.ts';
import type { Json } from './parts.ts';

const text = z.string();
const id = text.describe('<topic>/<partition>/<offset>');

/** A letter as the list shows it. */
export const deadLetterSchema = z.object({
  id,
  topic: text,
  partition: z.number(),
  offset: z.number(),
  source: text,
  instance: text,
  delivery: text,
  received_at: text,
  reason: text,
  detail: text.describe('names the field, never its value'),
  remedy: text,
  bytes: z.number(),
  announced_at: text.exactOptional().describe('when it was announced on the dead-letter topic'),
  replay: z.enum(REPLAY_STATES),
  replay_attempts: z.number(),
  replayed_as: id.exactOptional(),
  replayed_at: text.exactOptional(),
}) satisfies z.ZodType<DeadLetter>;

export const replayResultSchema = z.object({
  id,
  outcome: z.enum(REPLAY_OUTCOMES),
  detail: text,
  replayed_as: id.exactOptional(),
}) satisfies z.ZodType<ReplayResult>;

const NEXT = { type: ['string', 'null'], description: 'where the list goes on; null at its end' };

/** The routes of dead letters, for the description of the API (openapi.ts). */
export function deadLetterPaths(): Json {
  const letter = jsonSchema(deadLetterSchema);
  const list = {
    type: 'object',
    properties: {
      letters: { type: 'array', items: letter },
      next: NEXT,
      counts: { type: 'object', description: 'letters by reason; on a first page that is not filtered by replay' },
    },
  };
  const replayed = { type: 'object', properties: { results: { type: 'array', items: jsonSchema(replayResultSchema) }, next: NEXT } }; // prettier-ignore
  const limit = { type: 'integer', minimum: 1, maximum: 1_000, default: 100 };
  const query = { ...FILTERS, limit, cursor: { type: 'string' }, format: { type: 'string', enum: ['json', 'text'] } };
  const body = {
    type: 'object',
    description: 'ids, or a filter, or all',
    properties: {
      ...FILTERS,
      ids: { type: 'array', items: { type: 'string' }, maxItems: 200 },
      all: { const: true },
      limit: { ...limit, maximum: 200 },
      cursor: { type: 'string' },
      dry_run: { type: 'boolean', default: false },
    },
  };
  return {
    '/v1/dead-letters': {
      get: {
        summary: 'Rejected records, the latest arrival first, by cursor',
        parameters: Object.entries(query).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
        responses: answers(list),
      },
    },
    '/v1/dead-letters/{id}': {
      get: {
        summary: 'One of them with what it holds and what became of its replays',
        parameters: [{ name: 'id', in: 'path', required: true, description: 'such as okta.log/0/17', schema: { type: 'string' } }], // prettier-ignore
        responses: answers(letter),
      },
    },
    '/v1/dead-letters/replay': {
      post: {
        summary: 'Appends letters again, to be derived by the policy and adapters of now; for operators. Twice is once',
        requestBody: { required: true, content: { 'application/json': { schema: body } } },
        responses: answers(replayed),
      },
    },
  };
}

const FILTERS: Json = {
  source: { type: 'string', enum: [...new Set<string>([...SOURCES, ...FAMILIES])] },
  instance: { type: 'string' },
  reason: { type: 'string', enum: Object.keys(REASONS) },
  from: { type: 'string', format: 'date-time', description: 'received then or later' },
  to: { type: 'string', format: 'date-time', description: 'received before' },
  offset: { type: 'string', description: '17, or 17..20' },
  replay: { type: 'string', enum: [...REPLAY_STATES], description: 'by the best replay so far' },
};

function answers(schema: Json): Json {
  return { 200: { description: 'What was asked for', content: { 'application/json': { schema } } }, ...problems() };
}
