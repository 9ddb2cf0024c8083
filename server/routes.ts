import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { openCredentials } from '../ingest/intake/credentials.ts';
import { createReceiptSigner } from '../ingest/intake/receipts.ts';
import { scanDelivery } from '../ingest/intake/json-scan.ts';
import { createIntake } from '../ingest/intake/routes.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { readIngestSettings } from '../ingest/settings.ts';
import type { EmbeddedLog } from '../ingest/log/local-index.ts';
import { pollRoutes } from '../ingest/pollers/poll-routes.ts';
import type { PollService } from '../ingest/pollers/poll-service.ts';
import { adapterFor } from '../ingest/sources/registry.ts';
import { SOURCE_EPOCH } from '../ingest/worker/worker.ts';
import type { CheckResult } from '../model/control.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import { formatMicros, parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { createControlsApi } from '../query/controls/controls-api.ts';
import type { CheckRequest } from '../query/controls/check-graph.ts';
import { checkRowsOf } from '../query/controls/record-check.ts';
import { runCheck } from '../query/controls/run-check.ts';
import { createLogApi } from '../query/log/log-api.ts';
import { createQueryApi } from '../query/query-api.ts';
import { createTracer } from '../query/trace.ts';
import { createReportsApi } from '../reports/api.ts';
import { buildModel } from '../reports/build-model.ts';
import type { ModelSources } from '../reports/build-model.ts';
import { createReportJobs } from '../reports/report-jobs.ts';
import { storeCheckRun } from '../store/check-runs.ts';
import type { Store } from '../store/clickhouse.ts';
import type { Reader } from '../store/query.ts';
import type { Authorize } from './authorize.ts';
import { rememberKeys } from './fetch-keys.ts';
import { createPolls } from './polls.ts';
import { createRebuildApi } from './rebuild-api.ts';
import type { LogHolder } from './log-holder.ts';
import { createReplayApi } from './replay-api.ts';
import { createSettle } from './settle.ts';
import type { WorkerHolder } from './worker-holder.ts';

export interface RoutesDeps {
  readonly policy: Policy;
  readonly secrets: Secrets;
  readonly version: string;
  readonly log: EmbeddedLog;
  readonly store: Store;
  readonly worker: WorkerHolder;
  readonly saltKey: Uint8Array;
  readonly holder: LogHolder;
  readonly reportsFolder: string;
  /** 32 bytes, kept with the folder, so that a cursor is good after a restart and the same question has the same answer. */
  readonly cursorKey: Buffer;
  readonly authorize: Authorize;
  readonly now: () => Micros;
}

/** Puts the routes of all rooms into one app. Gives the polls, which nobody has started. */
export async function addRoutes(app: FastifyInstance, deps: RoutesDeps): Promise<PollService> {
  const { policy, authorize, now, worker } = deps;
  const reader = readerWhenWhole(deps.store.reader, worker);
  const intake = {
    log: deps.log,
    index: deps.log.index,
    policy,
    credentials: openCredentials(policy, deps.secrets),
    adapterFor,
    scan: scanDelivery,
    now,
    signReceipt: createReceiptSigner({
      tenant: policy.tenant,
      saltKey: deps.saltKey,
      key: deps.holder.key,
      sourceEpoch: SOURCE_EPOCH,
    }),
    settle: createSettle(worker.worker, deps.store.reader),
    idle: () => worker.worker().idle(),
    authorize,
    keysOf: rememberKeys(),
    ...readIngestSettings(),
  };
  await app.register(createIntake(intake));
  const polls = createPolls({ intake, secrets: deps.secrets, reader, logger: app.log });
  await app.register(pollRoutes(polls, authorize));
  await app.register(
    createQueryApi({
      reader,
      policy,
      authorize,
      cursorKey: deps.cursorKey,
      now,
      version: deps.version,
      ready: () => Promise.resolve(worker.isWhole() && worker.worker().faults().length === 0),
    }),
  );
  const record = recordChecks(deps);
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', async (request) => void (await authorize(request.headers.authorization, 'read')));
    // A verdict comes of sealed rows alone; the catalogue needs none.
    guarded.addHook('preHandler', async (request) => {
      if (Object.keys(request.query as object).length > 0) await deps.holder.sealed();
    });
    await guarded.register(createControlsApi({ reader, policy, now, record }));
  });
  await app.register(
    createLogApi({
      reader: deps.store.reader,
      tenant: policy.tenant,
      authorize,
      keys: deps.holder.keys,
      published: deps.holder.published,
      now,
    }),
  );
  const sources = modelSources(reader, policy, now, record);
  const organisation = policy.organisation ?? policy.tenant;
  const jobs = await createReportJobs({
    folder: deps.reportsFolder,
    build: async (request, onProgress) => {
      await deps.holder.sealed();
      return buildModel(sources, request, { organisation, onProgress });
    },
  });
  await app.register(createReportsApi({ jobs, authorize }));
  await app.register(
    createReplayApi({
      authorize,
      policy,
      now,
      reader,
      adapterFor,
      cursorKey: deps.cursorKey,
      log: deps.log,
      index: deps.log.index,
      settle: createSettle(worker.worker, deps.store.reader),
      idle: () => worker.worker().idle(),
    }),
  );
  await app.register(
    createRebuildApi({ authorize, reader: deps.store.reader, rebuild: (onProgress) => worker.rebuild(onProgress) }),
  );
  return polls;
}

/** While derived tables are half there, an answer from them would be wrong: then there is none. */
function readerWhenWhole(reader: Reader, worker: WorkerHolder): Reader {
  return {
    async read(query) {
      await worker.wholeSoon();
      return reader.read(query);
    },
  };
}

/** Keeps each check beside the evidence; a check whose result cannot be kept is not answered. */
function recordChecks({ store, policy, now, version }: RoutesDeps): RecordCheck {
  return (result, request) => {
    const mark = { run: randomUUID(), createdAt: now(), engine: version };
    return storeCheckRun(store.writer, store.reader, policy.tenant, checkRowsOf(result, request, mark));
  };
}

type RecordCheck = (result: CheckResult, request: CheckRequest) => Promise<void>;

function modelSources(reader: Reader, policy: Policy, now: () => Micros, record: RecordCheck): ModelSources {
  const tracer = createTracer(reader, policy);
  return {
    async check({ framework, from, to, asOf }) {
      const period = { from: microsOf(from), to: microsOf(to), asOf: asOf === undefined ? now() : microsOf(asOf) };
      const request = { framework, ...period };
      const result = await runCheck({ reader, policy }, request);
      await record(result, request);
      return result;
    },
    async trace(key, asOf) {
      try {
        return await tracer.trace(key, microsOf(asOf));
      } catch (error) {
        // An item may be in no chain at all (that can be the exception): then it has no page.
        if (error instanceof Problem && (error.code === 'not_found' || error.code === 'invalid_request'))
          return undefined;
        throw error;
      }
    },
  };
}

function microsOf(text: string): Micros {
  const stamp = parseStamp(text);
  if (!stamp)
    throw new Problem(
      'invalid_request',
      `"${text.slice(0, 40)}" is not a time with a zone, such as ${formatMicros(0)}`,
    );
  return stamp.at;
}
