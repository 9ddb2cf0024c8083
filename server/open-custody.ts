import { hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { takeFolder } from '../ingest/folder.ts';
import type { Folder } from '../ingest/folder.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { createSelfLog } from '../ingest/self-log.ts';
import { openEmbeddedLog } from '../ingest/log/embedded-log.ts';
import type { EmbeddedLog } from '../ingest/log/local-index.ts';
import type { PollService } from '../ingest/pollers/poll-service.ts';
import { openSaltKey } from '../ledger/salt-key.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import type { Micros } from '../model/time.ts';
import { openStore } from '../store/clickhouse.ts';
import type { Store } from '../store/clickhouse.ts';
import { createLocalAuthorize, createOidcAuthorize, firstOf } from './authorize.ts';
import type { OidcSettings } from './authorize.ts';
import { createApp, createLogger } from './create-app.ts';
import type { AppOptions, Route } from './create-app.ts';
import { openLogHolder } from './log-holder.ts';
import type { LogHolder } from './log-holder.ts';
import { recordConfiguration } from './record-configuration.ts';
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
  /** Host names that are answered beside those of this machine; none if left out, all if undefined. */
  readonly hosts?: readonly string[] | undefined;
  /** Microseconds UTC; the machine's clock where it is left out. */
  readonly now?: () => Micros;
}

/** An open data folder with its API. */
export interface Custody {
  readonly app: FastifyInstance;
  /** What the app answers to. */
  readonly routes: readonly Route[];
  /** What Custody fetches itself; nothing is fetched in the background before `start`. */
  readonly polls: PollService;
  readonly store: Store;
  /** The local bearer token; it stands in `tokenFile`, which only its owner can read. */
  readonly token: string;
  readonly tokenFile: string;
  /** Listens, and writes into the folder's lock where; gives the URL. */
  listen(host: string, port: number): Promise<string>;
  /** Resolves when all that the log holds is stored and queryable. Rejects with the fault that stopped a partition. */
  settled(): Promise<void>;
  /** The same, and a checkpoint is signed over it now rather than within seconds. Rejects with what keeps it from that. */
  signed(): Promise<void>;
  /** Finishes what is in flight, within some seconds, then gives the folder back. What was acknowledged is in the log. */
  close(): Promise<void>;
}

// How long requests may go on after a stop was asked for. A file that is being sent then is cut off: its import goes on
// where it stopped.
const REQUESTS_MS = 3_000;

/** What is open so far, so that a failure half-way closes it again. */
type Closing = (() => Promise<void>)[];

/**
 * Opens a data folder in this process: lock, log, store, worker, and the app with all routes. What the log holds and the
 * store does not is taken up at once. Throws `folder_in_use` if another process has it.
 */
export async function openCustody(options: CustodyOptions): Promise<Custody> {
  const closing: Closing = [];
  const close = async (): Promise<void> => {
    const faults: unknown[] = [];
    // A step that fails must not keep the folder from being given back.
    for (const step of closing.splice(0).reverse()) await step().catch((error: unknown) => faults.push(error));
    if (faults.length > 0) throw faults[0];
  };
  try {
    const logger = createLogger(options.logTo === 'nowhere' ? 'silent' : (options.logLevel ?? 'info'));
    const folder = takeFolder(options.folder);
    closing.push(() => folder.release());
    const store = await openStore({ folder: folder.path });
    closing.push(() => store.close());
    const log = openEmbeddedLog({ folder: folder.log });
    closing.push(() => log.close());
    const saltKey = await openSaltKey(folder.path);
    const holder = await startLog(options, { folder, store, logger });
    closing.push(() => holder.close());
    const worker = await startWorker(options, { folder, store, log, logger, saltKey, holder });
    closing.push(() => worker.stop());
    const token = randomBytes(32).toString('base64url');
    const { app, routes, polls } = await createApp(
      appOptions(options, { folder, store, log, worker, token, logger, saltKey, holder }),
    );
    closing.push(() => closeApp(app));
    closing.push(() => polls.stop());
    return {
      app,
      routes,
      polls,
      store,
      token,
      tokenFile: join(folder.path, 'server.json'),
      async listen(host, port) {
        const url = await listen(app, host, port);
        folder.announce({ url, token });
        const told = tellConfiguration(options, { store, log, worker, logger });
        closing.push(() => told);
        return url;
      },
      async settled() {
        await worker.whole();
        await worker.worker().idle();
        await holder.sealed();
      },
      async signed() {
        await worker.whole();
        await worker.worker().idle();
        await holder.signed();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Once all that the log holds is stored: which policy and catalogue this server works with, if they are new. */
async function tellConfiguration(
  { policy, now = () => Date.now() * 1_000 }: CustodyOptions,
  { store, log, worker, logger }: Pick<Parts, 'store' | 'log' | 'logger'> & { worker: WorkerHolder },
): Promise<void> {
  try {
    await worker.whole();
    await worker.worker().idle();
    await recordConfiguration(store.reader, policy, createSelfLog(log, policy.tenant, now));
  } catch (error) {
    // The next start tells it; what is served does not depend on it.
    logger.warn({ err: error }, 'the policy in use could not be recorded');
  }
}

interface Parts {
  readonly folder: Folder;
  readonly store: Store;
  readonly log: EmbeddedLog;
  readonly logger: FastifyBaseLogger;
  readonly saltKey: Buffer;
  readonly holder: LogHolder;
}

function startLog(
  options: CustodyOptions,
  { folder, store, logger }: Pick<Parts, 'folder' | 'store' | 'logger'>,
): Promise<LogHolder> {
  return openLogHolder({
    folder: folder.path,
    tenant: options.policy.tenant,
    store,
    onFault: (problem, place) => {
      const isBroken = problem.facts['integrity'] === true;
      const words = isBroken ? 'the evidence does not hold together' : 'the trees could not be brought up to date';
      logger[isBroken ? 'error' : 'warn']({ ...place, ...problem.facts, code: problem.code, err: problem }, words);
    },
  });
}

async function startWorker(
  options: CustodyOptions,
  { folder, store, log, logger, saltKey, holder }: Parts,
): Promise<WorkerHolder> {
  return createWorkerHolder({
    store,
    log,
    policy: options.policy,
    saltKey,
    folder: folder.path,
    onCovered: holder.covered,
    onFault: ({ partition, problem, fatal }) =>
      logger[fatal ? 'error' : 'warn'](
        { ...partition, code: problem.code, err: problem },
        fatal ? 'a partition stopped' : 'the store did not answer; trying again',
      ),
  });
}

function appOptions(options: CustodyOptions, parts: Parts & { worker: WorkerHolder; token: string }): AppOptions {
  const local = createLocalAuthorize(parts.token);
  return {
    policy: options.policy,
    secrets: options.secrets,
    version: options.version,
    log: parts.log,
    store: parts.store,
    worker: parts.worker,
    logger: parts.logger,
    saltKey: parts.saltKey,
    holder: parts.holder,
    reportsFolder: join(parts.folder.path, 'reports'),
    cursorKey: Buffer.from(hkdfSync('sha256', parts.saltKey, '', 'custody cursor', 32)),
    authorize: options.oidc ? firstOf(local, createOidcAuthorize(options.oidc)) : local,
    hosts: 'hosts' in options ? options.hosts : [],
    now: options.now ?? (() => Date.now() * 1_000),
  };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
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

async function closeApp(app: FastifyInstance): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), REQUESTS_MS);
  await app.close();
  clearTimeout(late);
}
