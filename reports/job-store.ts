import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestResultName } from '../model/control.ts';
import type { ReportRequest } from './report-request.ts';

/** How far a report is, and what came of it. */
export interface ReportJob {
  readonly id: string;
  readonly created_at: string;
  readonly status: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly request: ReportRequest;
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number };
  /** The archive first, then the PDF by itself. */
  readonly files: readonly ReportFile[];
  /** What the pack is known by. */
  readonly pack?: {
    readonly name: string;
    readonly status: 'draft' | 'issued';
    readonly manifest_sha256: string;
    readonly files: number;
  };
  /** Results by test, once they are known: what a person wants to see first. */
  readonly results: readonly {
    readonly test: string;
    readonly title: string;
    readonly result: TestResultName;
    readonly population: number;
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
  /** Of the PDF. */
  readonly pages?: number;
}

/** Writes what is known of a job, beside its place and renamed, so that it is never half there. */
export async function saveJob(folder: string, job: ReportJob): Promise<void> {
  const place = join(folder, job.id);
  await mkdir(place, { recursive: true, mode: 0o700 });
  // Each writes a draft of its own: a job may be cancelled while it is being finished.
  const draft = join(place, `job.json.${randomUUID()}.part`);
  const file = await open(draft, 'w', 0o600);
  await file.writeFile(JSON.stringify(job));
  await file.sync();
  await file.close();
  await rename(draft, join(place, 'job.json'));
}

/**
 * The jobs of a folder, the oldest first. What was running waits again: it is made anew. Folders that hold no readable
 * job are removed: they were never answered.
 */
export async function loadJobs(folder: string): Promise<readonly ReportJob[]> {
  const names = (await readdir(folder)).filter((name) => /^rep_[0-9a-f-]{36}$/.test(name));
  const jobs: ReportJob[] = [];
  for (const name of names) {
    const job = await readFile(join(folder, name, 'job.json'), 'utf8').then(
      (text) => JSON.parse(text) as ReportJob,
      () => undefined,
    );
    if (!job) await forgetJob(folder, name);
    else if (job.status === 'running' || job.status === 'waiting')
      jobs.push({ ...job, status: 'waiting', progress: { stage: 'waiting', done: 0, total: 0 } });
    else jobs.push(job);
  }
  return jobs.toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1));
}

/** Removes a job with its files. What was issued stands elsewhere. */
export async function forgetJob(folder: string, id: string): Promise<void> {
  await rm(join(folder, id), { recursive: true, force: true });
}
