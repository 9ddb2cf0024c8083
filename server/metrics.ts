import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { InFlight } from '../ingest/intake/in-flight.ts';
import type { SealState } from '../ingest/trees/tree-keeper.ts';
import type { WorkerDeps } from '../ingest/worker/worker.ts';
import { countGaps } from '../store/queries/count-gaps.ts';
import type { Reader } from '../store/query.ts';
import type { Health } from './health.ts';
import type { SigningState } from './signing-loop.ts';
import type { Watch } from './watch.ts';

type StoredBatch = Parameters<NonNullable<WorkerDeps['onBatch']>>[0];

/** The numbers of a process in the text format of Prometheus. Names and help stand here, and nowhere else. */
export interface Metrics {
  readonly contentType: string;
  /** The page. */
  text(): Promise<string>;
  /** A batch was stored. */
  batch(stored: StoredBatch): void;
  /** A failure that is waited out, or that stopped a partition. */
  fault(code: string): void;
  /** Counts the answers of an app by route and status; never by path, which a caller chooses. */
  watch(app: FastifyInstance): void;
}

export interface MetricsDeps {
  readonly health: Health;
  /** Lags and room on the disk; undefined while the process starts. */
  readonly watch: () => Watch | undefined;
  readonly reader?: (() => Reader | undefined) | undefined;
  readonly inFlight?: InFlight | undefined;
  /** Accesses to the evidence that wait for the log, and that could not be recorded; undefined while the process starts. */
  readonly accesses?: (() => { readonly waiting: number; readonly unrecorded: number } | undefined) | undefined;
  /** How the seals of this process fare; undefined where it keeps no trees, or while it starts. */
  readonly seals?: (() => SealState | undefined) | undefined;
  /** How the signing fares; only in the process that signs for a cluster. */
  readonly signing?: (() => SigningState | undefined) | undefined;
}

/** Counters at zero. */
export function createMetrics(deps: MetricsDeps): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const records = new Counter({
    name: 'custody_ingest_records_total',
    help: 'Records stored and read back since the start, by how they ended: accepted, duplicate, conflict, or the reason of a rejection.',
    labelNames: ['topic', 'end'],
    registers,
  });
  const events = new Counter({
    name: 'custody_ingest_events_total',
    help: 'Events derived from the records that were stored since the start.',
    labelNames: ['topic'],
    registers,
  });
  const batches = new Histogram({
    name: 'custody_ingest_batch_seconds',
    help: 'Time from the turn of a batch until it was stored and read back, waits for the store included.',
    labelNames: ['topic'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
    registers,
  });
  const faults = new Counter({
    name: 'custody_ingest_faults_total',
    help: 'Failures of the worker by code: unavailable is waited out, others stop a partition.',
    labelNames: ['code'],
    registers,
  });
  const answers = new Counter({
    name: 'custody_http_answers_total',
    help: 'Answers of the API and the doors, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const look = addGauges(deps, registers);
  const lookAtSigning = deps.signing ? addSigning(deps.signing, registers) : undefined;

  return {
    contentType: register.contentType,
    async text() {
      await look();
      lookAtSigning?.();
      return register.metrics();
    },
    batch({ partition: { topic }, records: stored, events: derived, ends, milliseconds }) {
      for (const [end, count] of Object.entries(ends)) records.inc({ topic, end }, count);
      events.inc({ topic }, derived);
      if (stored > 0) batches.observe({ topic }, milliseconds / 1_000);
    },
    fault: (code) => faults.inc({ code }),
    watch(app) {
      app.addHook('onResponse', (request, reply, done) => {
        const { method, routeOptions } = request;
        answers.inc({ method, route: routeOptions.url ?? 'unknown', status: String(reply.statusCode) });
        done();
      });
    },
  };
}

/** What is set when a page is asked for. Gives the look; what the store does not say now stays as it was. */
function addGauges(deps: MetricsDeps, registers: Registry[]): () => Promise<void> {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name, help, labelNames, registers });
  const lag = gauge('custody_ingest_lag_records', 'Records in the log that are not stored yet.', [
    'topic',
    'partition',
  ]);
  const gaps = gauge('custody_log_gap_offsets', 'Offsets that the log skipped, by reason.', ['topic', 'reason']);
  const free = gauge('custody_data_disk_free_bytes', 'Free room on the disk of the data folder.');
  const size = gauge('custody_data_disk_size_bytes', 'Size of the disk of the data folder.');
  const held = gauge('custody_intake_held_bytes', 'Bytes of bodies that are being taken in.');
  const waiting = gauge(
    'custody_seal_wait_seconds',
    'Longest time since the last seal of a partition of this process that has something to seal; 0 where none has.',
  );
  const broken = gauge(
    'custody_seals_broken',
    'Partitions of this process whose store no longer agrees with its tree.',
  );
  const partitions = gauge('custody_ingest_partitions', 'Partitions of this process that wait or have stopped.', [
    'state',
  ]);
  const accesses = gauge('custody_access_waiting', 'Accesses to the evidence that wait to be told to the log.');
  const unrecorded = gauge(
    'custody_access_unrecorded',
    'Accesses to the evidence since the start that could not be recorded, because the log was away for too long.',
  );
  const hindered = gauge('custody_hindrance', '1 for each reason for which the process is not ready.', ['reason']);

  return async () => {
    const found = await deps
      .reader?.()
      ?.read(countGaps())
      .catch(() => []);
    for (const { topic, reason, offsets } of found ?? []) gaps.set({ topic, reason }, offsets);
    const watch = deps.watch();
    lag.reset();
    for (const { topic, partition, records } of watch?.lags() ?? [])
      lag.set({ topic, partition: String(partition) }, records);
    const disk = watch?.disk();
    if (disk) free.set(disk.free);
    if (disk) size.set(disk.size);
    held.set(deps.inFlight?.held ?? 0);
    const access = deps.accesses?.();
    accesses.set(access?.waiting ?? 0);
    unrecorded.set(access?.unrecorded ?? 0);
    const seals = deps.seals?.();
    if (seals) waiting.set(seals.waitingSeconds);
    if (seals) broken.set(seals.broken);
    const states = deps.health.partitions();
    partitions.set({ state: 'waiting' }, states.waiting);
    partitions.set({ state: 'stopped' }, states.stopped);
    hindered.reset();
    for (const reason of deps.health.hindrances()) hindered.set({ reason }, 1);
  };
}

function addSigning(signing: NonNullable<MetricsDeps['signing']>, registers: Registry[]): () => void {
  const size = new Gauge({
    name: 'custody_checkpoint_size',
    help: 'Size of the log of checkpoints that was signed last.',
    registers,
  });
  const waiting = new Gauge({
    name: 'custody_checkpoint_wait_seconds',
    help: 'Seconds since the signer last found everything signed, or made it so: some seconds at most, while all is well.',
    registers,
  });
  return () => {
    const state = signing();
    if (!state) return;
    size.set(state.size);
    waiting.set(state.waitingSeconds);
  };
}
