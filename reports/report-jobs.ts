import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../model/problem.ts';
import { refuseOverwriting } from './build-pack.ts';
import { openDraws } from './draws.ts';
import type { DrawnPlan } from './draws.ts';
import { openIssued } from './issued.ts';
import type { IssuedReports } from './issued.ts';
import { forgetJob, loadJobs, saveJob } from './job-store.ts';
import type { ReportFile, ReportJob } from './job-store.ts';
import { makeReport } from './make-report.ts';
import type { BuildJob } from './make-report.ts';
import type { ReportRequest } from './report-request.ts';

export interface ReportJobsDeps {
  /** Where jobs, their files and the issued reports are kept. */
  readonly folder: string;
  readonly build: BuildJob;
  /** Told what went wrong inside, for the log of the server. */
  readonly onFault?: (error: unknown) => void;
}

export interface ReportJobs {
  /**
   * Takes up what a stop interrupted. Called where there is a server: a command that opens the folder for a moment does
   * not begin somebody else's report.
   */
  resume(): void;
  /** Refused (`conflict`) where an issued report would be written over, or samples drawn anew without a reason. */
  start(request: ReportRequest, onRedraw?: (draw: DrawnPlan) => Promise<void>): Promise<ReportJob>;
  /** How the samples of each period were drawn, the oldest first. */
  draws(): readonly DrawnPlan[];
  get(id: string): ReportJob;
  /** The newest first. */
  list(): readonly ReportJob[];
  /** Ends a job that waits or runs; `conflict` if it has ended. */
  cancel(id: string): Promise<ReportJob>;
  /** The job each time something of it changed, the last time when it has ended. */
  watch(id: string): AsyncGenerator<ReportJob, void, undefined>;
  /** Path of a finished file; the name must be one of the job's own. */
  fileOf(id: string, name: string): { readonly path: string; readonly file: ReportFile };
  /** Resolves when no report is being made. */
  idle(): Promise<void>;
  /** Stops what runs without ending it: it is taken up again at the next start. */
  close(): Promise<void>;
}

const MAX_KEPT = 50;
const MAX_WAITING = 20;

/**
 * Makes reports one after the other: each holds a whole check in memory, so two at once would double the peak. Requests
 * are on the disk before they are answered; what a stop interrupted is made anew (`resume`), as of the same moment.
 * The newest fifty jobs are kept, issued reports for good.
 */
export async function createReportJobs(deps: ReportJobsDeps): Promise<ReportJobs> {
  await mkdir(deps.folder, { recursive: true, mode: 0o700 });
  const issued = await openIssued(join(deps.folder, 'issued'));
  const draws = await openDraws(deps.folder);
  const jobs = new Map((await loadJobs(deps.folder)).map((job) => [job.id, job]));
  const running = new Map<string, { control: AbortController; isFinal: boolean }>();
  const watchers = new Map<string, Set<() => void>>();
  const stopped = new AbortController();
  let queue: Promise<void> = Promise.resolve();

  const update = (id: string, change: Partial<ReportJob>): void => {
    const job = jobs.get(id);
    if (job) jobs.set(id, { ...job, ...change });
    for (const wake of watchers.get(id) ?? []) wake();
  };
  const get = (id: string): ReportJob => jobs.get(id) ?? unknownJob();
  const queued = new Set<string>();
  const enqueue = (id: string): void => {
    if (queued.has(id)) return;
    queued.add(id);
    queue = queue.then(async () => {
      queued.delete(id);
      if (stopped.signal.aborted || get(id).status !== 'waiting') return;
      const control = new AbortController();
      const run = { control, isFinal: false };
      running.set(id, run);
      const signal = AbortSignal.any([control.signal, stopped.signal]);
      const tell = { update: (part: Partial<ReportJob>) => update(id, part), finish: () => void (run.isFinal = true) };
      const outcome = await makeReport({ ...deps, ...tell, issued, job: get(id), signal });
      running.delete(id);
      // A stop leaves the job as it was on the disk, so that the next start takes it up.
      if (!outcome) return;
      // On the disk first: what somebody was told is still so after a crash.
      await saveJob(deps.folder, { ...get(id), ...outcome }).catch((error: unknown) => deps.onFault?.(error));
      update(id, outcome);
    });
  };
  return {
    get,
    list: () => [...jobs.values()].toReversed(),
    resume() {
      for (const job of jobs.values()) if (job.status === 'waiting') enqueue(job.id);
    },
    draws: () => draws.list(),
    async start(request, onRedraw) {
      if (queued.size >= MAX_WAITING)
        throw new Problem('too_many_requests', 'Too many reports are waiting. Try again when one is done.');
      refuseOverwriting(request, await issued.last(request));
      await draws.note(request, onRedraw);
      const job = newJob(request);
      await saveJob(deps.folder, job);
      jobs.set(job.id, job);
      await forgetOldest(jobs, deps.folder);
      enqueue(job.id);
      return job;
    },
    async cancel(id) {
      const run = running.get(id);
      refuseCancel(get(id), run?.isFinal === true);
      run?.control.abort(new Problem('conflict', 'The report was cancelled.'));
      update(id, { status: 'cancelled' });
      await saveJob(deps.folder, get(id));
      return get(id);
    },
    watch: (id) => watchJob(() => get(id), watchers, id, stopped.signal),
    fileOf: (id, name) => findFile(deps.folder, issued, get(id), name),
    idle: () => queue,
    async close() {
      stopped.abort(new Problem('unavailable', 'The server stops; the report goes on at its next start.'));
      await queue;
    },
  };
}

