import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { REPLAY_STATES } from '../model/dead-letter.ts';
import type { Policy } from '../model/policy.ts';
import { REASONS } from '../model/reason.ts';
import { FAMILIES, SOURCES } from '../model/source.ts';
import type { Reader } from '../store/query.ts';
import type { LetterFilter } from '../store/queries/find-dead-letters.ts';
import { instant, read } from './api-schemas.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { letterText, lettersText } from './dead-letters-text.ts';
import { countLetters, readDeadLetter, readDeadLetters } from './dead-letters.ts';

const MAX_LETTERS = 1_000;

/** Offsets of the log, both ends included: `17` or `17..20`. */
const offsets = z
  .string()
  .regex(/^\d{1,11}(?:\.\.\d{1,11})?$/, 'must be an offset, such as 17, or a range, such as 17..20')
  .transform((text): readonly [number, number] => {
    const [first = '', last = first] = text.split('..');
    return [Number(first), Number(last)];
  });

/** The query of `GET /v1/dead-letters`. */
export const deadLettersQuery = z.strictObject({
  source: z.enum([...new Set([...SOURCES, ...FAMILIES])] as [string, ...string[]]).optional(),
  instance: z.string().min(1).max(512).optional(),
  reason: z.enum(Object.keys(REASONS) as [string, ...string[]]).optional(),
  from: instant.optional(),
  to: instant.optional(),
  offset: offsets.optional(),
  replay: z.enum(REPLAY_STATES).optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${MAX_LETTERS}`)
    .transform(Number)
    .refine((value) => value <= MAX_LETTERS, `must be at most ${MAX_LETTERS}`)
    .optional(),
  cursor: z.string().max(512).optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/** The filter that a query amounts to. */
export function letterFilter(query: Omit<z.output<typeof deadLettersQuery>, 'format' | 'limit'>): LetterFilter {
  const { source, instance, reason, from, to, offset, replay } = query;
  return {
    ...(source === undefined ? {} : { source }),
    ...(instance === undefined ? {} : { instance }),
    ...(reason === undefined ? {} : { reason }),
    ...(from === undefined ? {} : { fromMs: Math.ceil(from / 1_000) }),
    ...(to === undefined ? {} : { toMs: Math.ceil(to / 1_000) }),
    ...(offset === undefined ? {} : { offsets: offset }),
    ...(replay === undefined ? {} : { replay }),
  };
}

/**
 * `GET /v1/dead-letters` (rejected records, the latest first, by cursor) and `GET /v1/dead-letters/{id}` (one of them
 * with what it holds). The caller has authorized the request.
 */
export function addDeadLetterRoutes(
  app: FastifyInstance,
  deps: { readonly reader: Reader; readonly policy: Policy; readonly cursorKey: Buffer },
): void {
  app.get('/v1/dead-letters', async (request, reply) => {
    const query = read(deadLettersQuery, request.query);
    const filter = letterFilter(query);
    const asked = JSON.stringify(['dead-letters', filter]);
    const at = query.cursor === undefined ? undefined : readCursor(deps.cursorKey, asked, query.cursor);
    const found = await readDeadLetters(deps, filter, {
      limit: query.limit ?? 100,
      ...(at === undefined ? {} : { after: { receivedMs: at.us / 1_000, place: at.ref } }),
    });
    const { next: last } = found;
    const next =
      last === undefined ? null : writeCursor(deps.cursorKey, asked, { us: last.received_ms * 1_000, ref: last.place });
    const { replay, ...others } = filter;
    // Counts cost a pass over what was rejected: they stand on the first page, and where they are what is listed.
    const counts = at === undefined && replay === undefined ? { counts: await countLetters(deps, others) } : {};
    const page = { letters: found.letters, next, ...counts };
    return query.format === 'text'
      ? reply.type('text/plain; charset=utf-8').send(lettersText(page, Object.keys(filter).length > 0))
      : page;
  });
  app.get<{ Params: { '*': string } }>('/v1/dead-letters/*', async (request, reply) => {
    const { format } = read(z.strictObject({ format: z.enum(['json', 'text']).default('json') }), request.query);
    const letter = await readDeadLetter(deps, request.params['*']);
    return format === 'text' ? reply.type('text/plain; charset=utf-8').send(letterText(letter)) : letter;
  });
}
