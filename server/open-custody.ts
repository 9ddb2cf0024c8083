import { hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { takeFolder } from '../ingest/folder.ts';
import type { Folder } from '../ingest/folder.ts';
import { createInFlight } from '../ingest/intake/in-flight.ts';
import type { InFlight } from '../ingest/intake/in-flight.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { createSelfLog } from '../ingest/self-log.ts';
import { readIngestSettings } from '../ingest/settings.ts';
import type { KafkaSettings } from '../ingest/settings.ts';
import type { IngestWorker } from '../ingest/worker/worker.ts';
import type { PollService } from '../ingest/pollers/poll-service.ts';
import { openSaltKey } from '../ledger/salt-key.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import { checkSignerFiles, openPdfSigner } from '../reports/sign/open-signer.ts';
import type { SignerFiles } from '../reports/sign/open-signer.ts';
import type { Store } from '../store/clickhouse.ts';
import type { StoreServer } from '../store/settings.ts';
import { openAccessLog } from './access-log.ts';
import type { AccessLog } from './access-log.ts';
import { createLocalAuthorize, createOidcAuthorize, firstOf } from './authorize.ts';
import type { OidcSettings } from './authorize.ts';
import { openBacking } from './backing.ts';
import type { Backing, ClusterEvidence } from './backing.ts';
import { createApp, createLogger } from './create-app.ts';
import type { AppOptions, Route } from './create-app.ts';
import { createHealth } from './health.ts';
import type { Health } from './health.ts';
import { closeApp, createClosing, listenOn } from './listen.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { tellConfiguration } from './record-configuration.ts';
import { readSignerFiles } from './settings.ts';
import { rememberCallers, watchAccess } from './watch-access.ts';
import { startWatch } from './watch.ts';
import type { Watch } from './watch.ts';

/** Whether the log answers is asked of one partition where none is ours. */
export const PROBE = { topic: 'ce', partition: 0 } as const;

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
  /** Kafka as the log in place of the one in the folder. */
  readonly kafka?: KafkaSettings | undefined;
  /** A ClickHouse server as the store, filled by `custody ingest`; needs `kafka`. */
  readonly clickhouse?: StoreServer | undefined;
  /** With `clickhouse`: this server runs the polls of the policy file, and it alone. */
  readonly polls?: boolean | undefined;
  /** What the server of a cluster is given for checkpoints and receipts; with `clickhouse` only. */
  readonly evidence?: ClusterEvidence | undefined;
  /** Ends the wait for servers that are not there yet. */
  readonly signal?: AbortSignal | undefined;
  /** Told on closing how many accesses to the evidence could not be recorded, where there are any. */
  readonly onUntold?: ((count: number) => void) | undefined;
  /** Microseconds UTC; the machine's clock where it is left out. */
  readonly now?: () => Micros;
}

/** An open data folder with its API. */
export interface Custody {
  readonly app: FastifyInstance;
  /** What the app answers to. */
  readonly routes: readonly Route[];
  /** What Custody fetches itself; nothing is fetched in the background before `start`. Absent where another process does. */
  readonly polls: PollService | undefined;
  readonly store: Store;
  readonly health: Health;
  readonly metrics: Metrics;
  /** The local bearer token; it stands in `tokenFile`, which only its owner can read. */
  readonly token: string;
  readonly tokenFile: string;
  /** From here on whoever reads evidence is recorded (T-37). A server that listens does so by itself. */
  recordReads(): void;
  /** Listens, and writes into the folder's lock where; gives the URL. */
  listen(host: string, port: number): Promise<string>;
  /** Resolves when all that the log holds is stored and queryable. Rejects with the fault that stopped a partition. */
  settled(): Promise<void>;
  /** The same, and a checkpoint is signed over it now rather than within seconds. Rejects with what keeps it from that. */
  signed(): Promise<void>;
  /** Finishes what is in flight, within some seconds, then gives the folder back. What was acknowledged is in the log. */
  close(): Promise<void>;
}

/**
 * Opens a data folder in this process: lock, log, store, worker, and the app with all routes. What the log holds and the
 * store does not is taken up at once. Throws `folder_in_use` if another process has it. With `kafka` the log is there,
 * with `clickhouse` the store, which the workers of other processes fill: the folder then holds keys and reports.
 */
