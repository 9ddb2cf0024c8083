import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { seeded } from './random.ts';

/** What a scripted server answers: a page, or whatever else. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface ScriptedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** How often, of a hundred answers, the server does what it should not. */
export interface Misbehaviour {
  /** 429 with `Retry-After`, and 503 without. */
  readonly throttles: number;
  readonly fails: number;
  /** The connection is closed before the answer, or in the middle of its body. */
  readonly drops: number;
  readonly cuts: number;
}

export interface ScriptedServer {
  readonly url: string;
  readonly requests: readonly ScriptedRequest[];
  /** How often it did what. */
  readonly counts: Readonly<Record<keyof Misbehaviour | 'answers', number>>;
  behave(misbehaviour: Misbehaviour): void;
  close(): Promise<void>;
}

export const WELL_BEHAVED: Misbehaviour = { throttles: 0, fails: 0, drops: 0, cuts: 0 };
export const BADLY_BEHAVED: Misbehaviour = { throttles: 8, fails: 8, drops: 5, cuts: 8 };

/**
 * A real HTTP server on loopback that answers as the script says and, by a seed, throttles, fails, and drops connections
 * before and within its answers. The script is the API of a system over a list of events, which is the ground truth.
 */
export async function startScriptedServer(
  script: (request: ScriptedRequest) => ScriptedAnswer,
  options: { readonly seed?: number; readonly misbehaviour?: Misbehaviour } = {},
): Promise<ScriptedServer> {
  const random = seeded(options.seed ?? 1);
  let misbehaviour = options.misbehaviour ?? WELL_BEHAVED;
  const requests: ScriptedRequest[] = [];
  const counts = { answers: 0, throttles: 0, fails: 0, drops: 0, cuts: 0 };
  const server = createServer((incoming, response) => {
    void bodyOf(incoming).then((body) => {
      const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
      const request = { method: incoming.method ?? 'GET', url, headers: incoming.headers, body };
      requests.push(request);
      answer(request, response);
    });
  });
  function answer(request: ScriptedRequest, response: ServerResponse): void {
    let chance = random() * 100;
    const isTurnOf = (name: keyof Misbehaviour): boolean => {
      chance -= misbehaviour[name];
      if (chance >= 0) return false;
      chance = Number.POSITIVE_INFINITY;
      counts[name] += 1;
      return true;
    };
    if (isTurnOf('throttles'))
      return void response.writeHead(429, { 'retry-after': '0' }).end('{"errorCode":"E0000047"}');
    if (isTurnOf('fails')) return void response.writeHead(503).end('busy');
    if (isTurnOf('drops')) return void response.destroy();
    const { status = 200, headers = {}, body } = script(request);
    const bytes = Buffer.from(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers });
    if (bytes.length > 1 && isTurnOf('cuts')) {
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
      return;
    }
    counts.answers += 1;
    response.end(bytes);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const place = server.address();
  return {
    url: `http://127.0.0.1:${typeof place === 'object' && place ? place.port : 0}`,
    requests,
    counts,
    behave: (next) => void (misbehaviour = next),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming.setEncoding('utf8')) body += String(chunk);
  return body;
}

export const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): ScriptedAnswer => ({
  body: JSON.stringify(value),
  headers,
});
