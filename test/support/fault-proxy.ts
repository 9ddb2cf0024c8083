import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the proxy does with one request. `lose`: passes it on and drops the answer. `drop`: drops it before. */
export type Act =
  | 'pass'
  | 'drop'
  | 'lose'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  | { readonly slowMs: number };

export interface FaultProxy {
  readonly url: string;
  /** Where requests are passed on to; undefined: there is nothing there. */
  target: string | undefined;
  /** Decides by the number of the request to the door, from 0. */
  script: (nth: number, events: readonly unknown[]) => Act;
  /** What was done, in order. */
  readonly acts: Act[];
  /** Statuses that the target gave, in order. */
  readonly statuses: number[];
  close(): Promise<void>;
}

/** A proxy on 127.0.0.1 between an issuer and a Custody, which breaks what it is told to break. */
export async function startFaultProxy(): Promise<FaultProxy> {
  const server: Server = createServer((incoming, answer) => {
    serve(proxy, incoming, answer).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: undefined,
    script: () => 'pass',
    acts: [],
    statuses: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

async function serve(proxy: FaultProxy, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const body = Buffer.concat(parts);
  const isDoor = incoming.url === '/v1/ingest/cloudevents';
  const events = isDoor ? (JSON.parse(body.toString('utf8')) as unknown[]) : [];
  const act = isDoor ? proxy.script(proxy.acts.length, events) : 'pass';
  if (isDoor) proxy.acts.push(act);
  if (act === 'drop' || proxy.target === undefined) {
    incoming.socket.destroy();
    return;
  }
  if (typeof act === 'object' && 'status' in act) {
    answer.writeHead(act.status, { 'content-type': 'application/problem+json', ...act.headers });
    answer.end(act.body === undefined ? '' : JSON.stringify(act.body));
    return;
  }
  if (typeof act === 'object') await sleep(act.slowMs);
  const passed = await pass(proxy.target, incoming, body);
  if (isDoor) proxy.statuses.push(passed.status);
  if (act === 'lose') {
    incoming.socket.destroy();
    return;
  }
  answer.writeHead(passed.status, passed.headers);
  answer.end(passed.body);
}

interface Passed {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function pass(target: string, incoming: IncomingMessage, body: Buffer): Promise<Passed> {
  return new Promise((resolve, reject) => {
    const { host: _, connection: __, ...headers } = incoming.headers;
    const outgoing = request(new URL(incoming.url ?? '/', target), { method: incoming.method, headers, agent: false });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const kept = ['content-type', 'retry-after'].flatMap((name) => {
          const value = response.headers[name];
          return typeof value === 'string' ? [[name, value] as const] : [];
        });
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(kept), body: Buffer.concat(parts) });
      });
    });
    outgoing.end(body);
  });
}
