import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import type { DrawnPlan } from './draws.ts';
import type { ReportJob } from './job-store.ts';
import type { ReportJobs } from './report-jobs.ts';
import { readReportBody } from './report-request.ts';

export interface ReportsApiDeps {
  readonly jobs: ReportJobs;
  /** Throws unless the Authorization header allows it; tells who it is. */
  readonly authorize: (
    authorization: string | undefined,
    permission: 'report',
  ) => Promise<{ readonly subject: string; readonly issuer: string }>;
  /** Told by whom samples are drawn anew, before they are; rejects if that cannot be kept. */
  readonly onRedraw?: (caller: { readonly subject: string; readonly issuer: string }, draw: DrawnPlan) => Promise<void>;
  /** The moment of a request, as text in UTC: the as-of where none is asked for. */
  readonly now: () => string;
}

/**
 * `POST /v1/reports` starts a report, `GET /v1/reports` lists them and how samples were drawn, `GET /v1/reports/{id}` tells how far one is,
 * `.../progress` tells it as it goes on (NDJSON), `DELETE` cancels it, `.../{file}` gives what it wrote.
 */
export function createReportsApi(deps: ReportsApiDeps): FastifyPluginAsync {
  const { jobs } = deps;
  return (app) => {
    app.addHook('onRequest', async (request) => void (await deps.authorize(request.headers.authorization, 'report')));
    app.post('/v1/reports', async (request, reply) => {
      const caller = await deps.authorize(request.headers.authorization, 'report');
      const asked = readReportBody(request.body, deps.now(), caller.subject);
      const job = await jobs.start(asked, (draw) => deps.onRedraw?.(caller, draw) ?? Promise.resolve());
      return reply.code(202).header('location', `/v1/reports/${job.id}`).send(job);
    });
    app.get('/v1/reports', () => Promise.resolve({ reports: jobs.list(), draws: jobs.draws() }));
    app.get<{ Params: { id: string } }>('/v1/reports/:id', (request) => Promise.resolve(jobs.get(request.params.id)));
    app.delete<{ Params: { id: string } }>('/v1/reports/:id', (request) => jobs.cancel(request.params.id));
    app.get<{ Params: { id: string } }>('/v1/reports/:id/progress', (request, reply) => {
      jobs.get(request.params.id);
      return reply.type('application/x-ndjson').send(Readable.from(tellProgress(jobs, request.params.id)));
    });
    app.get<{ Params: { id: string; file: string } }>('/v1/reports/:id/:file', (request, reply) => {
      const { path, file } = jobs.fileOf(request.params.id, request.params.file);
      return reply
        .type(file.name.endsWith('.zip') ? 'application/zip' : 'application/pdf')
        .header('content-length', file.bytes)
        .header('x-content-sha256', file.sha256)
        .header('content-disposition', `attachment; filename="${file.name}"`)
        .send(createReadStream(path));
    });
    return Promise.resolve();
  };
}

const EVERY_MS = 100;

/** `{"progress": {...}}` lines, at most ten a second, then `{"result": JOB}` or, if it failed, `{"problem": {...}}`. */
async function* tellProgress(jobs: ReportJobs, id: string): AsyncGenerator<string, void, undefined> {
  let last: ReportJob | undefined;
  let told = 0;
  for await (const job of jobs.watch(id)) {
    const isNew = last?.progress.stage !== job.progress.stage || Date.now() - told >= EVERY_MS;
    last = job;
    if ((job.status === 'waiting' || job.status === 'running') && isNew) {
      told = Date.now();
      yield `${JSON.stringify({ progress: { status: job.status, ...job.progress } })}\n`;
    }
  }
  if (last?.problem) yield `${JSON.stringify({ problem: last.problem })}\n`;
  else yield `${JSON.stringify({ result: last })}\n`;
}
