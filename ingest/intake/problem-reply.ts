import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PROBLEMS, Problem } from '../../model/problem.ts';
import { doorFault } from './door-fault.ts';

/** Problem details as RFC 9457 has them, with our stable `code`, and `reason` and `remedy` where the door refused. */
export interface ProblemDetails {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly [fact: string]: unknown;
}

/** Facts of a Problem that are for the caller; any other fact stays inside. */
const PUBLIC_FACTS = [
  'reason',
  'remedy',
  'limit',
  'path',
  'line',
  'failing',
  'conflicts',
  'accepted',
  'retry_after_s',
] as const;

/** The answer to a Problem. What is no Problem becomes `internal`, without a word of the cause. */
export function problemDetails(error: unknown, id?: string): ProblemDetails {
  const problem = toProblem(error);
  const { title } = PROBLEMS[problem.code];
  const facts: Record<string, unknown> = {};
  for (const name of PUBLIC_FACTS) if (problem.facts[name] !== undefined) facts[name] = problem.facts[name];
  return {
    type: 'about:blank',
    title,
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...facts,
    ...(id !== undefined && { instance: `urn:uuid:${id}` }),
  };
}

/** Any thrown value as a Problem: our own as it is, fastify's by what it means, the rest as `internal`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const code = codeOf(error);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return doorFault('too_large', 'The body is larger than this route takes.');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return doorFault('unsupported_media_type', 'This content type is not taken here.');
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return doorFault('invalid_encoding', 'The body is not as long as Content-Length says.');
  if (code?.startsWith('FST_ERR_') === true && (error as FastifyError).statusCode === 400)
    return new Problem('invalid_request', 'The request cannot be understood.', {}, error);
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return new Problem('invalid_request', 'The upload was cut off.', {}, error);
  return new Problem(
    'internal',
    'Something went wrong inside. The request id helps to find it in the log of this server.',
    {},
    error,
  );
}

/** Sends the answer to an error. A 401 says how to authenticate, a 429 or 503 when to come back. */
export function replyProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const details = problemDetails(error, request.id);
  if (details.status >= 500) request.log.error({ err: error, code: details.code }, 'request failed');
  if (details.status === 401) reply.header('www-authenticate', 'Bearer');
  if (details.status === 429 || details.status === 503)
    reply.header('retry-after', typeof details['retry_after_s'] === 'number' ? details['retry_after_s'] : 2);
  // What is left of a refused body is not read: the socket goes.
  if (details.status === 401 || details.status === 413) reply.header('connection', 'close');
  return reply.code(details.status).type('application/problem+json').send(JSON.stringify(details));
}

/** Makes every error and every unknown address of an app answer with problem details. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => replyProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    replyProblem(new Problem('not_found', 'There is nothing at this address.'), request, reply),
  );
}

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