export async function openCustody(options: CustodyOptions): Promise<Custody> {
  const closing = createClosing();
  const stopping = new AbortController();
  try {
    const logger = createLogger(options.logTo === 'nowhere' ? 'silent' : (options.logLevel ?? 'info'));
    const folder = takeFolder(options.folder);
    closing.add(() => folder.release());
    const saltKey = options.evidence?.saltKey ?? (await openSaltKey(folder.path));
    const signerFiles = readSignerFiles();
    if (signerFiles) await checkSignerFiles(signerFiles);
    const health = createHealth();
    const inFlight = createInFlight(readIngestSettings().maxBytesInFlight);
    const parts: Opened = {};
    const metrics = metricsOf(health, inFlight, parts);
    const signal = AbortSignal.any([stopping.signal, ...(options.signal ? [options.signal] : [])]);
    const shared = { folder, policy: options.policy, saltKey, logger, health, metrics: () => metrics, closing, signal };
    const backing = await openBacking({ ...options, ...shared });
    const { log, holder, store, carrier, trees } = backing;
    const carried = async (): Promise<void> => {
      await holder?.whole();
      await carrier.worker().idle();
    };
    const positions = (): ReturnType<IngestWorker['positions']> => holder?.worker().positions() ?? [];
    parts.backing = backing;
    const watch = (parts.watch = startWatch({ health, logger, folder: folder.path, log, positions, probe: PROBE }));
    closing.add(() => watch.stop());
    closing.add(() => Promise.resolve(stopping.abort()));
    const token = randomBytes(32).toString('base64url');
    const now = options.now ?? (() => Date.now() * 1_000);
    const self = createSelfLog(log, options.policy.tenant, now);
    const access = (parts.access = openAccessLog({ self, now, health, logger, onUntold: options.onUntold }));
    closing.add(() => access.close());
    const { app, routes, polls } = await createApp(
      appOptions(options, { folder, backing, token, logger, saltKey, health, metrics, inFlight, access, signerFiles, now }), // prettier-ignore
    );
    closing.add(() => closeApp(app));
    closing.add(() => polls?.stop() ?? Promise.resolve());
    return {
      app,
      routes,
      polls,
      store,
      token,
      tokenFile: join(folder.path, 'server.json'),
      health,
      metrics,
      recordReads: () => access.start(),
      async listen(host, port) {
        const url = await listenOn(app, host, port);
        folder.announce({ url, token });
        // From here on others read: nobody can switch this off.
        access.start();
        const configured = tellConfiguration(options.policy, { reader: store.reader, self, carried, logger });
        // Where other processes carry the records this may take as long as they are away.
        if (holder) closing.add(() => configured);
        return url;
      },
      async settled() {
        await carried();
        await trees.sealed();
      },
      async signed() {
        await carried();
        await trees.signed();
      },
      close: closing.close,
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** What is there by now of a server that is opened; its metrics look at it whenever they are asked. */
interface Opened {
  watch?: Watch;
  backing?: Backing;
  access?: AccessLog;
}

function metricsOf(health: Health, inFlight: InFlight, parts: Opened): Metrics {
  return createMetrics({
    health,
    watch: () => parts.watch,
    reader: () => parts.backing?.store.reader,
    inFlight,
    seals: () => parts.backing?.trees.seals(),
    accesses: () => parts.access?.state(),
  });
}

interface Parts {
  readonly folder: Folder;
  readonly backing: Backing;
  readonly token: string;
  readonly logger: FastifyBaseLogger;
  readonly saltKey: Buffer;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly inFlight: InFlight;
  readonly signerFiles: SignerFiles | undefined;
  readonly access: AccessLog;
  readonly now: () => Micros;
}

/**
 * Where others store the records, a receipt can be given only with the salt key that they hash by, and only where it can
 * be redeemed later.
 */
function givesReceipts({ clickhouse, evidence }: CustodyOptions): boolean {
  return clickhouse === undefined || (evidence?.saltKey !== undefined && evidence.signer !== undefined);
}

function appOptions(options: CustodyOptions, parts: Parts): AppOptions {
  const local = createLocalAuthorize(parts.token);
  const { now } = parts;
  const organisation = options.policy.organisation ?? options.policy.tenant;
  const callers = rememberCallers(options.oidc ? firstOf(local, createOidcAuthorize(options.oidc)) : local);
  return {
    policy: options.policy,
    secrets: options.secrets,
    version: options.version,
    log: parts.backing.log,
    index: parts.backing.index,
    notes: parts.backing.notes,
    store: parts.backing.store,
    worker: parts.backing.carrier,
    inFlight: parts.inFlight,
    hindrances: parts.health.hindrances,
    metrics: parts.metrics,
    logger: parts.logger,
    saltKey: parts.saltKey,
    holder: parts.backing.trees,
    givesReceipts: givesReceipts(options),
    reportsFolder: join(parts.folder.path, 'reports'),
    pdfSigner: () => openPdfSigner(parts.folder.path, parts.signerFiles, organisation, now() / 1_000),
    cursorKey: Buffer.from(hkdfSync('sha256', parts.saltKey, '', 'custody cursor', 32)),
    authorize: callers.authorize,
    watch: (app) => watchAccess(app, callers, parts.access),
    hosts: 'hosts' in options ? options.hosts : [],
    now,
  };
}
