import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { openServerEngine } from './clickhouse-engine.ts';
import { createFaultList } from './clickhouse-faults.ts';
import type { FromServer, SeenStatement, ServerFault, ToServer } from './clickhouse-faults.ts';
import { readRequest } from './clickhouse-request.ts';
import type { ServerRequest } from './clickhouse-request.ts';

/**
 * ClickHouse's HTTP interface over chdb, in a process of its own: the client, the network and the SQL are real, the layer
 * between them is this file. Started by clickhouse-fixture.ts with a folder, a user and a password; driven by messages.
 */

const [, , folder = '', user = '', password = '', port = '0'] = process.argv;
const engine = openServerEngine(folder);
const faults = createFaultList();
const seen: SeenStatement[] = [];
/** Statements at work, by id, and how to end one that only waits. */
const working = new Map<string, (() => void) | undefined>();
/** How to let go on those that hang. */
const hanging = new Set<() => void>();
// The version whose engine this is; the real server names itself the same way.
const VERSION = '(version 26.7.2.1 (official build))';
const say = (message: FromServer): void => void process.send?.(message);

class EngineError extends Error {
  readonly code: number;
  constructor(code: number, text: string, type: string) {
    super(`Code: ${code}. DB::Exception: ${text}. (${type}) ${VERSION}`);
    this.code = code;
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/ping') return void response.end('Ok.\n');
  let asked: ServerRequest;
  try {
    asked = await readRequest(request);
  } catch {
    return void response.destroy();
  }
  const { sql, queryId, settings, bodyBytes, bodyEncoding, multipart } = asked;
  const statement: SeenStatement = { sql, queryId, user: asked.user, settings, bodyBytes, bodyEncoding, multipart };
  seen.push(statement);
  const fault = faults.take(sql);
  if (fault) statement.fault = fault.kind;
  try {
    await (fault ? meet(fault, asked, response, statement) : reply(asked, response, statement));
  } catch (error) {
    statement.ended ??= 'error';
    sendError(response, error, asked.queryId);
  }
}

async function meet(
  fault: ServerFault,
  asked: ServerRequest,
  response: ServerResponse,
  statement: SeenStatement,
): Promise<void> {
  const ms = fault.ms ?? 0;
  if (fault.kind === 'refuse') throw new EngineError(fault.code ?? 1, 'injected', 'INJECTED_BY_TEST');
  if (fault.kind === 'status') return void response.writeHead(fault.code ?? 503).end('<html>Bad gateway</html>');
  if (fault.kind === 'drop_before') return void response.destroy();
  if (fault.kind === 'transit') await sleep(ms);
  if (fault.kind === 'hang' && !(await waits(asked.queryId, ms))) {
    statement.ended = 'killed';
    throw new EngineError(394, 'Query was cancelled', 'QUERY_WAS_CANCELLED');
  }
  if (fault.kind === 'half' || fault.kind === 'late_error' || fault.kind === 'drop_after') {
    const bytes = await execute(asked, statement);
    if (fault.kind === 'drop_after') return void response.destroy();
    return sendHalf(response, bytes, fault.kind === 'late_error');
  }
  await reply(asked, response, statement, fault.kind === 'slow' ? ms : 0);
}

/** Whether the time went by; false if the statement was killed meanwhile. It is listed as at work. */
function waits(queryId: string, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const goOn = (isDone: boolean): void => {
      clearTimeout(late);
      hanging.delete(release);
      resolve(isDone);
    };
    const release = (): void => goOn(true);
    const late = setTimeout(release, ms);
    hanging.add(release);
    working.set(queryId, () => goOn(false));
  }).finally(() => working.delete(queryId)) as Promise<boolean>;
}

async function execute(asked: ServerRequest, statement: SeenStatement): Promise<Buffer> {
  if (asked.user !== user || asked.password !== password)
    throw new EngineError(516, `${asked.user}: Authentication failed`, 'AUTHENTICATION_FAILED');
  const { readonly = '0' } = asked.settings;
  if (/^\s*KILL QUERY/.test(asked.sql)) {
    for (const [id, end] of working) if ((asked.params['ids'] ?? '').includes(`'${id}'`)) end?.();
    return Buffer.alloc(0);
  }
  const listed = [...working.keys()];
  working.set(asked.queryId, undefined);
  try {
    const bytes = await engine.run({ ...asked, settings: { ...asked.settings, readonly } }, listed);
    statement.ended = 'ok';
    return bytes;
  } finally {
    working.delete(asked.queryId);
  }
}

async function reply(asked: ServerRequest, response: ServerResponse, statement: SeenStatement, ms = 0): Promise<void> {
  const bytes = await execute(asked, statement);
  await sleep(ms);
  response.writeHead(200, {
    'content-type': 'text/plain; charset=UTF-8',
    'x-clickhouse-query-id': asked.queryId,
    'x-clickhouse-server-display-name': 'test',
    'x-clickhouse-timezone': 'UTC',
    'x-clickhouse-summary': JSON.stringify({ read_rows: '0', written_rows: '0', elapsed_ns: '1' }),
    ...(asked.wantsGzip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(asked.wantsGzip ? gzipSync(bytes) : bytes);
}

function sendHalf(response: ServerResponse, bytes: Buffer, withError: boolean): void {
  const tag = randomBytes(8).toString('hex');
  response.writeHead(200, {
    'content-type': 'text/plain',
    ...(withError ? { 'x-clickhouse-exception-tag': tag } : {}),
  });
  response.write(bytes.subarray(0, Math.max(1, bytes.length >> 1)), () => {
    if (!withError) {
      response.destroy();
      return;
    }
    const text = `${new EngineError(159, 'Timeout exceeded', 'TIMEOUT_EXCEEDED').message}\n`;
    response.end(`\r\n__exception__\r\n${tag}\r\n${text}${text.length} ${tag}\r\n__exception__\r\n`);
  });
}

function sendError(response: ServerResponse, error: unknown, queryId: string): void {
  const { message, code, type } = error as { message: string; code?: string | number; type?: string };
  const text =
    error instanceof EngineError
      ? message
      : `Code: ${code ?? 1000}. DB::Exception: ${message}. (${type ?? 'STD_EXCEPTION'}) ${VERSION}`;
  const status =
    String(code) === '516'
      ? 403
      : ['62', '47', '27', '41', '36'].includes(String(code))
        ? 400
        : String(code) === '60'
          ? 404
          : 500;
  response.writeHead(status, {
    'x-clickhouse-exception-code': String(code ?? 1_000),
    'x-clickhouse-query-id': queryId,
  });
  response.end(`${text}\n`);
}

// The real server takes 1 MiB of address (`http_max_uri_size`).
const server = createServer({ maxHeaderSize: 1 << 20, keepAliveTimeout: 10_000 }, (request, response) => {
  response.on('error', () => undefined);
  void answer(request, response);
});
server.listen(Number(port), '127.0.0.1', () => say({ kind: 'ready', port: (server.address() as AddressInfo).port }));

process.on('message', (message: ToServer) => {
  if (message.kind === 'faults') {
    faults.set(message.faults);
    seen.length = 0;
    say({ kind: 'done' });
  } else if (message.kind === 'statements') say({ kind: 'statements', statements: seen });
  else if (message.kind === 'release') {
    for (const release of hanging) release();
    say({ kind: 'done' });
  } else void engine.close().finally(() => process.exit(0));
});
// The test is gone: so are we.
process.on('disconnect', () => process.exit(0));
