import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../model/problem.ts';
import { problemDetails, toProblem } from '../model/problem-details.ts';
import { REASONS } from '../model/reason.ts';
import type { Reason } from '../model/reason.ts';

/**
 * Makes every error and every unknown address of an app answer with problem details (RFC 9457). The rooms throw
 * Problems and know nothing of answers; this is the one place where one becomes the other.
 */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => replyProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    replyProblem(new Problem('not_found', 'There is nothing at this address.'), request, reply),
  );
}

/** Sends the answer to an error. */
export function replyProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const details = problemDetails(meaningOf(error), request.id);
  if (details.status >= 500) request.log.error({ err: error, code: details.code }, 'request failed');
  if (details.status === 401) reply.header('www-authenticate', 'Bearer');
  if (details.status === 429 || details.status === 503)
    reply.header('retry-after', typeof details['retry_after_s'] === 'number' ? details['retry_after_s'] : 2);
  // What is left of a refused body is not read: the socket goes.
  if (details.status === 401 || details.status === 413) reply.header('connection', 'close');
  return reply.code(details.status).type('application/problem+json').send(JSON.stringify(details));
}

/** Faults that the framework finds before a room sees the request, in our words. */
const FRAMEWORK: Readonly<Record<string, () => Problem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => refusal('too_large', 'too_large', 'The body is larger than this route takes.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    refusal('unsupported_media_type', 'unsupported_media_type', 'This content type is not taken here.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    refusal('unsupported_media_type', 'invalid_encoding', 'The body is not as long as Content-Length says.'),
};

function meaningOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(FRAMEWORK, code) ? FRAMEWORK[code] : undefined;
  if (known) return known();
  // A JSON body that cannot be read is a plain SyntaxError with this status, other faults of the request have a code.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new Problem('invalid_request', 'The request cannot be understood.', {}, error);
  return toProblem(error);
}

function refusal(code: 'too_large' | 'unsupported_media_type', reason: Reason, detail: string): Problem {
  return new Problem(code, detail, { reason, remedy: REASONS[reason].remedy });
}
