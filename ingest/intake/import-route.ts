import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { problemDetails } from '../../model/problem-details.ts';
import { SOURCES } from '../../model/source.ts';
import { parseStamp } from '../../model/time.ts';
import type { IntakeDeps } from './deps.ts';
import { importFile } from './import.ts';
import type { ImportFile } from './import.ts';
import { ndjson, takeRawStreams, uploadOf } from './raw-stream.ts';

const querySchema = z.strictObject({
  source: z.enum(SOURCES),
  instance: z.string().min(1).max(512).optional(),
  received_at: z.string().optional(),
});

/**
 * `POST /v1/imports?source=&instance=&received_at=`: one file as the body, streamed. Answers NDJSON: `{"progress": ...}`
 * lines while it runs, then `{"result": {accepted, duplicate, conflict, rejected}}`, or `{"problem": ...}` if it ends early:
 * what was appended until then stays, and the same import continues it.
 */
export function importRoute(deps: IntakeDeps): FastifyPluginAsync {
  return async (app) => {
    takeRawStreams(app);
    app.route({
      method: 'POST',
      url: '/v1/imports',
      config: { longUpload: true },
      onRequest: async (request) => {
        await deps.authorize(request.headers.authorization, 'operate');
      },
      handler: async (request, reply) => {
        const steps = importFile(deps, readRequest(deps, request));
        // The first step is waited for, so that what cannot begin is answered with its status.
        const first = await steps.next();
        async function* all(): AsyncGenerator<object, void, undefined> {
          try {
            if (first.done !== true) yield first.value;
            yield* steps;
          } catch (error) {
            yield { problem: problemDetails(error) };
          }
        }
        return reply.type('application/x-ndjson').send(ndjson(all()));
      },
    });
  };
}

function readRequest(deps: IntakeDeps, request: FastifyRequest): ImportFile {
  const read = querySchema.safeParse(request.query);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Problem(
      'invalid_request',
      `The query is not usable: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    );
  }
  const { source, instance, received_at: text } = read.data;
  const stamp = text === undefined ? undefined : parseStamp(text);
  if (text !== undefined && !stamp)
    throw new Problem('invalid_request', 'received_at must be a time with a zone, such as 2026-01-31T00:00:00Z.');
  return { source, instance, bytes: uploadOf(request), receivedAt: stamp?.at ?? deps.now() };
}
