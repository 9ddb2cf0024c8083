import type { FastifyInstance } from 'fastify';
import { openCredentials } from '../ingest/intake/credentials.ts';
import { createReceiptSigner } from '../ingest/intake/receipts.ts';
import { scanDelivery } from '../ingest/intake/json-scan.ts';
import type { InFlight } from '../ingest/intake/in-flight.ts';
import { createIntake } from '../ingest/intake/routes.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { readIngestSettings } from '../ingest/settings.ts';
import type { EventLog } from '../ingest/log/event-log.ts';
import type { LocalIndex, NotedLog } from '../ingest/log/local-index.ts';
import { pollRoutes } from '../ingest/pollers/poll-routes.ts';
import type { PollService } from '../ingest/pollers/poll-service.ts';
import { adapterFor } from '../ingest/sources/registry.ts';
import { SOURCE_EPOCH } from '../ingest/worker/worker.ts';
import type { Policy } from '../model/policy.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { createControlsApi } from '../query/controls/controls-api.ts';
import { createLogApi } from '../query/log/log-api.ts';
import { createQueryApi } from '../query/query-api.ts';
import { createReportsApi } from '../reports/api.ts';
import { createReportJobs } from '../reports/report-jobs.ts';
import type { PdfSigner } from '../reports/sign/signer.ts';
import type { Store } from '../store/clickhouse.ts';
import type { Reader } from '../store/query.ts';
import type { Authorize } from './authorize.ts';
import { rememberKeys } from './fetch-keys.ts';
import { createDispositionsApi } from './dispositions-api.ts';
import { createGapsApi } from './gaps-api.ts';
import { createPackBuild } from './pack-build.ts';
import { createPolls } from './polls.ts';
import { createRebuildApi } from './rebuild-api.ts';
import { ledgerOf } from './check-ledger.ts';
import type { LogHolder } from './log-holder.ts';
import { createCheckRecorder } from './record-checks.ts';
import { tellRedraws } from './tell-redraws.ts';
import { createReplayApi } from './replay-api.ts';
import type { Metrics } from './metrics.ts';
import { createSelfLog } from '../ingest/self-log.ts';
import { createSettle } from './settle.ts';
import type { Carrier } from './worker-holder.ts';

export interface RoutesDeps {
  readonly policy: Policy;
  readonly secrets: Secrets;
  readonly version: string;
  readonly log: EventLog;
  /** The index beside the log, where it has one: Kafka has none. */
  readonly index?: LocalIndex | undefined;
  /** Where polls keep how far they are; absent where another process runs them. */
  readonly notes?: NotedLog | undefined;
  readonly store: Pick<Store, 'reader' | 'writer'>;
  readonly worker: Carrier;
  readonly saltKey: Uint8Array;
  /** Whether the door signs receipts: not where others have the salt of the leaves. */
  readonly givesReceipts: boolean;
  readonly holder: LogHolder;
  /** The bodies that are being taken in. */
  readonly inFlight?: InFlight | undefined;
  /** Why this process cannot do its work now, in words of a closed list; empty if it can. */
  readonly hindrances?: (() => readonly string[]) | undefined;
  readonly metrics?: Metrics | undefined;
  readonly reportsFolder: string;
  /** Who signs the PDF of a report, asked for each; without it they are not signed. */
  readonly pdfSigner?: (() => Promise<PdfSigner>) | undefined;
  /** 32 bytes, kept with the folder, so that a cursor is good after a restart and the same question has the same answer. */
  readonly cursorKey: Buffer;
  readonly authorize: Authorize;
  readonly now: () => Micros;
}

