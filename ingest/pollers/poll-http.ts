import { Problem } from '../../model/problem.ts';
import { LONGEST_WAIT_MS, TRIES, backOffMs, retryAfterMs } from './back-off.ts';

/** A request of a poll. `accept`: answers other than 2xx that the poll itself deals with. */
export interface PollRequest {
  readonly url: URL;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly accept?: readonly number[];
}

export interface PollAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

export interface PollHttp {
  /**
   * Sends a request until it is answered, within bounds of time, size and tries. A Problem of code `unavailable` says
   * what the server did, with `retry_after_s` where it asked for a pause; `configuration` where it refused the credential.
   */
  send(request: PollRequest): Promise<PollAnswer>;
}

/** The headers that prove who asks; `fresh` after an answer of 401, which an expired token gets. */
export type Prove = (request: PollRequest, fresh: boolean) => Promise<Readonly<Record<string, string>>>;

export interface PollHttpOptions {
  /** The only servers that are spoken to, as origins: whatever a page links to elsewhere is refused. */
  readonly origins: readonly string[];
  readonly prove: Prove;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** Told before each pause, for whoever watches. */
  readonly say?: (text: string) => void;
}

/** What came of one try: an answer, or why there is none and how long the server wants to be left alone. */
type Try = { readonly answer: PollAnswer } | { readonly why: string; readonly waitMs?: number | undefined };

/**
 * The HTTP client of the pollers. It follows no redirect, speaks to the named origins alone, and bounds each answer in
 * time and in bytes, unpacked (reliability.md 3.2 rows 4 and 13). Credentials are in no message.
 */
export function createPollHttp(options: PollHttpOptions): PollHttp {
  const { origins, prove, signal, sleep, random, say } = options;
  return {
    async send(request) {
      if (!origins.includes(request.url.origin)) {
        throw new Problem(
          'unavailable',
          `A link led to ${request.url.origin}, which is not the server of this poll (${origins.join(', ')}). It was not followed.`,
        );
      }
      let isFresh = false;
      for (let tried = 0; ; tried += 1) {
        signal.throwIfAborted();
        const proof = await prove(request, isFresh);
        const outcome = await tryOnce(request, proof, options);
        if ('answer' in outcome) {
          const { status } = outcome.answer;
          if ((status >= 200 && status < 300) || request.accept?.includes(status) === true) return outcome.answer;
          if (status !== 401 || isFresh) throw refused(request, status);
          isFresh = true;
          continue;
        }
        const pause = outcome.waitMs ?? backOffMs(tried, random);
        if (tried + 1 >= TRIES || pause > LONGEST_WAIT_MS) throw away(request, outcome.why, tried + 1, outcome.waitMs);
        say?.(`${outcome.why}; again in ${(pause / 1_000).toFixed(1)} s`);
        await sleep(pause, signal);
      }
    },
  };
}

async function tryOnce(
  { url, method = 'GET', headers = {}, body }: PollRequest,
  proof: Readonly<Record<string, string>>,
  { timeoutMs, maxBytes, signal, now }: PollHttpOptions,
): Promise<Try> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers, ...proof },
      redirect: 'manual',
      signal: AbortSignal.any([signal, late]),
      ...(body === undefined ? {} : { body }),
    });
    const { status } = response;
    if (status === 429 || status >= 500) {
      await response.body?.cancel();
      return { why: `the server answered ${status}`, waitMs: retryAfterMs(response.headers, now()) };
    }
    return { answer: { status, headers: response.headers, body: await readBody(response, url, maxBytes) } };
  } catch (error) {
    if (error instanceof Problem) throw error;
    signal.throwIfAborted();
    if (late.aborted) return { why: `the server did not answer within ${timeoutMs / 1_000} s` };
    return { why: `the connection failed (${causeOf(error)})` };
  }
}

async function readBody(response: Response, url: URL, maxBytes: number): Promise<Buffer> {
  if (!response.body) return Buffer.alloc(0);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > maxBytes) {
      throw new Problem(
        'unavailable',
        `A page of ${placeOf(url)} is larger than ${maxBytes / 1_048_576} MiB. Set a smaller page_size, or a larger max_page_mib.`,
      );
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

// The code of the system tells more than fetch's own "fetch failed", and neither holds anything that was sent.
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : cause instanceof Error ? cause.name : 'unknown';
}

function refused(request: PollRequest, status: number): Problem {
  const where = placeOf(request.url);
  if (status === 401 || status === 403) {
    return new Problem(
      'configuration',
      `${where} refuses the credential of this poll (${status}). See what it may read, and whether it has expired.`,
      { status },
    );
  }
  return new Problem('unavailable', `${where} answered ${status}.`, { status });
}

function away(request: PollRequest, why: string, tries: number, waitMs: number | undefined): Problem {
  const again = waitMs === undefined ? '' : ` It asks for a pause of ${Math.ceil(waitMs / 1_000)} s.`;
  return new Problem('unavailable', `${placeOf(request.url)}: ${why}, after ${tries} tries.${again}`, {
    ...(waitMs !== undefined && { retry_after_s: Math.ceil(waitMs / 1_000) }),
  });
}

// Without the query, in which some servers put what nobody should read in a log.
function placeOf(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
