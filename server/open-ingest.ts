import type { FastifyBaseLogger } from 'fastify';
import { takeFolder } from '../ingest/folder.ts';
import type { KafkaSettings } from '../ingest/settings.ts';
import { scanDelivery } from '../ingest/intake/json-scan.ts';
import { startInbound } from '../ingest/inbound/start-inbound.ts';
import type { InboundTopic, StartInboundDeps } from '../ingest/inbound/start-inbound.ts';
import type { EventLog } from '../ingest/log/event-log.ts';
import { adapterFor } from '../ingest/sources/registry.ts';
import { createWorker } from '../ingest/worker/worker.ts';
import type { IngestWorker, WorkerDeps } from '../ingest/worker/worker.ts';
import type { Policy } from '../model/policy.ts';
import { openServerStore } from '../store/server-store.ts';
import type { StoreServer } from '../store/settings.ts';
import { openKafka, waited, workerOptions } from './backing.ts';
import { createHealth } from './health.ts';
import type { Health } from './health.ts';
import { openIngestTrees } from './ingest-trees.ts';
import type { IngestTrees } from './ingest-trees.ts';
import { closeApp, createClosing, listenOn } from './listen.ts';
import { createManagement } from './management.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { PROBE } from './open-custody.ts';
import { startWatch } from './watch.ts';
import type { Watch } from './watch.ts';

export interface IngestOptions {
  /** A folder of this process alone, for what it scribbles; another one for each `custody ingest` of a machine. */
  readonly folder: string;
  readonly policy: Policy;
  /** 32 bytes, the same for all workers of a store. */
  readonly saltKey: Buffer;
  readonly kafka: KafkaSettings;
  readonly clickhouse: StoreServer;
  /** Topics that others produce to. */
  readonly inbound?: readonly InboundTopic[];
  readonly management: { readonly host: string; readonly port: number };
  readonly logger: FastifyBaseLogger;
  /** Ends the wait for servers that are not there yet. */
  readonly signal: AbortSignal;
}

/** A worker of the cluster, and how it fares. */
export interface IngestProcess {
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly url: string;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly worker: IngestWorker;
  /** Finishes what is in flight for at most ten seconds; what is not finished is taken up by who gets the partition. */
  close(): Promise<void>;
}

/**
 * Opens one of any number of workers: Kafka to ClickHouse, as members of one group. The listener for monitoring stands
 * first, so that who looks sees what it waits for; Kafka and the server are waited for, for ever. Throws `folder_in_use` for a folder
 * that another process has, `configuration` for topics or tables that are not to be used.
 */
export async function openIngest(options: IngestOptions): Promise<IngestProcess> {
  const { logger, kafka, clickhouse } = options;
  const closing = createClosing();
  try {
    const folder = takeFolder(options.folder);
    closing.add(() => folder.release());
    const health = createHealth();
    health.set('starting', true);
    let watch: Watch | undefined;
    const opened: { store?: Awaited<ReturnType<typeof openServerStore>>; trees?: IngestTrees } = {};
    const metrics = createMetrics({
      health,
      watch: () => watch,
      reader: () => opened.store?.reader,
      seals: () => opened.trees?.seals(),
    });
    const app = createManagement({ health, metrics, logger });
    closing.add(() => closeApp(app));
    const url = await listenOn(app, options.management.host, options.management.port);
    const deps = { ...options, folder, health, metrics: () => metrics };
    const store = await waited(deps, () => openServerStore({ server: clickhouse }));
    opened.store = store;
    closing.add(() => store.close());
    const log = await openKafka(kafka, deps);
    closing.add(() => log.close());
    const trees = await waited(deps, () => openIngestTrees(store, logger));
    opened.trees = trees;
    closing.add(() => trees.close());
    const onLeft: WorkerDeps['onLeft'] = (place) => {
      health.left(place);
      trees.left(place);
    };
    const worker = await waited(deps, async () => {
      const made = createWorker({ store, log, ...workerOptions(deps), ...trees.worker, known: 'assigned', onLeft });
      try {
        await made.start();
        return made;
      } catch (error) {
        await made.stop();
        throw error;
      }
    });
    closing.add(() => worker.stop());
    watch = startWatch({ health, logger, folder: folder.path, log, positions: worker.positions, probe: PROBE });
    closing.add(() => watch?.stop() ?? Promise.resolve());
    for (const topic of options.inbound ?? []) {
      const inbound = startInbound(topic, inboundDeps(options, log, health));
      closing.add(() => inbound.stop());
    }
    health.set('starting', false);
    return { url, health, metrics, worker, close: closing.close };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

function inboundDeps({ policy, logger }: IngestOptions, log: EventLog, health: Health): StartInboundDeps {
  return {
    policy,
    log,
    adapterFor,
    scan: scanDelivery,
    now: () => Date.now() * 1_000,
    say(level, facts, text) {
      logger['alarm' in facts ? 'error' : level]({ ...facts }, text);
    },
    onState: (isThere) => health.set('inbound_unavailable', !isThere),
  };
}
