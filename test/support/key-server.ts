import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';

/** How the server of the keys behaves: as it should, with an error, with the connection closed, silent, or with no set of keys. */
export type KeyServerMode = 'good' | 'error' | 'closed' | 'silent' | 'nonsense';

/** A server of a key set (RFC 7517) on loopback, whose keys and manners a test changes. */
export interface KeyServer {
  readonly url: URL;
  readonly fetches: () => number;
  set(change: { readonly keys?: readonly JWK[]; readonly mode?: KeyServerMode }): void;
  close(): Promise<void>;
}

/** Starts one without keys. */
export async function startKeyServer(): Promise<KeyServer> {
  let held: readonly JWK[] = [];
  let manner: KeyServerMode = 'good';
  let fetches = 0;
  const answers: Record<KeyServerMode, (response: ServerResponse) => void> = {
    good: (response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: held })),
    error: (response) => void response.writeHead(503).end('{"message":"503"}'),
    closed: (response) => void response.destroy(),
    silent: () => undefined,
    nonsense: (response) => void response.end('<html>please log in</html>'),
  };
  const server: Server = createServer((_request, response) => {
    fetches += 1;
    answers[manner](response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/discovery/keys`),
    fetches: () => fetches,
    set({ keys = held, mode = manner }) {
      held = keys;
      manner = mode;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
