import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FrameworkId } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import type { ReportFile, ReportJob } from '../reports/job-store.ts';
import type { Manifest } from '../reports/pack/manifest.ts';
import { readJson, readLines } from './api.ts';
import type { Api } from './api.ts';
import type { CommandContext } from './command.ts';
import { countOf, createProgress } from './progress.ts';

export interface WrittenReport {
  readonly framework: FrameworkId;
  readonly status: 'draft' | 'issued';
  /** The folder of the pack, its archive and its PDF. */
  readonly folder: string;
  readonly zip: string;
  readonly path: string;
  readonly pages: number;
  readonly files: number;
  readonly zip_sha256: string;
  readonly manifest_sha256: string;
  readonly results: ReportJob['results'];
}

/** Body of `POST /v1/reports`. */
export type ReportBody = Readonly<Record<string, unknown>> & { readonly framework: FrameworkId };

interface ProgressLine {
  readonly progress?: ReportJob['progress'];
  readonly result?: ReportJob;
}

/**
 * Has one report made and brings its pack into a folder: `<name>.zip` and `<name>/`. Both appear whole or not at all, and
 * only if the hash fits. A pack of an issued report that is there already is never written over (`conflict`).
 */
export async function writeReport(
  api: Api,
  body: ReportBody,
  folder: string,
  context: CommandContext,
): Promise<WrittenReport> {
  const label = `report ${body.framework}`;
  const progress = createProgress(context, label);
  const started = await readJson<ReportJob>(
    await api.send('POST', '/v1/reports', { body: JSON.stringify(body), type: 'application/json' }),
  );
  const job = await follow(api, started.id, (state) =>
    progress.update(state.done, state.total === 0 ? undefined : state.total, state.stage),
  );
  const [zip, pdf] = job.files;
  const { pack } = job;
  if (job.status === 'cancelled') throw new Problem('unavailable', `the ${body.framework} report was cancelled`);
  if (!pack || !zip || !pdf) throw new Problem('unavailable', `the ${body.framework} report wrote no file`);
  await refuseOverwriting(folder, pack.name, pack.manifest_sha256);
  await mkdir(folder, { recursive: true });
  const path = join(folder, zip.name);
  await fetchFile(api, job.id, zip, path);
  const { unpackPack } = await import('../reports/pack/unpack.ts');
  const target = await unpackPack(path, folder, pack.name);
  progress.finish(`${target}, ${countOf(pack.files, 'file')}, ${countOf(pdf.pages ?? 0, 'page')}`);
  return {
    framework: body.framework,
    status: pack.status,
    folder: target,
    zip: path,
    path: join(target, 'report.pdf'),
    pages: pdf.pages ?? 0,
    files: pack.files,
    zip_sha256: zip.sha256,
    manifest_sha256: pack.manifest_sha256,
    results: job.results,
  };
}

async function follow(api: Api, id: string, see: (state: ReportJob['progress']) => void): Promise<ReportJob> {
  for await (const line of readLines<ProgressLine>(await api.send('GET', `/v1/reports/${id}/progress`))) {
    if (line.progress) see(line.progress);
    if (line.result && line.result.status !== 'waiting' && line.result.status !== 'running') return line.result;
  }
  throw new Problem(
    'unavailable',
    `the server went away before the report was done. It goes on when the server is up again: GET /v1/reports/${id}`,
  );
}

/** What was issued stays: another pack under its name is refused before anything is fetched. */
async function refuseOverwriting(folder: string, name: string, manifestSha256: string): Promise<void> {
  const there = await readFile(join(folder, name, 'manifest.json')).catch(() => undefined);
  if (!there || createHash('sha256').update(there).digest('hex') === manifestSha256) return;
  const { status } = JSON.parse(there.toString('utf8')) as Manifest;
  if (status === 'issued')
    throw new Problem(
      'conflict',
      `${join(folder, name)} holds an issued report with other content and is not written over. Name another folder with --out.`,
    );
}

async function fetchFile(api: Api, id: string, file: ReportFile, path: string): Promise<void> {
  const answer = await api.send('GET', `/v1/reports/${id}/${file.name}`);
  if (answer.status !== 200) await readJson(answer);
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const partial = `${path}.partial`;
  await pipeline(answer.body, hashed, createWriteStream(partial));
  if (hash.digest('hex') !== file.sha256) {
    await rm(partial, { force: true });
    throw new Problem('unavailable', 'the pack did not arrive whole; run the command again');
  }
  await rename(partial, path);
}
