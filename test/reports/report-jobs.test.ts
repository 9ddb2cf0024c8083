import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';

import { Problem } from '../../model/problem.ts';
import { buildPack } from '../../reports/build-pack.ts';
import type { ReportJob } from '../../reports/job-store.ts';
import type { BuildJob } from '../../reports/make-report.ts';
import { createReportJobs } from '../../reports/report-jobs.ts';
import type { ReportJobs } from '../../reports/report-jobs.ts';
import { readReportBody } from '../../reports/report-request.ts';
import type { ReportRequest } from '../../reports/report-request.ts';
import { openZip } from '../../reports/pack/read-zip.ts';
import { makePackModel } from '../support/pack-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = await tempFolder('custody-jobs-');
afterAll(folder.remove);
// Whole packs are written here, some of them several to a test.
vi.setConfig({ testTimeout: 180_000 });
let places = 0;
const place = (): string => join(folder.path, `jobs-${++places}`);

const PERIOD = { framework: 'soc2', from: '2026-04-01T00:00:00Z', to: '2026-07-01T00:00:00Z' };
const request = (more: object = {}): ReportRequest =>
  readReportBody({ ...PERIOD, ...more }, '2026-07-08T06:00:00.000000Z', 'auditor');

/** Builds from the hand-made model, with the real code that versions and compares. `hold` waits until it is let go. */
function builder(options: { passes?: number; hold?: Promise<void>; seen?: ReportRequest[] } = {}): BuildJob {
  return async (asked, issued, onProgress, signal) => {
    options.seen?.push(asked);
    onProgress('testing', 0, 0);
    const stop = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error)),
    );
    await Promise.race([options.hold ?? Promise.resolve(), stop]);
    const { report, populations, ledger, signer } = makePackModel({
      passes: options.passes ?? 4,
      tests: ['T-01', 'T-02'],
    });
    const { chains, framework: _f, organisation: _o, figures, ...check } = report;
    if (figures === undefined) expect.unreachable();
    const chainOf = (key: string) => chains.find((entry) => entry.item === key)?.chain;
    return buildPack(
      {
        check: () => Promise.resolve({ check: { ...check, as_of: asked.asOf }, populations, figures }),
        trace: (key) => Promise.resolve(chainOf(key)),
        ledger: () => Promise.resolve(ledger),
        signer: () => Promise.resolve(signer),
      },
      asked,
      { organisation: 'Northwind', version: '0.1.0', issued, onProgress, signal },
    );
  };
}

async function ended(jobs: ReportJobs, id: string): Promise<ReportJob> {
  let last: ReportJob | undefined;
  for await (const job of jobs.watch(id)) last = job;
  return last ?? expect.unreachable();
}

test('a draft: progress to its end, an archive and a PDF that are what they say, the results in numbers', async () => {
  const jobs = await createReportJobs({ folder: place(), build: builder() });
  const { id } = await jobs.start(request());
  const stages: string[] = [];
  let job: ReportJob | undefined;
  for await (const state of jobs.watch(id)) {
    stages.push(state.progress.stage);
    job = state;
  }
  expect(job).toMatchObject({
    status: 'done',
    pack: { name: 'custody-soc2-2026-04-01-2026-07-01-draft', status: 'draft' },
  });
  expect(['waiting', 'testing']).toContain(stages.at(0));
  expect(stages).toEqual(expect.arrayContaining(['pdf', 'zip', 'done']));
  expect(job?.results.find((one) => one.test === 'T-01')).toMatchObject({
    result: 'exceptions_noted',
    exceptions: 2,
    undetermined: 4,
  });
  for (const file of job?.files ?? []) {
    const bytes = readFileSync(jobs.fileOf(id, file.name).path);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256);
    expect(bytes.length).toBe(file.bytes);
  }
  expect(() => jobs.fileOf(id, '../job.json')).toThrow('no file of this name');
  expect(() => jobs.get('rep_none')).toThrow('no report of this id');
});

