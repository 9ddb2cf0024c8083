import { IssuerKitError } from './kit-error.ts';

/** How Custody, or whatever stands before it, answered. `fault`: no answer came, and why. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** Milliseconds to wait, by `Retry-After` or the answer's own `retry_after_s`. */
  readonly retryAfterMs: number | undefined;
  readonly fault: string | undefined;
}

export interface TransportOptions {
  /** Where Custody answers, such as `https://custody.example`. */
  readonly url: string;
  /** The bearer credential, or what gives the one that is valid now. */
  readonly token: string | (() => string | Promise<string>);
  /** Milliseconds in which an answer must be complete. */
  readonly timeoutMs: number;
  /** Replaces the global `fetch`, for a proxy or a client certificate. */
  readonly fetch?: typeof fetch;
}

/** Speaks HTTP with one Custody. Never throws for what the network or the other side does. */
export interface Transport {
  post(path: string, type: string, body: string, signal?: AbortSignal): Promise<Answer>;
  get(path: string): Promise<Answer>;
}

const MAX_ANSWER_BYTES = 4 * 1_048_576;
const LONGEST_WAIT_MS = 3_600_000;

/**
 * Throws `configuration` unless the address is https, or http on this machine: the credential travels with each request.
 * No redirect is followed for the same reason.
 */
export function createTransport(options: TransportOptions): Transport {
  if (!URL.canParse(options.url) || !isSafe(new URL(options.url)))
    throw new IssuerKitError('configuration', 'url must be https, or http on this machine, without user and password.');
  const base = options.url.replace(/\/+$/, '');
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const limit = AbortSignal.timeout(options.timeoutMs);
    const signal = init.signal ? AbortSignal.any([limit, init.signal]) : limit;
    try {
      const token = typeof options.token === 'string' ? options.token : await options.token();
      const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` };
      const answer = await (options.fetch ?? fetch)(`${base}${path}`, { ...init, headers, signal, redirect: 'manual' });
      const body = await readBody(answer);
      return { status: answer.status, body, retryAfterMs: waitOf(answer.headers, body), fault: undefined };
    } catch (error) {
      return { status: 0, body: {}, retryAfterMs: undefined, fault: wordsOf(error) };
    }
  };
  return {
    post: (path, type, body, signal) =>
      send(path, { method: 'POST', body, headers: { 'content-type': type }, ...(signal && { signal }) }),
    get: (path) => send(path, { method: 'GET', headers: { accept: 'application/json' } }),
  };
}

function isSafe({ protocol, hostname, username, password }: URL): boolean {
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname));
}

// The answer of a proxy may be anything; only a JSON object says something to us.
async function readBody(answer: Response): Promise<Answer['body']> {
  if (!answer.body) return {};
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError('the answer is larger than 4 MiB');
    parts.push(part);
  }
  try {
    const json = JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
    return json !== null && typeof json === 'object' ? (json as Answer['body']) : {};
  } catch {
    return {};
  }
}

/** `Retry-After` as seconds or as a date (RFC 9110 section 10.2.3), at most an hour. */
function waitOf(headers: Headers, body: Answer['body']): number | undefined {
  const header = headers.get('retry-after');
  const told = body['retry_after_s'];
  const seconds = header !== null && /^\d{1,9}$/.test(header) ? Number(header) : typeof told === 'number' ? told : NaN;
  const millis = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header ?? '') - Date.now();
  return Number.isFinite(millis) ? Math.min(Math.max(millis, 0), LONGEST_WAIT_MS) : undefined;
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message || error.cause.name}` : '';
  return `${error.message}${cause}`;
}
