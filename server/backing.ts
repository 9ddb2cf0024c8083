import type { FastifyBaseLogger } from 'fastify';
import type { Folder } from '../ingest/folder.ts';
import { openEmbeddedLog } from '../ingest/log/embedded-log.ts';
import type { EventLog } from '../ingest/log/event-log.ts';
import { openKafkaLog } from '../ingest/log/kafka-log.ts';
import type { LocalIndex, NotedLog } from '../ingest/log/local-index.ts';
import { openNotes } from '../ingest/log/noted-log.ts';
import type { KafkaSettings } from '../ingest/settings.ts';
import type { WorkerDeps } from '../ingest/worker/worker.ts';
import type { LogKeys } from '../ledger/evidence.ts';
import type { SigningKey } from '../ledger/signing-key.ts';
import type { Policy } from '../model/policy.ts';
import type { Problem } from '../model/problem.ts';
import type { Store } from '../store/clickhouse.ts';
import type { StoredPartition } from '../store/log-state.ts';
import { mayStoreChecks } from '../store/check-runs.ts';
import { openServerWriter } from '../store/server-store.ts';
import type { StoreServer } from '../store/settings.ts';
import type { Health } from './health.ts';
import type { createClosing } from './listen.ts';
import type { Metrics } from './metrics.ts';
import { openLogHolder, openRemoteLogHolder } from './log-holder.ts';
import type { LogHolder } from './log-holder.ts';
import { NOT_ALLOWED } from './record-checks.ts';
import { createRemoteCarrier } from './remote-carrier.ts';
import { createSignedWait } from './remote-signer.ts';
import { untilThere } from './until-there.ts';
import { createWorkerHolder } from './worker-holder.ts';
import type { Carrier, WorkerHolder } from './worker-holder.ts';

/** What makes the answers of a server in a cluster evidence; each may be missing, and what hangs on it then is. */
export interface ClusterEvidence {
  /** The public keys of the signer (`custody sign --keys`). */
  readonly signer?: LogKeys | undefined;
  /** The key of this server's packs and receipts, the same for all servers; that of its folder if left out. */
  readonly key?: SigningKey | undefined;
  /** The key of the workers' salts, 32 bytes. */
  readonly saltKey?: Buffer | undefined;
}

export interface BackingDeps {
  readonly folder: Folder;
  readonly policy: Policy;
  readonly saltKey: Buffer;
  /** Kafka as the log; the one in the folder if left out. */
  readonly kafka?: KafkaSettings | undefined;
  /** A server as the store, which other processes fill; the one in the folder, with a worker, if left out. */
  readonly clickhouse?: StoreServer | undefined;
  /** This server runs the polls of the policy file, where others fill the store; where it fills it itself, it always does. */
  readonly polls?: boolean | undefined;
  readonly evidence?: ClusterEvidence | undefined;
  readonly logger: FastifyBaseLogger;
  readonly health: Health;
  readonly metrics: () => Metrics;
  readonly closing: ReturnType<typeof createClosing>;
  readonly signal: AbortSignal;
}

/** Log and store of a server, and what carries records from one to the other. */
export interface Backing {
  readonly log: EventLog;
  readonly index: LocalIndex | undefined;
  /** Where polls keep how far they are, if they are run here. */
  readonly notes: NotedLog | undefined;
  readonly store: Store;
  readonly carrier: Carrier;
  /** The worker, where it is in this process. */
  readonly holder: WorkerHolder | undefined;
  /** The trees and the key of the log. */
  readonly trees: LogHolder;
}

/** Opens what a server stands on, in the process or elsewhere. What is elsewhere is waited for, for ever. */
export async function openBacking(deps: BackingDeps): Promise<Backing> {
  const { closing, folder, clickhouse } = deps;
  if (clickhouse) {
    const store = await waited(deps, () => openServerWriter({ server: clickhouse }));
    closing.add(() => store.close());
    if (!(await waited(deps, () => mayStoreChecks(store.writer)))) deps.logger.warn(NOT_ALLOWED);
    const log = await openLog(deps, deps.polls === true);
    const carrier = createRemoteCarrier({ reader: store.reader, log: log.log, signal: deps.signal });
    const sealed = (): Promise<void> => carrier.sealed();
    const covered = createSignedWait(store.reader, deps.signal);
    const signed = (): Promise<void> => sealed().then(covered);
    const { signer, key: own } = deps.evidence ?? {};
    const trees = await openRemoteLogHolder({
      folder: folder.path,
      tenant: deps.policy.tenant,
      sealed,
      signed,
      signer,
      own,
    });
    return { ...log, store, carrier, holder: undefined, trees };
  }
  const { openStore } = await import('../store/clickhouse.ts');
  const store = await openStore({ folder: folder.path });
  closing.add(() => store.close());
  const log = await openLog(deps, true);
  const trees = await openTrees(deps, store);
  closing.add(() => trees.close());
  const holder = await createWorkerHolder({ store, log: log.log, ...workerOptions(deps), onCovered: trees.covered });
  closing.add(() => holder.stop());
  return { ...log, store, carrier: holder, holder, trees };
}

