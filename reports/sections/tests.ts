import type { TestResult } from '../../model/control.ts';
import { drawCallout, drawHeading, drawText } from '../pdf/blocks.ts';
import { breathe, newPage } from '../pdf/page.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { itemsOf, testPlace, testTitle } from '../plan.ts';
import { code, drawFacts } from '../report-context.ts';
import type { Fact, ReportContext } from '../report-context.ts';
import { RESULT_MARKS, closed, formatCount, procedureSentence, resultSentences, sourceSentence } from '../wording.ts';
import { drawDispositions } from './dispositions.ts';
import { drawItems } from './items.ts';
import { drawLifetimes } from './lifetimes-chart.ts';
import { openSection } from './open-section.ts';
import { drawIpe, drawSample } from './samples.ts';

/** Section 5: each test on pages of its own: control, procedure, population, result, and every item that did not pass. */
export async function drawTests(context: ReportContext): Promise<void> {
  const { sheet, model } = context;
  openSection(context, 'tests');
  drawText(
    sheet,
    'One section for each test: the control as management describes it, what was done, the population and its hash, the result, and every item that did not simply pass. The method and its rules stand in section 7.',
  );
  for (const [i, test] of model.tests.entries()) {
    if (i > 0) newPage(sheet);
    await drawTest(context, test);
    await breathe(sheet);
  }
}

async function drawTest(context: ReportContext, test: TestResult): Promise<void> {
  const { sheet, model } = context;
  const mark = RESULT_MARKS[test.result];
  drawHeading(sheet, 2, testTitle(test), { destination: testPlace(model, test.test), bookmark: testTitle(test) });
  drawCallout(sheet, mark.tone, `${mark.sign} ${mark.word}`, resultSentences(test));
  await drawFacts(sheet, [
    ['Control', closed(test.control)],
    ['Kind', `${test.key ? 'Key control; ' : ''}${test.nature}; test version ${test.version}`],
    ['Test performed', procedureSentence(test, model)],
    [
      'Population',
      `${formatCount(test.population.count)}: ${test.population.definition}`,
      sourceSentence(test.population.source),
      [{ text: 'SHA-256 ' }, ...code(test.population.sha256)],
    ],
    ['Weakest link accepted', test.minimum_link],
    ...namedCounts('Parameters', test.parameters),
    ...namedCounts('Strata', test.strata),
    ...namedCounts('Exclusions', test.excluded),
    ...gapFacts(test),
    ['Shows', closed(test.proves)],
    ['Does not show', closed(test.does_not_prove)],
    ['Requirements', requirementsOf(test, model.framework)],
  ]);
  await drawIpe(context, test);
  await drawAttributes(context, test);
  if (test.test === 'T-08') await drawLifetimes(context);
  await drawItems(context, test, 'exception');
  await drawDispositions(context, test);
  await drawItems(context, test, 'undetermined');
  if (itemsOf(test, 'excluded').length > 0) await drawItems(context, test, 'excluded');
  await drawSample(context, test);
}

/** What is missing in the streams of a test; what people explained of it apart, with their words and names. */
function gapFacts({ gaps, explained_gaps: explained = [] }: TestResult): readonly (readonly [string, ...string[]])[] {
  const name = explained.length === 0 ? 'Gaps in its streams' : 'Unexplained gaps in its streams';
  return [
    [name, ...(gaps.length === 0 ? ['none known'] : gaps.map(closed))],
    ...(explained.length === 0 ? [] : [['Explained gaps', ...explained.map(closed)] as const]),
  ];
}

async function drawAttributes({ sheet }: ReportContext, test: TestResult): Promise<void> {
  const codes = test.attributes.map((attribute) => attribute.code);
  const others = [...new Set(test.items.flatMap((item) => (item.verdict === 'excluded' ? [] : (item.attribute ?? []))))]
    .filter((name) => !codes.includes(name))
    .toSorted();
  const rows = [
    ...test.attributes,
    ...others.map((name) => ({ code: name, text: 'A finer reason that an attribute above gave for its answer' })),
  ];
  if (rows.length === 0) return;
  const count = (name: string, verdict: string): string =>
    formatCount(test.items.filter((item) => item.attribute === name && item.verdict === verdict).length);
  await drawTable(sheet, {
    heading: { level: 3, text: 'Attributes' },
    columns: [
      { title: 'Code', min: 70, max: 130, face: 'mono' },
      { title: 'Attribute: all must hold', min: 180 },
      { title: 'Exceptions', min: 52, align: 'right' },
      { title: 'Undetermined', min: 60, align: 'right' },
    ],
    rows,
    cells: (row) => [
      cell(row.code),
      cell(closed(row.text)),
      cell(count(row.code, 'exception')),
      cell(count(row.code, 'undetermined')),
    ],
    expected: rows.length,
  });
}

function namedCounts(name: string, values: Readonly<Record<string, string | number>>): readonly Fact[] {
  const entries = Object.entries(values);
  if (entries.length === 0) return [];
  return [
    [
      name,
      ...entries.map(([key, value]) => [
        ...code(key),
        { text: `: ${typeof value === 'number' ? formatCount(value) : value}` },
      ]),
    ],
  ];
}

function requirementsOf(test: TestResult, framework: string): string {
  const own = test.mappings.filter((mapping) => mapping.framework === framework);
  const list = (role: 'P' | 's'): string =>
    own
      .filter((mapping) => mapping.role === role)
      .map((mapping) => mapping.requirement)
      .join(', ');
  const parts = [list('P') && `bears on ${list('P')}`, list('s') && `supports ${list('s')}`].filter(
    (part) => part !== '',
  );
  return parts.length === 0 ? 'none of this framework' : parts.join('; ');
}
