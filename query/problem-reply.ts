import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PROBLEMS, Problem } from '../model/problem.ts';

/**
 * Makes the routes of this room answer errors as problem details (RFC 9457) with our stable `code`. What is no Problem
 * becomes `internal`, without a word of its cause: neither SQL nor a path leaves the process.
 */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => replyProblem(error, request, reply));
}

function replyProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error);
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed');
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  if (problem.status === 503) reply.header('retry-after', '2');
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: PROBLEMS[problem.code].title,
        status: problem.status,
        code: problem.code,
        detail: problem.message,
        instance: `urn:uuid:${request.id}`,
      }),
    );
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const status = (error as Partial<FastifyError>).statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    return new Problem('invalid_request', 'The request cannot be understood.', {}, error);
  }
  return new Problem(
    'internal',
    'Something went wrong inside. The id of this answer finds it in the log of this server.',
    {},
    error,
  );
}