function openTrees({ folder, policy, logger }: BackingDeps, store: Store): Promise<LogHolder> {
  return openLogHolder({
    folder: folder.path,
    tenant: policy.tenant,
    store,
    onFault: (problem, place) => tellTreeFault(logger, problem, place),
  });
}

/** Writes into the log of the process what is wrong with a tree: evidence that does not hold together is an error. */
export function tellTreeFault(logger: FastifyBaseLogger, problem: Problem, place?: StoredPartition): void {
  const isBroken = problem.facts['integrity'] === true;
  const words = isBroken
    ? 'the evidence does not hold together'
    : 'the trees could not be brought up to date; it is tried again';
  logger[isBroken ? 'error' : 'warn']({ ...place, ...problem.facts, code: problem.code, err: problem }, words);
}

async function openLog(deps: BackingDeps, polls: boolean): Promise<Pick<Backing, 'log' | 'index' | 'notes'>> {
  const { kafka, folder, closing } = deps;
  if (!kafka) {
    const log = openEmbeddedLog({ folder: folder.log });
    closing.add(() => log.close());
    return { log, index: log.index, notes: log.index };
  }
  const log = await openKafka(kafka, deps);
  closing.add(() => log.close());
  const notes = polls ? openNotes(folder.path, log) : undefined;
  closing.add(() => notes?.close() ?? Promise.resolve());
  return { log, index: undefined, notes };
}

/** Opens Kafka, and waits for it. Its client's lines go to our log, below what we tell ourselves. */
export function openKafka(
  kafka: KafkaSettings,
  deps: Pick<BackingDeps, 'logger' | 'health' | 'signal'>,
): Promise<EventLog> {
  const onClientLog = (
    level: 'debug' | 'info' | 'warn',
    facts: Readonly<Record<string, unknown>>,
    text: string,
  ): void => deps.logger[level]({ ...facts }, text);
  return waited(deps, () => openKafkaLog({ ...kafka.connection, topics: kafka.topics, onClientLog }));
}

/** Does what may have to wait for another server, and says so. */
export function waited<T>(deps: Pick<BackingDeps, 'logger' | 'signal'>, work: () => Promise<T>): Promise<T> {
  return untilThere(
    work,
    (problem, wait_ms) => deps.logger.warn({ wait_ms, err: problem }, `${problem.message} It is tried again.`),
    deps.signal,
  );
}

/** What every worker of ours is made with: who hears of its batches and its failures. */
export function workerOptions(
  deps: Pick<BackingDeps, 'policy' | 'saltKey' | 'folder' | 'logger' | 'health' | 'metrics'>,
): Omit<WorkerDeps, 'store' | 'log'> {
  return {
    policy: deps.policy,
    saltKey: deps.saltKey,
    folder: deps.folder.path,
    onBatch(batch) {
      deps.health.went(batch.partition);
      deps.metrics().batch(batch);
    },
    onFault(fault) {
      const { partition, problem, fatal } = fault;
      deps.health.onFault(fault);
      deps.metrics().fault(problem.code);
      const facts = { ...partition, code: problem.code, ...alarmOf(problem.facts, fatal), err: problem };
      deps.logger[fatal || facts.alarm !== undefined ? 'error' : 'warn'](
        facts,
        fatal ? 'a partition stopped' : `${problem.message} It is tried again.`,
      );
    },
  };
}

/** What an operator must act on, as a field that an alert can look for. */
function alarmOf(facts: Readonly<Record<string, unknown>>, fatal: boolean): { readonly alarm?: string } {
  if (fatal) return { alarm: 'partition_stopped' };
  return facts['failure'] === 'disk_full' ? { alarm: 'store_disk_full' } : {};
}
