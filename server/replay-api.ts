import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ReplayDeps } from '../ingest/intake/replay.ts';
import { replayLetters } from '../ingest/intake/replay.ts';
import { parseLetterId } from '../model/dead-letter.ts';
import type { ReplayResult } from '../model/dead-letter.ts';
import { Problem } from '../model/problem.ts';
import { read } from '../query/api-schemas.ts';
import { readCursor, writeCursor } from '../query/cursor.ts';
import { deadLettersQuery, letterFilter } from '../query/dead-letters-api.ts';
import type { Authorize, Principal } from './authorize.ts';

export interface ReplayApiDeps extends ReplayDeps {
  readonly authorize: Authorize;
  readonly cursorKey: Buffer;
}

const MAX_LETTERS = 200;
const MAX_BODY_BYTES = 64 * 1_024;

/** What is to be replayed: letters by name, or all of a filter, or all there are. */
export const replayBody = deadLettersQuery.omit({ format: true, limit: true }).extend({
  ids: z.array(z.string().refine((id) => parseLetterId(id) !== undefined, 'must name a dead letter, such as okta.log/0/17')).min(1).max(MAX_LETTERS).optional(),
  all: z.literal(true).optional(),
  limit: z.number().int().min(1).max(MAX_LETTERS).default(100),
  dry_run: z.boolean().default(false),
}); // prettier-ignore

/** What `POST /v1/dead-letters/replay` answers: one result a letter, and where the list goes on; null at its end. */
export interface ReplayAnswer {
  readonly results: readonly ReplayResult[];
  readonly next: string | null;
}

/**
 * `POST /v1/dead-letters/replay`, for operators: appends letters again, at most 200 a call, and answers when they are
 * stored. To call it twice does nothing twice.
 */
export function createReplayApi(deps: ReplayApiDeps): FastifyPluginAsync {
  const askers = new WeakMap<FastifyRequest, Principal>();
  let tail: Promise<unknown> = Promise.resolve();
  return (app) => {
    app.route({
      method: 'POST',
      url: '/v1/dead-letters/replay',
      bodyLimit: MAX_BODY_BYTES,
      // Before the body is read: who asks.
      onRequest: async (request) =>
        void askers.set(request, await deps.authorize(request.headers.authorization, 'operate')),
      handler: async (request): Promise<ReplayAnswer> => {
        const asker = askers.get(request);
        if (!asker) throw new Problem('internal', 'The caller was not checked.');
        const { subject, issuer } = asker;
        const body = read(replayBody, request.body ?? {});
        const turn = tail.then(() => replay(deps, body, `${subject} (${issuer})`.slice(0, 200)));
        tail = turn.catch(() => undefined);
        const answer = await turn;
        // An act of ours: it stands on each record that was made, and in the log of the process.
        const letters = answer.results.filter(({ replayed_as: made }) => made !== undefined).map(({ id }) => id);
        request.log.info(
          { act: 'dead_letters.replay', by: subject, dry_run: body.dry_run, letters },
          'dead letters were replayed',
        );
        return answer;
      },
    });
    return Promise.resolve();
  };
}

async function replay(deps: ReplayApiDeps, body: z.output<typeof replayBody>, by: string): Promise<ReplayAnswer> {
  const filter = { ...letterFilter(body), ...(body.ids === undefined ? {} : { ids: body.ids }) };
  if (Object.keys(filter).length === 0 && body.all !== true)
    throw new Problem('invalid_request', 'Name letters (ids), a filter, or all: true. Nothing was replayed.');
  const asked = JSON.stringify(['replay', filter]);
  const at = body.cursor === undefined ? undefined : readCursor(deps.cursorKey, asked, body.cursor);
  const page = {
    limit: body.ids?.length ?? body.limit,
    ...(at === undefined ? {} : { after: { receivedMs: at.us / 1_000, place: at.ref } }),
  };
  const { results, next } = await replayLetters(deps, { filter, page, by, dryRun: body.dry_run });
  return {
    results,
    next:
      next === undefined ? null : writeCursor(deps.cursorKey, asked, { us: next.received_ms * 1_000, ref: next.place }),
  };
}
