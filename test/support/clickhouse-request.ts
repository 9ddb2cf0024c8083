import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';

/** A request to the HTTP interface of ClickHouse, taken apart as the server does. */
export interface ServerRequest {
  readonly sql: string;
  readonly queryId: string;
  /** Values of `param_x`, in the server's own escaped text. */
  readonly params: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  /** What stands behind the query: rows of an insert. */
  readonly data: Buffer;
  readonly bodyBytes: number;
  readonly bodyEncoding: string;
  readonly multipart: boolean;
  readonly user: string;
  readonly password: string;
  readonly wantsGzip: boolean;
}

// Parameters of the interface that are no settings of the engine.
const NO_SETTING = new Set(['query', 'query_id', 'database', 'session_id', 'default_format', 'role', 'compress']);
// Settings of the layer above the engine, which chdb does not have.
const HTTP_ONLY = new Set(['wait_end_of_query', 'enable_http_compression', 'send_progress_in_http_headers']);

/** Reads a request whole. Rejects if the sender goes away before its end, as the real server then fails the statement. */
export async function readRequest(request: IncomingMessage): Promise<ServerRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (!request.complete) throw new Error('the request was cut off');
  const raw = Buffer.concat(chunks);
  const encoding = request.headers['content-encoding'] ?? '';
  const body = encoding === 'gzip' ? gunzipSync(raw) : raw;
  const url = new URL(request.url ?? '/', 'http://server');
  const values = new Map(url.searchParams);
  const type = request.headers['content-type'] ?? '';
  const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(type)?.[1];
  if (boundary !== undefined) for (const [name, value] of partsOf(body, boundary)) values.set(name, value);
  const inUrl = values.get('query');
  const [, basic = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  const [user = '', ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  const rest = [...values].filter(([name]) => !name.startsWith('param_') && !NO_SETTING.has(name));
  return {
    sql: inUrl ?? body.toString('utf8'),
    queryId: values.get('query_id') ?? '',
    params: Object.fromEntries(
      [...values].flatMap(([name, value]) => (name.startsWith('param_') ? [[name.slice(6), value]] : [])),
    ),
    settings: Object.fromEntries(rest),
    data: inUrl === undefined || boundary !== undefined ? Buffer.alloc(0) : body,
    bodyBytes: raw.length,
    bodyEncoding: encoding,
    multipart: boundary !== undefined,
    user: user === '' ? 'default' : user,
    password: password.join(':'),
    wantsGzip:
      values.get('enable_http_compression') === '1' && (request.headers['accept-encoding'] ?? '').includes('gzip'),
  };
}

/** The settings that the engine itself is given. */
export function engineSettings(settings: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !HTTP_ONLY.has(name)));
}

function* partsOf(body: Buffer, boundary: string): Generator<[string, string]> {
  for (const part of body.toString('utf8').split(`--${boundary}`).slice(1, -1)) {
    const [head = '', ...rest] = part.split('\r\n\r\n');
    const name = /name="([^"]+)"/.exec(head)?.[1];
    if (name !== undefined) yield [name, rest.join('\r\n\r\n').replace(/\r\n$/, '')];
  }
}