test('an issued report is never written again: another is refused, a supplement names it and says what changed', async () => {
  const where = place();
  const jobs = await createReportJobs({ folder: where, build: builder() });
  const first = await ended(jobs, (await jobs.start(request({ issue: true }))).id);
  expect(first).toMatchObject({
    status: 'done',
    pack: { name: expect.stringMatching(/-v1$/) as string, status: 'issued' },
  });
  const before = readFileSync(jobs.fileOf(first.id, first.files[0]?.name ?? '').path);
  await expect(jobs.start(request({ issue: true }))).rejects.toThrow(
    /-v1 was issued as of .* is not written again.*--supplement/,
  );
  await expect(jobs.start(request({ issue: true, supplement: 'x', from: '2026-05-01T00:00:00Z' }))).rejects.toThrow(
    'no issued report',
  );
  // A draft of the same period is no harm, and the period is compared as moments, not as text.
  await expect(jobs.start(request({ issue: true, from: '2026-04-01T02:00:00+02:00' }))).rejects.toThrow('was issued');
  await jobs.close();

  const later = await createReportJobs({ folder: where, build: builder({ passes: 5 }) });
  const second = await ended(
    later,
    (await later.start(request({ issue: true, supplement: 'late CloudTrail files', sampling: { phrase: 'anew' } }))).id,
  );
  expect(second).toMatchObject({ status: 'done', pack: { name: expect.stringMatching(/-v2$/) as string } });
  const zip = await openZip(later.fileOf(second.id, second.files[0]?.name ?? '').path);
  const text = async (name: string): Promise<string> => {
    const entry = zip.entries.find((one) => one.name.endsWith(name)) ?? expect.unreachable();
    let all = '';
    for await (const chunk of await zip.read(entry)) all += String(chunk);
    return all;
  };
  const supplement = JSON.parse(await text('governance/supplement.json')) as { changes: string[] };
  expect(supplement).toMatchObject({
    version: '1',
    manifest_sha256: first.pack?.manifest_sha256,
    reason: 'late CloudTrail files',
  });
  expect(supplement.changes).toContain(
    'T-02: no_exceptions_noted, 0 exceptions, 0 undetermined, 4 items -> no_exceptions_noted, 0 exceptions, 0 undetermined, 5 items',
  );
  // Drawn with another seed than before: the reason stands beside the sample.
  expect(JSON.parse(await text('T-02/sample.json'))).toMatchObject({ seed: 'anew', reason: 'late CloudTrail files' });
  zip.close();
  expect(readFileSync(later.fileOf(first.id, first.files[0]?.name ?? '').path).equals(before)).toBe(true);
  await later.close();
});

test('a crash between the issue and the word of it: the report is not made again, and its job is told done', async () => {
  const where = place();
  const jobs = await createReportJobs({ folder: where, build: builder() });
  const job = await ended(jobs, (await jobs.start(request({ issue: true }))).id);
  await jobs.close();
  // As the disk was before the job was told done.
  const waiting = { ...job, status: 'running', files: [], pack: undefined };
  await writeFile(join(where, job.id, 'job.json'), JSON.stringify(waiting));
  const again = await createReportJobs({
    folder: where,
    build: () => Promise.reject(new Error('must not be made again')),
  });
  again.resume();
  const end = await ended(again, job.id);
  expect(end).toMatchObject({ status: 'done', pack: job.pack, files: job.files });
  expect(existsSync(again.fileOf(job.id, end.files[0]?.name ?? '').path)).toBe(true);
  await again.close();
});

test('two requests to issue the same: one is issued, the other fails and says why', async () => {
  const jobs = await createReportJobs({ folder: place(), build: builder() });
  const [one, two] = await Promise.all([jobs.start(request({ issue: true })), jobs.start(request({ issue: true }))]);
  // Which of two at the same moment is the first is for the disk to say.
  const [done, failed] = [await ended(jobs, one.id), await ended(jobs, two.id)].toSorted((a) =>
    a.status === 'done' ? -1 : 1,
  );
  expect(done?.status).toBe('done');
  expect(failed).toMatchObject({
    status: 'failed',
    problem: { code: 'conflict', detail: expect.stringContaining('not written again') as string },
  });
});

