import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { PROBLEMS, Problem } from '../model/problem.ts';
import type { ProblemCode } from '../model/problem.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Readable;
  /** Header fields by lower-case name. */
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface ApiRequest {
  readonly body?: Readable | string | Buffer;
  readonly type?: string;
  /** Header fields beside the type and the credential. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The one way in which commands reach Custody: the HTTP API, in this process (`inject`) where the folder is free, over
 * the network where a running server holds it. Both give the same answers, because they are the same routes.
 */
export interface Api {
  send(method: 'GET' | 'POST' | 'DELETE', path: string, request?: ApiRequest): Promise<ApiAnswer>;
  close(): Promise<void>;
}

/** The API of an app in this process. `token` is the local bearer token that the app was created with. */
export function injectApi(app: FastifyInstance, token: string, close: () => Promise<void>): Api {
  return {
    async send(method, path, request = {}) {
      const answer = await app.inject({
        method,
        url: path,
        headers: {
          authorization: `Bearer ${token}`,
          host: 'localhost',
          ...(request.type === undefined ? {} : { 'content-type': request.type }),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { payload: request.body }),
        payloadAsStream: true,
      });
      return {
        status: answer.statusCode,
        type: String(answer.headers['content-type'] ?? ''),
        body: answer.stream(),
        headers: answer.headers,
      };
    },
    close,
  };
}

/** The API of a server at `url`. The answer is given as soon as its head is there, so that long work can stream. */
export function remoteApi(url: string, token: string | undefined): Api {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Problem('usage', `--url must be an http or https address, such as http://127.0.0.1:8080, not "${url}"`);
  const base = new URL(url);
  const send = base.protocol === 'https:' ? httpsRequest : httpRequest;
  return {
    send(method, path, request = {}) {
      return new Promise((resolve, reject) => {
        const headers: Record<string, string> = {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(request.type === undefined ? {} : { 'content-type': request.type }),
          ...request.headers,
        };
        const outgoing = send(new URL(path, base), { method, headers }, (incoming: IncomingMessage) => {
          if (incoming.statusCode === 401) {
            incoming.resume();
            reject(refused(base, token));
            return;
          }
          resolve({
            status: incoming.statusCode ?? 0,
            type: incoming.headers['content-type'] ?? '',
            body: incoming,
            headers: incoming.headers,
          });
        });
        outgoing.on('error', (error) =>
          reject(new Problem('unavailable', `${base.origin} cannot be reached: ${error.message}`, {}, error)),
        );
        if (request.body instanceof Readable)
          request.body.on('error', (error) => outgoing.destroy(error)).pipe(outgoing);
        else outgoing.end(request.body);
      });
    },
    close: () => Promise.resolve(),
  };
}

function refused(base: URL, token: string | undefined): Problem {
  const remedy = 'CUSTODY_TOKEN must hold its bearer token, or an access token of its issuer.';
  return new Problem(
    'unauthenticated',
    `${base.origin} ${token === undefined ? 'needs a token' : 'does not accept the token'}. ${remedy}`,
  );
}

/** The JSON of a good answer; a Problem with the server's code and words for any other. */
export async function readJson<Value>(answer: ApiAnswer): Promise<Value> {
  return JSON.parse(await readText(answer)) as Value;
}

/** The text of a good answer. */
export async function readText(answer: ApiAnswer): Promise<string> {
  let body = '';
  for await (const chunk of bytesOf(answer)) body += chunk;
  if (answer.status >= 400) throw problemOf(answer.status, body);
  return body;
}

/** The lines of an NDJSON answer, one by one as they come. A line `{"problem": ...}` is thrown as a Problem. */
export async function* readLines<Value extends object>(answer: ApiAnswer): AsyncGenerator<Value, void, undefined> {
  if (answer.status >= 400) throw problemOf(answer.status, await readText({ ...answer, status: 200 }));
  let rest = '';
  for await (const chunk of bytesOf(answer)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      const value = JSON.parse(line) as Value;
      if ('problem' in value) throw problemOf(500, JSON.stringify(value.problem));
      yield value;
    }
  }
  if (rest !== '') throw cutOff();
}

/** The text of an answer as it comes; whole characters. A server that goes away in the middle is a Problem, not a fault. */
export async function* bytesOf(answer: ApiAnswer): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of answer.body) yield decoder.decode(chunk as Buffer, { stream: true });
  } catch (error) {
    throw cutOff(error);
  }
  yield decoder.decode();
}

function cutOff(cause?: unknown): Problem {
  return new Problem(
    'unavailable',
    'the server went away in the middle of its answer. Run the same command again: what was stored stays.',
    {},
    cause,
  );
}

/** A path with its query; undefined values are left out. */
export function pathWith(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

function problemOf(status: number, body: string): Problem {
  try {
    const { code, title, detail, reason, remedy } = JSON.parse(body) as Record<string, string | undefined>;
    const known = code !== undefined && Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : codeOfStatus(status);
    const words = [detail ?? title ?? `HTTP ${status}`, remedy].filter((part) => part !== undefined && part !== '');
    return new Problem(known, words.join(' '), { status, reason });
  } catch {
    return new Problem(codeOfStatus(status), `the server answered HTTP ${status}`, { status });
  }
}

function codeOfStatus(status: number): ProblemCode {
  const found = (Object.entries(PROBLEMS) as [ProblemCode, { status: number }][]).find(
    ([, problem]) => problem.status === status,
  );
  return found?.[0] ?? 'internal';
}
