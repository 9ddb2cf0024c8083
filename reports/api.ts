import { createReadStream } from 'node:fs';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { FRAMEWORK_IDS } from '../query/frameworks/registry.ts';
import { Problem } from '../model/problem.ts';
import { parseStamp } from '../model/time.ts';
import type { ReportJobs } from './report-jobs.ts';

export interface ReportsApiDeps {
  readonly jobs: ReportJobs;
  /** Throws unless the Authorization header allows it. */
  readonly authorize: (authorization: string | undefined, permission: 'report') => Promise<unknown>;
}

const time = z.string().refine((text) => parseStamp(text) !== undefined, 'must be a time with a zone');
const requestSchema = z.strictObject({
  framework: z.enum(FRAMEWORK_IDS),
  from: time,
  to: time,
  as_of: time.optional(),
});

/** `POST /v1/reports` starts a report, `GET /v1/reports/{id}` tells how far it is, `.../{file}` gives what it wrote. */
export function createReportsApi(deps: ReportsApiDeps): FastifyPluginAsync {
  return (app) => {
    app.addHook('onRequest', async (request) => void (await deps.authorize(request.headers.authorization, 'report')));
    app.post('/v1/reports', (request, reply) => {
      const read = requestSchema.safeParse(request.body);
      if (!read.success)
        throw new Problem(
          'invalid_request',
          read.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '),
        );
      const { framework, from, to, as_of: asOf } = read.data;
      if (Date.parse(from) >= Date.parse(to)) throw new Problem('invalid_request', 'from must be before to');
      const job = deps.jobs.start({ framework, from, to, ...(asOf === undefined ? {} : { asOf }) });
      return reply.code(202).header('location', `/v1/reports/${job.id}`).send(job);
    });
    app.get<{ Params: { id: string } }>('/v1/reports/:id', (request) =>
      Promise.resolve(deps.jobs.get(request.params.id)),
    );
    app.get<{ Params: { id: string; file: string } }>('/v1/reports/:id/:file', (request, reply) => {
      const { path, file } = deps.jobs.fileOf(request.params.id, request.params.file);
      return reply
        .type('application/pdf')
        .header('content-length', file.bytes)
        .header('x-content-sha256', file.sha256)
        .header('content-disposition', `attachment; filename="${file.name}"`)
        .send(createReadStream(path));
    });
    return Promise.resolve();
  };
}
