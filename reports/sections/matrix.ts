import type { TestResultName } from '../../model/control.ts';
import { drawText } from '../pdf/blocks.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { testPlace } from '../plan.ts';
import { linkCell, markSpans, quiet } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { RESULT_MARKS, excludedOf, formatCount, nounOf, percent } from '../wording.ts';
import { drawExceptionsOverTime } from './exceptions-chart.ts';
import { openSection } from './open-section.ts';

/** Section 3: every test with its result, the size of its population, its exceptions and what could not be decided. */
export async function drawMatrix(context: ReportContext): Promise<void> {
  const { sheet, model } = context;
  openSection(context, 'matrix');
  await drawCounts(context);
  if (model.tests.length === 0) {
    drawText(sheet, 'No test of the catalogue is mapped to this framework.');
    return;
  }
  await drawTable(sheet, {
    heading: { level: 2, text: 'Tests' },
    columns: [
      { title: 'Test', min: 34 },
      { title: 'Control test', min: 130 },
      { title: 'Result', min: 108 },
      { title: 'Population', min: 48, align: 'right' },
      { title: 'Exceptions', min: 48, align: 'right' },
      { title: 'Undetermined', min: 56, align: 'right' },
      { title: 'Excluded', min: 42, align: 'right' },
    ],
    rows: model.tests,
    cells: (test) => [
      linkCell(test.test, testPlace(model, test.test), `Section of test ${test.test}`),
      cell(test.title, quiet(`${test.key ? 'Key control, ' : ''}${test.nature}`)),
      cell(markSpans(RESULT_MARKS[test.result])),
      cell(formatCount(test.population.count)),
      cell(
        formatCount(test.exceptions),
        ...(test.exceptions > 0 ? [quiet(percent(test.exceptions, test.population.count))] : []),
      ),
      cell(formatCount(test.undetermined)),
      cell(formatCount(excludedOf(test))),
    ],
    expected: model.tests.length,
    size: 7.8,
  });
  await drawExceptionsOverTime(context);
}

async function drawCounts({ sheet, model }: ReportContext): Promise<void> {
  const names = Object.keys(RESULT_MARKS) as TestResultName[];
  const exceptions = model.tests.reduce((total, test) => total + test.exceptions, 0);
  const undetermined = model.tests.reduce((total, test) => total + test.undetermined, 0);
  drawText(
    sheet,
    `${nounOf(model.tests.length, 'test')} of the catalogue ${model.tests.length === 1 ? 'bears' : 'bear'} on this framework. Together they list ${nounOf(exceptions, 'exception')} and ${nounOf(undetermined, 'undetermined item')}.`,
  );
  await drawTable(sheet, {
    columns: [
      { title: 'Result', min: 120 },
      { title: 'Tests', min: 40, align: 'right' },
      { title: 'What it means', min: 220 },
    ],
    rows: names,
    cells: (name) => [
      cell(markSpans(RESULT_MARKS[name])),
      cell(formatCount(model.tests.filter((test) => test.result === name).length)),
      cell(MEANINGS[name]),
    ],
    expected: names.length,
    size: 7.8,
  });
}

const MEANINGS: Record<TestResultName, string> = {
  no_exceptions_noted: 'The population is not empty, every item was tested, and no attribute failed.',
  exceptions_noted: 'At least one item failed an attribute. Each is listed.',
  unable_to_conclude:
    'Items that the evidence does not decide, or a gap in a stream that the test reads, prevent a conclusion.',
  did_not_operate: 'The circumstance that calls for the control did not occur, so its operation was not tested.',
  not_in_scope: 'No source that the test reads is connected. Not evidenced by this system.',
};
