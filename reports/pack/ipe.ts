import type { ReportModel, SourceState, TestResult } from '../../model/control.ts';
import { findTest } from '../../query/controls/catalogue.ts';
import type { PackOrigin, PopulationRow } from './pack-model.ts';

/**
 * "Information produced by the entity": what an auditor asks of a population before believing it (controls.md 3.2).
 * What this service cannot say is said to be so, not left out.
 */
export interface IpeBlock {
  readonly test: string;
  readonly source_systems: readonly {
    readonly family: string;
    readonly instance: string;
    readonly integrity: string;
    readonly records: number;
    readonly last_received_at: string;
    readonly gaps: number;
  }[];
  readonly produced_by: string;
  readonly query: string;
  readonly query_version: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly independence: 'independent' | 'own_records';
  readonly time_zone: 'UTC';
  readonly period: { readonly from: string; readonly to: string };
  readonly extracted_as_of: string;
  readonly extracted_for: string;
  readonly rows: number;
  readonly first_at: string;
  readonly last_at: string;
  readonly first_record: string;
  readonly last_record: string;
  readonly sha256: string;
  readonly stream_status: string;
  readonly reconciliation: string;
  readonly who_could_alter: string;
  readonly query_history: string;
}

export interface IpeReader {
  see(row: PopulationRow): void;
  done(): IpeBlock;
}

/** Collects the block of a test while its population passes by. */
export function startIpe(report: ReportModel, test: TestResult, origin: PackOrigin): IpeReader {
  let first: PopulationRow | undefined;
  let last: PopulationRow | undefined;
  let rows = 0;
  let firstAt = '';
  let lastAt = '';
  return {
    see(row) {
      rows += 1;
      first ??= row;
      last = row;
      if (firstAt === '' || row.at < firstAt) firstAt = row.at;
      if (row.at > lastAt) lastAt = row.at;
    },
    done: () => ({
      test: test.test,
      source_systems: sourcesOf(report, test).map((source) => ({
        family: source.family,
        instance: source.instance,
        integrity: source.integrity,
        records: source.records,
        last_received_at: source.last_received_at ?? 'never',
        gaps: source.gaps.length,
      })),
      produced_by: `Custody ${origin.version}`,
      query: test.population.definition,
      query_version: `${test.test} version ${test.version}; catalogue ${report.catalogue_version}`,
      parameters: test.parameters,
      independence: test.population.source,
      time_zone: 'UTC',
      period: { from: report.from, to: report.to },
      extracted_as_of: report.as_of,
      extracted_for: origin.operator,
      rows,
      first_at: firstAt || 'none',
      last_at: lastAt || 'none',
      first_record: first?.key ?? 'none',
      last_record: last?.key ?? 'none',
      sha256: test.population.sha256,
      stream_status: streamStatus(report, test),
      reconciliation: `${tellTest(report, 'T-25')}; ${tellTest(report, 'T-38')}`,
      who_could_alter: tellTest(report, 'T-37'),
      query_history: tellTest(report, 'T-40'),
    }),
  };
}

/** The sources whose events the test reads; all of them where the catalogue does not know the test. */
function sourcesOf(report: ReportModel, test: TestResult): readonly SourceState[] {
  const inputs: readonly string[] | undefined = findTest(test.test)?.inputs;
  return inputs === undefined ? report.sources : report.sources.filter((source) => inputs.includes(source.family));
}

function streamStatus(report: ReportModel, test: TestResult): string {
  const { gaps, explained_gaps: explained = [] } = test;
  const told = [...gaps, ...explained];
  const words = told.length === 0 ? 'no known gap in the streams of this test' : told.join('; ');
  return `${tellTest(report, 'T-31')}; ${words}`;
}

/** What another test of the same run found, or that it was not part of it. */
function tellTest(report: ReportModel, id: string): string {
  const found = report.tests.find((test) => test.test === id);
  return found ? `${id} (${found.title}): ${found.reason}` : `${id}: not part of this run`;
}
