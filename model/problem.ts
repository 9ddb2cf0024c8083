/**
 * The closed list of what can go wrong for a caller. `status` is the HTTP answer, `exit` the exit code of the command
 * line (design.md 8: 2 wrong usage or configuration, 3 could not run). Anything that is no Problem is `internal`.
 */
export const PROBLEMS = {
  usage: { status: 400, exit: 2, title: 'Wrong usage' },
  configuration: { status: 500, exit: 2, title: 'Wrong configuration' },
  invalid_request: { status: 400, exit: 2, title: 'The request cannot be understood' },
  rejected: { status: 422, exit: 1, title: 'The input was not accepted' },
  unauthenticated: { status: 401, exit: 3, title: 'A valid credential is needed' },
  forbidden: { status: 403, exit: 3, title: 'This credential may not do that' },
  not_found: { status: 404, exit: 1, title: 'Nothing is known under that name' },
  conflict: { status: 409, exit: 1, title: 'The same identity with other content is already held' },
  too_large: { status: 413, exit: 2, title: 'Too large' },
  unsupported_media_type: { status: 415, exit: 2, title: 'This content type is not taken' },
  too_many_requests: { status: 429, exit: 3, title: 'Too many requests' },
  folder_in_use: { status: 503, exit: 3, title: 'The data folder belongs to another process' },
  unavailable: { status: 503, exit: 3, title: 'Not available now' },
  internal: { status: 500, exit: 3, title: 'Something went wrong inside' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** An error that a caller can act on: a code of the closed list, a sentence for people, facts as fields. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, message: string, facts: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Problem';
    this.code = code;
    this.facts = facts;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }

  get exit(): number {
    return PROBLEMS[this.code].exit;
  }
}
