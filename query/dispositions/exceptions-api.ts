import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { EXCEPTION_STATES } from '../../model/disposition.ts';
import type { ExceptionDispositions, FoundException } from '../../model/disposition.ts';
import type { Policy } from '../../model/policy.ts';
import { parseStamp } from '../../model/time.ts';
import { findExceptions } from '../../store/queries/find-exceptions.ts';
import type { ExceptionFilter } from '../../store/queries/find-exceptions.ts';
import type { Reader } from '../../store/query.ts';
import { instant, read } from '../api-schemas.ts';
import { exceptionText, exceptionsText } from './exceptions-text.ts';
import { createDispositionReader, nothingSaid, shownException } from './read-dispositions.ts';
import type { DispositionReader } from './read-dispositions.ts';

const MAX_SHOWN = 1_000;
const SCANNED_AT_ONCE = 1_000;

const tests = z
  .string()
  .max(1_000)
  .transform((text) => text.split(','))
  .pipe(z.array(z.string().regex(/^T-\d{2}[a-z]?$/, 'must be the id of a test, such as T-01')));
const exceptionId = z.string().max(64);

/** The query of `GET /v1/exceptions`. */
export const exceptionsQuery = z.strictObject({
  test: tests.optional(),
  from: instant.optional(),
  to: instant.optional(),
  as_of: instant.optional(),
  state: z.enum(EXCEPTION_STATES).optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${MAX_SHOWN}`)
    .transform(Number)
    .refine((value) => value <= MAX_SHOWN, `must be at most ${MAX_SHOWN}`)
    .optional(),
  after: exceptionId.optional(),
  format: z.enum(['json', 'text']).default('json'),
});
/** The query of `GET /v1/exceptions/{id}`. */
export const exceptionQuery = z.strictObject({
  as_of: instant.optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/** An exception and what was said of it. */
export interface ShownExceptionState {
  readonly exception: FoundException;
  readonly dispositions: ExceptionDispositions;
}

/** A page of exceptions. `next`: the id behind which the list goes on; null at its end. */
export interface ExceptionsPage {
  readonly exceptions: readonly ShownExceptionState[];
  readonly next: string | null;
}

type Answers = { readonly reader: Reader; readonly policy: Policy };

/**
 * `GET /v1/exceptions` (what kept checks found, by moment, with what was said of each), `GET /v1/exceptions/{id}` and
 * `GET /v1/exceptions/{id}/dispositions` (the whole history of one). The caller has authorized the request. Writing is
 * not here: server/dispositions-api.ts.
 */
export function addExceptionRoutes(app: FastifyInstance, { reader, policy }: Answers): void {
  const dispositions = createDispositionReader(reader, policy);
  app.get('/v1/exceptions', async (request, reply) => {
    const query = read(exceptionsQuery, request.query);
    const page = await readPage({ reader, policy, dispositions }, query);
    return query.format === 'text' ? reply.type('text/plain; charset=utf-8').send(exceptionsText(page)) : page;
  });
  app.get<{ Params: { id: string } }>('/v1/exceptions/:id', async (request, reply) => {
    const { as_of: asOf, format } = read(exceptionQuery, request.query);
    const shown = await readOne(dispositions, read(exceptionId, request.params.id), asOf);
    return format === 'text' ? reply.type('text/plain; charset=utf-8').send(exceptionText(shown)) : shown;
  });
  app.get<{ Params: { id: string } }>('/v1/exceptions/:id/dispositions', async (request, reply) => {
    const { as_of: asOf } = read(exceptionQuery.omit({ format: true }), request.query);
    const shown = await readOne(dispositions, read(exceptionId, request.params.id), asOf);
    return reply.send({ exception: shown.exception.id, dispositions: shown.dispositions.history });
  });
}

async function readOne(
  dispositions: DispositionReader,
  id: string,
  asOf: number | undefined,
): Promise<ShownExceptionState> {
  const exception = await dispositions.exception(id);
  const said = (await dispositions.of([id], asOf)).get(id);
  return { exception, dispositions: said ?? nothingSaid(id) };
}

async function readPage(
  { reader, policy, dispositions }: Answers & { readonly dispositions: DispositionReader },
  query: z.output<typeof exceptionsQuery>,
): Promise<ExceptionsPage> {
  const { test, from, to, as_of: asOf, state, limit = 100 } = query;
  const filter: ExceptionFilter = {
    ...(test === undefined ? {} : { tests: test }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(asOf === undefined ? {} : { keptBy: asOf }),
  };
  let after = query.after === undefined ? undefined : placeOf(await dispositions.exception(query.after));
  const found: ShownExceptionState[] = [];
  for (;;) {
    const rows = await reader.read(findExceptions(policy.tenant, { ...filter, ...(after ? { after } : {}) }, SCANNED_AT_ONCE)); // prettier-ignore
    const said = await dispositions.of(rows.map(({ id }) => id), asOf); // prettier-ignore
    for (const row of rows) {
      const own = said.get(row.id) ?? nothingSaid(row.id);
      if (state !== undefined && own.state !== state) continue;
      // One more than is shown was found: the list goes on behind the last that is.
      if (found.length === limit) return { exceptions: found, next: found.at(-1)?.exception.id ?? null };
      found.push({ exception: shownException(row), dispositions: own });
    }
    const last = rows.at(-1);
    if (!last || rows.length < SCANNED_AT_ONCE) return { exceptions: found, next: null };
    after = { us: last.at_us, id: last.id };
  }
}

function placeOf({ at, id }: FoundException): { us: number; id: string } {
  return { us: parseStamp(at)?.at ?? 0, id };
}
