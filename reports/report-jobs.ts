import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportModel, TestResultName } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import type { CheckRequest } from './build-model.ts';
import { renderReport } from './render-report.ts';

/** How far a report is, and what came of it. */
export interface ReportJob {
  readonly id: string;
  readonly status: 'waiting' | 'running' | 'done' | 'failed';
  readonly request: CheckRequest;
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number };
  readonly files: readonly ReportFile[];
  /** Results by test, once they are known: what a person wants to see first. */
  readonly results: readonly {
    readonly test: string;
    readonly title: string;
    readonly result: TestResultName;
    readonly exceptions: number;
    readonly undetermined: number;
  }[];
  /** Why it failed, in words for the caller. */
  readonly problem?: { readonly code: string; readonly detail: string };
}

export interface ReportFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly pages: number;
}

export interface ReportJobsDeps {
  /** Where the files are kept until they are fetched; emptied at start. */
  readonly folder: string;
  readonly build: (request: CheckRequest, onProgress: (done: number, total: number) => void) => Promise<ReportModel>;
}

export interface ReportJobs {
  start(request: CheckRequest): ReportJob;
  get(id: string): ReportJob;
  /** Path of a finished file; the name must be one of the job's own. */
  fileOf(id: string, name: string): { readonly path: string; readonly file: ReportFile };
  /** Resolves when no report is being made. */
  idle(): Promise<void>;
}

const MAX_KEPT = 50;
const MAX_WAITING = 20;

/**
 * Makes reports one after the other: each holds a whole population in memory, so two at once would double the peak.
 * The newest fifty are kept; older ones are removed with their files.
 */
export async function createReportJobs(deps: ReportJobsDeps): Promise<ReportJobs> {
  await rm(deps.folder, { recursive: true, force: true });
  await mkdir(deps.folder, { recursive: true, mode: 0o700 });
  const jobs = new Map<string, ReportJob>();
  let queue: Promise<void> = Promise.resolve();
  const update = (id: string, change: Partial<ReportJob>): void => {
    const job = jobs.get(id);
    if (job) jobs.set(id, { ...job, ...change });
  };
  const get = (id: string): ReportJob => {
    const job = jobs.get(id);
    if (!job)
      throw new Problem('not_found', 'There is no report of this id; reports are kept until the server restarts.');
    return job;
  };
  return {
    get,
    start(request) {
      const waiting = [...jobs.values()].filter((job) => job.status === 'waiting').length;
      if (waiting >= MAX_WAITING)
        throw new Problem('too_many_requests', 'Too many reports are waiting. Try again when one is done.');
      const job: ReportJob = {
        id: `rep_${randomUUID()}`,
        status: 'waiting',
        request,
        progress: { stage: 'waiting', done: 0, total: 0 },
        files: [],
        results: [],
      };
      jobs.set(job.id, job);
      forgetOldest(jobs, deps.folder);
      queue = queue.then(() => makeReport(deps, job, (change) => update(job.id, change)));
      return job;
    },
    fileOf(id, name) {
      const file = get(id).files.find((entry) => entry.name === name);
      if (!file) throw new Problem('not_found', 'The report has no file of this name yet.');
      return { path: join(deps.folder, id, file.name), file };
    },
    idle: () => queue,
  };
}

async function makeReport(
  deps: ReportJobsDeps,
  job: ReportJob,
  update: (change: Partial<ReportJob>) => void,
): Promise<void> {
  try {
    update({ status: 'running', progress: { stage: 'testing', done: 0, total: 0 } });
    const model = await deps.build(job.request, (done, total) =>
      update({ progress: { stage: 'tracing exceptions', done, total } }),
    );
    const results = model.tests.map(({ test, title, result, exceptions, undetermined }) => ({
      test,
      title,
      result,
      exceptions,
      undetermined,
    }));
    update({ progress: { stage: 'writing', done: 0, total: 0 }, results });
    const folder = join(deps.folder, job.id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const name = fileNameOf(model);
    const rendered = await renderReport(model, join(folder, name));
    update({ status: 'done', progress: { stage: 'done', done: 1, total: 1 }, files: [{ name, ...rendered }] });
  } catch (error) {
    const known =
      error instanceof Problem
        ? { code: error.code, detail: error.message }
        : { code: 'internal', detail: 'The report could not be made; the log of this server says why.' };
    update({ status: 'failed', problem: known });
  }
}

/** A name that says what is in it and is the same for the same report: custody-soc2-2026-07-01-2026-10-01.pdf. */
function fileNameOf(model: ReportModel): string {
  return `custody-${model.framework}-${model.from.slice(0, 10)}-${model.to.slice(0, 10)}.pdf`;
}

function forgetOldest(jobs: Map<string, ReportJob>, folder: string): void {
  for (const [id, job] of jobs) {
    if (jobs.size <= MAX_KEPT) return;
    if (job.status === 'waiting' || job.status === 'running') continue;
    jobs.delete(id);
    // A folder that cannot be removed now is removed at the next start.
    rm(join(folder, id), { recursive: true, force: true }).catch(() => undefined);
  }
}