/** Puts the routes of all rooms into one app. Gives the polls, which nobody has started; none where another process runs them. */
export async function addRoutes(app: FastifyInstance, deps: RoutesDeps): Promise<PollService | undefined> {
  const { policy, authorize, now, worker, holder } = deps;
  const reader = readerWhenWhole(deps.store.reader, worker);
  const polls = await addDoors(app, deps, reader);
  await app.register(
    createQueryApi({
      reader,
      policy,
      authorize,
      cursorKey: deps.cursorKey,
      now,
      version: deps.version,
      hindrances: () => hindrancesOf(deps),
    }),
  );
  const record = createCheckRecorder(deps);
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', async (request) => void (await authorize(request.headers.authorization, 'read')));
    const { metrics } = deps;
    if (metrics)
      guarded.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
    // A verdict comes of sealed rows alone; the catalogue needs none.
    guarded.addHook('preHandler', async (request) => {
      if (Object.keys(request.query as object).length > 0) await holder.sealed();
    });
    const mayKeep = (authorization: string | undefined): Promise<unknown> => authorize(authorization, 'report');
    await guarded.register(
      createControlsApi({ reader, policy, now, record, mayKeep, ledger: ledgerOf(reader, policy, holder) }),
    );
  });
  const { tenant } = policy;
  const self = createSelfLog(deps.log, tenant, now);
  const said = { reader, policy, authorize, self, settle: createSettle(worker.worker, deps.store.reader), now };
  await app.register(createDispositionsApi(said));
  await app.register(createGapsApi(said));
  const { keys, published, trusted } = holder;
  await app.register(createLogApi({ reader: deps.store.reader, tenant, authorize, keys, published, trusted, now }));
  const jobs = await createReportJobs({
    folder: deps.reportsFolder,
    build: createPackBuild({ ...deps, record }, reader),
    onFault: (error) => app.log.error({ err: error }, 'a report could not be made'),
  });
  app.addHook('onListen', () => Promise.resolve(jobs.resume()));
  app.addHook('onClose', () => jobs.close());
  // Samples that are drawn anew are told to our own log, as whatever is done with the evidence (controls.md 3.3).
  const onRedraw = tellRedraws(self);
  await app.register(createReportsApi({ jobs, authorize, onRedraw, now: () => formatMicros(now()) }));
  await app.register(
    createRebuildApi({ authorize, reader: deps.store.reader, rebuild: (onProgress) => worker.rebuild(onProgress) }),
  );
  return polls;
}

/** What brings records in: deliveries, files, polls, replays of dead letters. */
async function addDoors(app: FastifyInstance, deps: RoutesDeps, reader: Reader): Promise<PollService | undefined> {
  const { policy, authorize, now, worker, index, notes, cursorKey, inFlight } = deps;
  const intake = {
    log: deps.log,
    ...(index ? { index } : {}),
    ...(inFlight ? { inFlight } : {}),
    policy,
    credentials: openCredentials(policy, deps.secrets),
    adapterFor,
    scan: scanDelivery,
    now,
    ...(deps.givesReceipts ? { signReceipt: receiptSigner(deps) } : {}),
    settle: createSettle(worker.worker, deps.store.reader),
    idle: () => worker.worker().idle(),
    authorize,
    keysOf: rememberKeys(),
    ...readIngestSettings(),
  };
  await app.register(createIntake(intake));
  await app.register(createReplayApi({ ...intake, reader, cursorKey }));
  if (!notes) {
    if (policy.sources.some((source) => source.poll !== undefined))
      app.log.warn(
        'The polls of the policy file are not run here. One server of a cluster runs them: custody serve --poll',
      );
    return undefined;
  }
  const polls = createPolls({ intake: { ...intake, notes }, secrets: deps.secrets, reader, logger: app.log });
  await app.register(pollRoutes(polls, authorize));
  return polls;
}

function receiptSigner({ policy, saltKey, holder }: RoutesDeps): ReturnType<typeof createReceiptSigner> {
  return createReceiptSigner({ tenant: policy.tenant, saltKey, key: holder.key, sourceEpoch: SOURCE_EPOCH });
}

/** Each once. What the carrier says of itself comes first. */
function hindrancesOf({ worker, hindrances }: RoutesDeps): readonly string[] {
  const own = [
    ...(worker.isWhole() ? [] : ['derived_tables_incomplete']),
    ...(worker.worker().faults().length > 0 ? ['partition_stopped'] : []),
  ];
  return [...new Set([...own, ...(hindrances?.() ?? [])])];
}

/** While derived tables are half there, an answer from them would be wrong: then there is none. */
function readerWhenWhole(reader: Reader, worker: Carrier): Reader {
  return {
    async read(query) {
      await worker.wholeSoon();
      return reader.read(query);
    },
  };
}
