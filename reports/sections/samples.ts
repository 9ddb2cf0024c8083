import type { TestResult } from '../../model/control.ts';
import { drawHeading, drawText } from '../pdf/blocks.ts';
import { cell, drawTable } from '../pdf/table.ts';
import type { IpeBlock } from '../pack/ipe.ts';
import { code, drawFacts, quiet } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { bareTime, closed, formatCount, nounOf, showTime } from '../wording.ts';

/** Where a population came from and how it can be checked (controls.md 3.2); only in a pack. */
export async function drawIpe(context: ReportContext, test: TestResult): Promise<void> {
  const ipe = context.extras.get(test.test)?.ipe;
  if (!ipe) return;
  const { sheet } = context;
  drawHeading(sheet, 3, 'Where the population comes from');
  await drawFacts(sheet, [
    ['Source systems', ...sourcesOf(ipe)],
    ['Produced by', `${ipe.produced_by}, for ${ipe.extracted_for}, as of ${showTime(ipe.extracted_as_of)}`],
    ['Query', closed(ipe.query), code(ipe.query_version)],
    ['Rows', `${formatCount(ipe.rows)}, from ${showTime(ipe.first_at)} to ${showTime(ipe.last_at)}; time zone UTC`],
    ['First and last record', code(ipe.first_record), code(ipe.last_record)],
    ['Streams', closed(ipe.stream_status)],
    ['Reconciliation', closed(ipe.reconciliation)],
    ['Who could alter it', closed(ipe.who_could_alter)],
    ['History of the query', closed(ipe.query_history)],
  ]);
}

function sourcesOf(ipe: IpeBlock): readonly string[] {
  if (ipe.source_systems.length === 0) return ['None of the connected sources is read by this test.'];
  return ipe.source_systems.map(
    (source) =>
      `${source.family} ${source.instance}: ${nounOf(source.records, 'record')}, ${nounOf(source.gaps, 'gap')}, integrity ${source.integrity}`,
  );
}

/** The items drawn for a person to trace to their source documents, and how to draw them again; only in a pack. */
export async function drawSample(context: ReportContext, test: TestResult): Promise<void> {
  const sample = context.extras.get(test.test)?.sample;
  if (!sample) return;
  const { sheet } = context;
  const { items } = sample;
  drawHeading(sheet, 3, `Sample for inspection (${formatCount(items.length)})`);
  if (items.length === 0) {
    drawText(sheet, 'The population is empty; nothing was drawn.');
    return;
  }
  drawText(
    sheet,
    `The population of ${nounOf(test.population.count, 'item')} was tested; the sample is for tracing items to their source documents. Number of items: ${sample.basis}. One of each stratum first, then by rank. The worksheet is tests/${test.test}/worksheet.csv.`,
  );
  await drawFacts(sheet, [
    ['Seed', code(sample.seed), quiet(sample.seed_origin === 'phrase' ? 'the auditor’s phrase' : 'derived')],
    ['Rank', 'HMAC-SHA-256 of the canonical key under the seed; the smallest are drawn'],
    ...(sample.reason === undefined ? [] : [['Drawn again because', closed(sample.reason)] as const]),
  ]);
  await drawTable(sheet, {
    columns: [
      { title: 'No.', min: 26, align: 'right' },
      { title: 'Item', min: 170, face: 'mono' },
      { title: 'When (UTC)', min: 58, max: 76 },
      { title: 'Stratum', min: 60 },
      { title: 'Selection', min: 52 },
      { title: 'Verdict', min: 52 },
    ],
    rows: items,
    cells: ({ number, selection, row }) => [
      cell(formatCount(number)),
      cell(row.item),
      cell(bareTime(row.at)),
      cell(row.stratum ?? 'none'),
      cell(selection),
      cell(row.verdict),
    ],
    expected: items.length,
  });
}
