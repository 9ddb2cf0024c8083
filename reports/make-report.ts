import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportModel } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import type { IssuedReport, IssuedReports } from './issued.ts';
import type { ReportJob } from './job-store.ts';
import type { PackModel } from './pack/pack-model.ts';
import { writePack } from './pack/write-pack.ts';
import type { WrittenPack } from './pack/write-pack.ts';
import type { ReportRequest } from './report-request.ts';

/** Makes the model of a request; `issued` is what was issued for its period before. */
export type BuildJob = (
  request: ReportRequest,
  issued: IssuedReport | undefined,
  onProgress: (stage: string, done: number, total: number) => void,
  signal: AbortSignal,
) => Promise<PackModel>;

export interface Making {
  readonly folder: string;
  readonly build: BuildJob;
  readonly onFault?: (error: unknown) => void;
  readonly issued: IssuedReports;
  readonly job: ReportJob;
  readonly signal: AbortSignal;
  readonly update: (change: Partial<ReportJob>) => void;
  /** Told when the files are whole: from then on the report cannot be cancelled. */
  readonly finish: () => void;
}

/**
 * Makes one report from its request to its files, and gives what the job then is; undefined where it was stopped. Never
 * throws: what went wrong stands in the job. A report that was issued before its job could be told so is not made again.
 */
export async function makeReport(making: Making): Promise<Partial<ReportJob> | undefined> {
  const { folder, job, signal, update, issued } = making;
  const work = join(folder, job.id, 'work');
  try {
    update({ status: 'running', progress: { stage: 'testing', done: 0, total: 0 } });
    const onProgress = (stage: string, done: number, total: number): void =>
      update({ progress: { stage, done, total } });
    const before = await issued.last(job.request);
    if (before?.job === job.id) return doneWith(before.pack, before.files);
    const model = await making.build(job.request, before, onProgress, signal);
    update({ results: resultsOf(model.report) });
    const pack = await writePack(model, work, { onProgress, signal });
    signal.throwIfAborted();
    making.finish();
    const state = {
      name: pack.name,
      status: model.report.status ?? ('draft' as const),
      manifest_sha256: pack.manifest_sha256,
      files: pack.files,
    };
    const files = [
      { name: `${pack.name}.zip`, bytes: pack.zip.bytes, sha256: pack.zip.sha256 },
      { name: `${pack.name}.pdf`, ...pack.pdf },
    ];
    await keep(making, model, pack, { job: job.id, pack: state, files });
    return doneWith(state, files);
  } catch (error) {
    if (!(error instanceof Problem)) making.onFault?.(error);
    // Who cancelled has said so already, and a stop leaves the job to the next start.
    return signal.aborted ? undefined : { status: 'failed', problem: told(error) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The archive and the PDF stay; the folder of the pack is in the archive. */
async function keep(
  { folder, job, issued }: Making,
  model: PackModel,
  pack: WrittenPack,
  outcome: Pick<IssuedReport, 'job' | 'pack' | 'files'>,
): Promise<void> {
  const place = join(folder, job.id);
  await rename(join(pack.folder, 'report.pdf'), join(place, `${pack.name}.pdf`));
  const { report, sampling } = model;
  if (report.status !== 'issued') {
    await rename(pack.zip.path, join(place, `${pack.name}.zip`));
    return;
  }
  await issued.add(
    {
      framework: report.framework,
      from: report.from,
      to: report.to,
      version: report.version ?? '1',
      as_of: report.as_of,
      name: pack.name,
      manifest_sha256: pack.manifest_sha256,
      ...outcome,
      operator: job.request.operator,
      sampling,
      results: report.tests.map(({ test, result, exceptions, undetermined }) => ({
        test,
        result,
        exceptions,
        undetermined,
      })),
      populations: Object.fromEntries(report.tests.map((test) => [test.test, test.population.count])),
    },
    pack.zip.path,
  );
}

function doneWith(pack: NonNullable<ReportJob['pack']>, files: ReportJob['files']): Partial<ReportJob> {
  return { status: 'done', progress: { stage: 'done', done: 1, total: 1 }, pack, files };
}

function resultsOf(report: ReportModel): ReportJob['results'] {
  return report.tests.map(({ test, title, result, population, exceptions, undetermined }) => ({
    test,
    title,
    result,
    population: population.count,
    exceptions,
    undetermined,
  }));
}

function told(error: unknown): { code: string; detail: string } {
  if (error instanceof Problem) return { code: error.code, detail: error.message };
  return { code: 'internal', detail: 'The report could not be made; the log of this server says why.' };
}
