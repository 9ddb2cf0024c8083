import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson } from '../api.ts';
import type { Api } from '../api.ts';
import {
  formatOption,
  frameworkOption,
  periodOption,
  refuseArguments,
  requiredOption,
  timeOption,
} from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import { createProgress } from '../progress.ts';
import { FRAMEWORK_IDS } from '../../query/frameworks/registry.ts';
import type { FrameworkId } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import type { ReportFile, ReportJob } from '../../reports/report-jobs.ts';

export interface WrittenReport {
  readonly framework: FrameworkId;
  readonly path: string;
  readonly pages: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly results: ReportJob['results'];
}

export const reportCommand: Command = {
  name: 'report',
  summary: 'write the results of a period as PDF',
  help: `
Usage: custody report --framework soc2|iso27001|all --from TIME --to TIME [--as-of TIME] --out DIR [options]

Runs the control tests and writes one PDF a framework: scope and sources with their completeness, the result matrix, each
test with its population, exceptions and undetermined items, and the chain behind each exception. The same log, policy
and --as-of give the same bytes. The exit code is 1 where exceptions are noted or a test cannot conclude.

  custody report --framework all --from 2026-07-01 --to 2026-10-01 --out out/`,
  options: {
    framework: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    'as-of': { type: 'string' },
    out: { type: 'string' },
  },
  describe: {
    framework: 'soc2, iso27001 or all',
    from: 'first moment of the period',
    to: 'first moment after the period',
    'as-of': 'what was known at this moment (default: now)',
    out: 'the folder to write to; it is made if it is not there',
  },
  async run(args, context) {
    refuseArguments(args, 'report');
    const framework = frameworkOption(args, FRAMEWORK_IDS, 'report');
    const frameworks = framework === 'all' ? FRAMEWORK_IDS : [framework];
    const folder = resolve(requiredOption(args, 'out', 'report'));
    const format = formatOption(args, ['text', 'json']);
    // One moment for all, so that reports made together say the same.
    const period = {
      ...periodOption(args, 'report'),
      as_of: timeOption(args, 'as-of') ?? new Date().toISOString(),
    };
    const api = await openApi(context, { reads: true });
    try {
      const written: WrittenReport[] = [];
      for (const one of frameworks) written.push(await writeReport(api, one, period, folder, context));
      await context.out(format === 'json' ? `${JSON.stringify({ reports: written })}\n` : reportText(written));
      return written.some((report) =>
        report.results.some((test) => test.exceptions + test.undetermined > 0 || test.result === 'unable_to_conclude'),
      )
        ? 1
        : 0;
    } finally {
      await api.close();
    }
  },
};

/** Makes one report and fetches its PDF into a folder. The file appears whole or not at all, and only if its hash fits. */
export async function writeReport(
  api: Api,
  framework: FrameworkId,
  period: { from: string; to: string; as_of: string },
  folder: string,
  context: CommandContext,
): Promise<WrittenReport> {
  const progress = createProgress(context, `report ${framework}`);
  let job = await readJson<ReportJob>(
    await api.send('POST', '/v1/reports', { body: JSON.stringify({ framework, ...period }), type: 'application/json' }),
  );
  while (job.status === 'waiting' || job.status === 'running') {
    progress.update(job.progress.done, job.progress.total === 0 ? undefined : job.progress.total, job.progress.stage);
    await sleep(100);
    job = await readJson<ReportJob>(await api.send('GET', `/v1/reports/${job.id}`));
  }
  const [file] = job.files;
  if (job.status === 'failed' || !file)
    throw new Problem(
      'unavailable',
      `the ${framework} report could not be made: ${job.problem?.detail ?? 'no file was written'}`,
    );
  await mkdir(folder, { recursive: true });
  const path = join(folder, file.name);
  await fetchFile(api, job.id, file, path);
  progress.finish(`${path}, ${file.pages} pages`);
  return { framework, path, pages: file.pages, bytes: file.bytes, sha256: file.sha256, results: job.results };
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
    throw new Problem('unavailable', 'the PDF did not arrive whole; run the command again');
  }
  await rename(partial, path);
}

/** For people: each file with its hash. */
export function reportText(written: readonly WrittenReport[]): string {
  return written
    .map((report) => `${report.path}\n  ${report.pages} pages, ${report.bytes} bytes, SHA-256 ${report.sha256}\n`)
    .join('');
}
