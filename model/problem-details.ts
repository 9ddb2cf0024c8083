import { PROBLEMS, Problem } from './problem.ts';

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
  'err',
] as const;

/**
 * What a caller is told of an error: of a Problem its code, words and public facts; of anything else that it was
 * `internal`, without a word of the cause. `id` is of the request, by which our own log finds the rest.
 */
export function problemDetails(error: unknown, id?: string): ProblemDetails {
  const problem = toProblem(error);
  const facts: Record<string, unknown> = {};
  for (const name of PUBLIC_FACTS) if (problem.facts[name] !== undefined) facts[name] = problem.facts[name];
  return {
    type: 'about:blank',
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    ...facts,
    ...(id !== undefined && { instance: `urn:uuid:${id}` }),
  };
}

/** Any thrown value as a Problem: our own as it is, an upload that broke off as the caller's, the rest as `internal`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return new Problem('invalid_request', 'The upload was cut off.', {}, error);
  return new Problem(
    'internal',
    'Something went wrong inside. The id of this answer finds it in the log of this server.',
    {},
    error,
  );
}