function findFile(
  folder: string,
  issued: IssuedReports,
  job: ReportJob,
  name: string,
): { readonly path: string; readonly file: ReportFile } {
  const file = job.files.find((entry) => entry.name === name);
  if (!file) throw new Problem('not_found', 'The report has no file of this name yet.');
  const isIssued = job.pack?.status === 'issued' && name.endsWith('.zip');
  return { path: isIssued ? issued.pathOf({ name: job.pack?.name ?? '' }) : join(folder, job.id, name), file };
}

function refuseCancel({ status }: ReportJob, isFinal: boolean): void {
  if (status !== 'waiting' && status !== 'running')
    throw new Problem('conflict', `The report has ended (${status}); there is nothing to cancel.`);
  if (isFinal) throw new Problem('conflict', 'The report is whole and is being put in its place.');
}

function unknownJob(): never {
  throw new Problem('not_found', 'There is no report of this id. The newest fifty are kept.');
}

function newJob(request: ReportRequest): ReportJob {
  const progress = { stage: 'waiting', done: 0, total: 0 };
  return {
    id: `rep_${randomUUID()}`,
    created_at: new Date().toISOString(),
    status: 'waiting',
    request,
    progress,
    files: [],
    results: [],
  };
}

const HEARTBEAT_MS = 10_000;

async function* watchJob(
  get: () => ReportJob,
  watchers: Map<string, Set<() => void>>,
  id: string,
  stopped: AbortSignal,
): AsyncGenerator<ReportJob, void, undefined> {
  const own = watchers.get(id) ?? new Set();
  watchers.set(id, own);
  let wake: () => void = () => undefined;
  const call = (): void => wake();
  own.add(call);
  stopped.addEventListener('abort', call);
  try {
    for (;;) {
      const job = get();
      const changed = new Promise<void>((resolve) => (wake = resolve));
      yield job;
      if ((job.status !== 'waiting' && job.status !== 'running') || stopped.aborted) return;
      if (get() !== job) continue;
      // A line now and then tells proxies and people that there is still somebody.
      const late = setTimeout(call, HEARTBEAT_MS);
      await changed;
      clearTimeout(late);
    }
  } finally {
    own.delete(call);
    stopped.removeEventListener('abort', call);
  }
}

async function forgetOldest(jobs: Map<string, ReportJob>, folder: string): Promise<void> {
  for (const [id, job] of jobs) {
    if (jobs.size <= MAX_KEPT) return;
    if (job.status === 'waiting' || job.status === 'running') continue;
    jobs.delete(id);
    await forgetJob(folder, id);
  }
}
