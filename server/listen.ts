import type { FastifyInstance } from 'fastify';
import { Problem } from '../model/problem.ts';

// How long requests may go on after a stop was asked for. A file that is being sent then is cut off: its import goes on
// where it stopped.
const REQUESTS_MS = 3_000;

/** Listens; gives the URL. A Problem of code `unavailable` says why an address cannot be had. Port 0 takes a free one. */
export async function listenOn(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = {
      EADDRINUSE: 'is in use by another program',
      EACCES: 'may not be used by this user',
      EADDRNOTAVAIL: 'is no address of this machine',
    }[code ?? ''];
    if (why === undefined) throw error;
    throw new Problem('unavailable', `${host}:${port} ${why}. Name another with --port or --host.`, {}, error);
  }
}

/** Lets requests end for some seconds, then cuts them off. */
export async function closeApp(app: FastifyInstance): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), REQUESTS_MS);
  await app.close();
  clearTimeout(late);
}

/** Steps that undo what was opened, to be taken in reverse. One that fails keeps no other from being taken. */
export function createClosing(): { add(step: () => Promise<unknown>): void; readonly close: () => Promise<void> } {
  const steps: (() => Promise<unknown>)[] = [];
  return {
    add: (step) => void steps.push(step),
    async close() {
      const faults: unknown[] = [];
      for (const step of steps.splice(0).reverse()) await step().catch((error: unknown) => faults.push(error));
      if (faults.length > 0) throw faults[0];
    },
  };
}