test('cancelled: waiting or running, nothing is left, the next goes on; what has ended cannot be cancelled', async () => {
  const where = place();
  let letGo: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => (letGo = resolve));
  const jobs = await createReportJobs({ folder: where, build: builder({ hold }) });
  const running = await jobs.start(request());
  const waiting = await jobs.start(request());
  const last = await jobs.start(request());
  for await (const job of jobs.watch(running.id)) if (job.status === 'running') break;
  expect(await jobs.cancel(waiting.id)).toMatchObject({ status: 'cancelled' });
  expect(await jobs.cancel(running.id)).toMatchObject({ status: 'cancelled' });
  letGo();
  expect((await ended(jobs, last.id)).status).toBe('done');
  expect([running, waiting].map(({ id }) => jobs.get(id).status)).toEqual(['cancelled', 'cancelled']);
  for (const { id } of [running, waiting]) expect(readdirSync(join(where, id))).toEqual(['job.json']);
  await expect(jobs.cancel(last.id)).rejects.toThrow('has ended (done)');
  await jobs.idle();
});

test('a stop in the middle: the next start makes the report as of the same moment, and keeps what was done', async () => {
  const where = place();
  const seen: ReportRequest[] = [];
  const jobs = await createReportJobs({ folder: where, build: builder({ hold: new Promise(() => undefined), seen }) });
  const { id } = await jobs.start(request());
  const behind = await jobs.start(request({ framework: 'iso27001' }));
  for await (const job of jobs.watch(id)) if (job.status === 'running') break;
  await jobs.close();
  // A folder of a request that was never answered, as a crash leaves it.
  await mkdir(join(where, 'rep_00000000-0000-4000-8000-000000000000'));
  await writeFile(join(where, 'rep_00000000-0000-4000-8000-000000000000', 'job.json.x.part'), '{');

  const again = await createReportJobs({ folder: where, build: builder({ seen }) });
  expect(
    again
      .list()
      .map((job) => job.id)
      .toSorted(),
  ).toEqual([id, behind.id].toSorted());
  again.resume();
  expect((await ended(again, id)).status).toBe('done');
  expect((await ended(again, behind.id)).status).toBe('done');
  expect(seen[0]).toEqual(seen[1]);
  // Signature and all, it is what a report is that nothing interrupted.
  const calm = await createReportJobs({ folder: place(), build: builder() });
  expect((await ended(calm, (await calm.start(request())).id)).files).toEqual(again.get(id).files);
  await calm.close();
  expect(existsSync(join(where, 'rep_00000000-0000-4000-8000-000000000000'))).toBe(false);
  await again.close();
  const third = await createReportJobs({
    folder: where,
    build: () => Promise.reject(new Problem('internal', 'not asked')),
  });
  expect(third.get(id).status).toBe('done');
  expect(existsSync(third.fileOf(id, third.get(id).files[0]?.name ?? '').path)).toBe(true);
  await third.close();
});

test('what goes wrong inside stays inside, a Problem is told', async () => {
  const secret = await createReportJobs({
    folder: place(),
    build: () => Promise.reject(new Error('password=hunter2')),
  });
  const job = await ended(secret, (await secret.start(request())).id);
  expect(job).toMatchObject({ status: 'failed', problem: { code: 'internal' } });
  expect(JSON.stringify(job)).not.toContain('hunter2');
});

test('a body that is wrong is refused with each field', () => {
  const read = (body: object): unknown => readReportBody({ ...PERIOD, ...body }, 'now', 'x');
  expect(() => read({ from: 'yesterday' })).toThrow(/from: must be a time/);
  expect(() => read({ from: PERIOD.to })).toThrow('from must be before to');
  expect(() => read({ supplement: 'why' })).toThrow('set issue');
  expect(() => read({ sampling: { sizes: { 'T-1': 5 } } })).toThrow(/sampling\.sizes/);
  expect(() =>
    read({ sampling: { risk: 'none', attributes: { confidence: 90, tolerable: 0.1, deviations: 0 } } }),
  ).toThrow(/risk.*confidence/);
  expect(() => read({ out: '/etc' })).toThrow(/out/);
  expect(read({})).toMatchObject({ asOf: 'now', issue: false, sampling: { risk: 'low', sizes: {}, picks: [] } });
});
