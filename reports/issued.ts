import { link, mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../model/canonical-json.ts';
import type { FrameworkId, SupplementTo, TestResult } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import { nounOf } from './wording.ts';
import type { ReportJob } from './job-store.ts';
import type { SamplingPlan } from './pack/pack-model.ts';
import type { ReportRequest } from './report-request.ts';

/** What is kept of an issued report for good, beside its archive. */
export interface IssuedReport {
  readonly framework: FrameworkId;
  readonly from: string;
  readonly to: string;
  readonly version: string;
  readonly as_of: string;
  readonly name: string;
  readonly manifest_sha256: string;
  /** The job that made it, and what that job then told. */
  readonly job: string;
  readonly pack: NonNullable<ReportJob['pack']>;
  readonly files: ReportJob['files'];
  readonly operator: string;
  readonly sampling: SamplingPlan;
  readonly results: readonly Pick<TestResult, 'test' | 'result' | 'exceptions' | 'undetermined'>[];
  readonly populations: Readonly<Record<string, number>>;
}

/** The register of issued reports: a folder in which nothing is ever written over. */
export interface IssuedReports {
  /** The last one that was issued for the framework and period; undefined if none was. */
  last(request: Pick<ReportRequest, 'framework' | 'from' | 'to'>): Promise<IssuedReport | undefined>;
  /** Takes an archive into the register; `conflict` if this version is there already. */
  add(report: IssuedReport, zip: string): Promise<void>;
  /** Path of the archive of a report. */
  pathOf(report: Pick<IssuedReport, 'name'>): string;
}

/** Opens the register in a folder; it is made if it is not there. */
export async function openIssued(folder: string): Promise<IssuedReports> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pathOf = ({ name }: Pick<IssuedReport, 'name'>): string => join(folder, `${name}.zip`);
  const readAll = async (): Promise<readonly IssuedReport[]> => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    return Promise.all(
      names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as IssuedReport),
    );
  };
  return {
    pathOf,
    async last({ framework, from, to }) {
      const same = (await readAll()).filter(
        (one) => one.framework === framework && sameMoment(one.from, from) && sameMoment(one.to, to),
      );
      return same.toSorted((a, b) => Number(a.version) - Number(b.version)).at(-1);
    },
    async add(report, zip) {
      const record = join(folder, `${report.name}.json`);
      const draft = `${record}.part`;
      const file = await open(draft, 'w', 0o600);
      await file.writeFile(canonicalJson(report));
      await file.sync();
      await file.close();
      // An archive without a record is one whose issue was cut off before it was told to anybody: it is made again.
      await rename(zip, pathOf(report));
      await link(draft, record).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw alreadyIssued(report);
        throw error;
      });
      await rm(draft);
    },
  };
}

/** Refused: an issued report stays as it is. Says how to go on. */
export function alreadyIssued(report: Pick<IssuedReport, 'version' | 'as_of' | 'manifest_sha256' | 'name'>): Problem {
  return new Problem(
    'conflict',
    `${report.name} was issued as of ${report.as_of} (manifest SHA-256 ${report.manifest_sha256}) and is not written again. To add what has changed since, issue a supplement with its reason: --supplement REASON (supplement).`,
  );
}

/** How a new report stands to the one that was issued: which tests say something else since. */
export function supplementTo(before: IssuedReport, reason: string, tests: readonly TestResult[]): SupplementTo {
  const old = new Map(before.results.map((one) => [one.test, one]));
  const tell = (one: Pick<TestResult, 'result' | 'exceptions' | 'undetermined'>, items: number | undefined): string =>
    `${one.result}, ${nounOf(one.exceptions, 'exception')}, ${one.undetermined} undetermined, ${nounOf(items ?? 0, 'item')}`;
  const changes = tests.flatMap((test) => {
    const then = old.get(test.test);
    const now = tell(test, test.population.count);
    old.delete(test.test);
    const was = then === undefined ? 'not part of it' : tell(then, before.populations[test.test]);
    return was === now ? [] : [`${test.test}: ${was} -> ${now}`];
  });
  const gone = [...old.keys()].map((test) => `${test}: no longer part of it`);
  return {
    version: before.version,
    as_of: before.as_of,
    manifest_sha256: before.manifest_sha256,
    reason,
    changes: [...changes, ...gone],
  };
}

function sameMoment(a: string, b: string): boolean {
  return Date.parse(a) === Date.parse(b);
}
