import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { takeFolder } from '../ingest/folder.ts';
import type { Folder } from '../ingest/folder.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { limitUploads, serverOptions } from '../ingest/intake/server-options.ts';
import { openEmbeddedLog } from '../ingest/log/embedded-log.ts';
import type { EmbeddedLog } from '../ingest/log/local-index.ts';
import { openSaltKey } from '../ledger/salt-key.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import { openStore } from '../store/clickhouse.ts';
import type { Store } from '../store/clickhouse.ts';
import { createLocalAuthorize, createOidcAuthorize, firstOf } from './authorize.ts';
import type { OidcSettings } from './authorize.ts';
import { addRoutes } from './routes.ts';
import { createWorkerHolder } from './worker-holder.ts';
import type { WorkerHolder } from './worker-holder.ts';

export interface CustodyOptions {
  readonly folder: string;
  readonly policy: Policy;
  readonly secrets: Secrets;
  readonly policyFile?: string | undefined;
  readonly oidc: OidcSettings | undefined;
  readonly version: string;
  readonly logTo: 'stderr' | 'nowhere';
  readonly logLevel?: string;
  /** Microseconds UTC; the machine's clock where it is left out. */
  readonly now?: () => Micros;
}

/** An open data folder with its API. */
export interface Custody {
  readonly app: FastifyInstance;
  readonly store: Store;
  /** The local bearer token; it stands in `tokenFile`, which only its owner can read. */
  readonly token: string;
  readonly tokenFile: string;
  /** Listens, and writes into the folder's lock where; gives the URL. */
  listen(host: string, port: number): Promise<string>;
  /** Finishes what is in flight, then gives the folder back. */
  close(): Promise<void>;
}

/** What is open so far, so that a failure half-way closes it again. */
type Closing = (() => Promise<void>)[];

/**
 * Opens a data folder in this process: lock, log, store, worker, and the app with all routes. What the log holds and the
 * store does not is taken up at once. Throws `folder_in_use` if another process has it.
 */
export async function openCustody(options: CustodyOptions): Promise<Custody> {
  const closing: Closing = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const logger = createLogger(options);
    const folder = takeFolder(options.folder);
    closing.push(() => folder.release());
    const store = await openStore({ folder: folder.path });
    closing.push(() => store.close());
    const log = await openEmbeddedLog({ folder: folder.path });
    closing.push(() => log.close());
    const worker = await startWorker(options, { folder, store, log, logger });
    closing.push(() => worker.stop());
    const token = randomBytes(32).toString('base64url');
    const app = await createApp(options, { folder, store, log, worker, token, logger });
    closing.push(() => app.close());
    return {
      app,
      store,
      token,
      tokenFile: join(folder.path, 'server.json'),
      async listen(host, port) {
        const url = await app.listen({ host, port });
        folder.announce({ url, token });
        return url;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Parts {
  readonly folder: Folder;
  readonly store: Store;
  readonly log: EmbeddedLog;
  readonly logger: FastifyBaseLogger;
}

async function startWorker(options: CustodyOptions, { folder, store, log, logger }: Parts): Promise<WorkerHolder> {
  return createWorkerHolder({
    store,
    log,
    policy: options.policy,
    saltKey: await openSaltKey(folder.path),
    folder: folder.path,
    onFault: ({ partition, problem, fatal }) =>
      logger[fatal ? 'error' : 'warn'](
        { ...partition, code: problem.code, err: problem },
        fatal ? 'a partition stopped' : 'the store did not answer; trying again',
      ),
  });
}

async function createApp(
  options: CustodyOptions,
  parts: Parts & { worker: WorkerHolder; token: string },
): Promise<FastifyInstance> {
  const app = fastify({ ...serverOptions(), loggerInstance: parts.logger });
  limitUploads(app);
  const local = createLocalAuthorize(parts.token);
  await addRoutes(app, {
    policy: options.policy,
    secrets: options.secrets,
    version: options.version,
    log: parts.log,
    store: parts.store,
    worker: parts.worker,
    reportsFolder: join(parts.folder.path, 'reports'),
    authorize: options.oidc ? firstOf(local, createOidcAuthorize(options.oidc)) : local,
    now: options.now ?? (() => Date.now() * 1_000),
  });
  await app.ready();
  return app;
}

/** Structured logs on stderr. Headers and bodies are never logged: they carry credentials and evidence. */
function createLogger({ logTo, logLevel }: CustodyOptions): FastifyBaseLogger {
  const settings = {
    level: logTo === 'nowhere' ? 'silent' : (logLevel ?? 'info'),
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const serializers = {
    req: (request: { method: string; routeOptions?: { url?: string }; id: string }) => ({
      id: request.id,
      method: request.method,
      route: request.routeOptions?.url,
    }),
    res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
  };
  return pino({ ...settings, serializers }, pino.destination({ dest: 2, sync: false }));
}
