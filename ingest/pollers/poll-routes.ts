import type { FastifyPluginAsync } from 'fastify';
import { problemDetails } from '../../model/problem-details.ts';
import { Problem } from '../../model/problem.ts';
import type { AuthorizeOperator } from '../intake/deps.ts';
import { ndjson } from '../intake/raw-stream.ts';
import type { OnceEnd, PollService } from './poll-service.ts';
import { unknownPoll } from './poll-service.ts';
import type { RoundStep } from './run-round.ts';

type PollLine =
  | (RoundStep & { readonly id: string })
  | { readonly id: string; readonly result: OnceEnd }
  | { readonly id: string; readonly failed: unknown };

/**
 * `GET /v1/polls`: what is polled and how the last rounds ended. `POST /v1/polls?source=`: one round at once of the polls
 * of a family, of one `<family>/<instance>`, or of all; NDJSON, steps and then one `result` or `failed`
 * (problem details) for each; one that fails keeps none of the others from running.
 */
export function pollRoutes(service: PollService, authorize: AuthorizeOperator): FastifyPluginAsync {
  return async (app) => {
    app.addHook('onRequest', async (request) => void (await authorize(request.headers.authorization, 'operate')));
    app.get('/v1/polls', async () => ({ polls: service.views() }));
    app.post('/v1/polls', async (request, reply) => {
      const ids = idsOf(service, (request.query as { source?: unknown }).source);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      return reply.type('application/x-ndjson').send(ndjson(pollEach(service, ids, gone.signal)));
    });
  };
}

function idsOf(service: PollService, source: unknown): readonly string[] {
  if (source !== undefined && typeof source !== 'string')
    throw new Problem('invalid_request', 'source must be one name.', { path: 'source' });
  const ids = service.ids.filter((id) => source === undefined || id === source || id.startsWith(`${source}/`));
  if (ids.length === 0) throw unknownPoll(source, service.ids);
  return ids;
}

async function* pollEach(
  service: PollService,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<PollLine, void, undefined> {
  for (const id of ids) yield* pollOne(service, id, signal);
}

// Steps are told as they come, while the round goes on.
async function* pollOne(
  service: PollService,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<PollLine, void, undefined> {
  const steps: RoundStep[] = [];
  const state = { ended: false };
  let wake = (): void => undefined;
  const work = service
    .once(
      id,
      (step) => {
        steps.push(step);
        wake();
      },
      signal,
    )
    .finally(() => {
      state.ended = true;
      wake();
    });
  work.catch(() => undefined);
  for (;;) {
    for (const step of steps.splice(0)) yield { id, ...step };
    if (state.ended) break;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (state.ended || steps.length > 0) resolve();
    });
  }
  try {
    yield { id, result: await work };
  } catch (error) {
    yield { id, failed: problemDetails(error) };
  }
}
