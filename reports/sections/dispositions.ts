import type { TestResult } from '../../model/control.ts';
import type { ExceptionDispositions, ShownDisposition } from '../../model/disposition.ts';
import { nameOf, saidText } from '../../query/dispositions/exceptions-text.ts';
import { drawText } from '../pdf/blocks.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { itemsOf } from '../plan.ts';
import { quiet } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { DISPOSITION_WORDS, bareTime, closed, formatCount, nounOf } from '../wording.ts';
import { MAX_LISTED } from './items.ts';

/**
 * What was said of the exceptions of a test, act by act in the order of the log: responses of management, classifications
 * with the second person, re-tests. An act without effect is shown too, with the reason. Nothing is drawn where nobody spoke.
 */
export async function drawDispositions(context: ReportContext, test: TestResult): Promise<void> {
  const { sheet, said } = context;
  const spoken = new Map<string, ExceptionDispositions>();
  for (const item of itemsOf(test, 'exception')) {
    const { exception_id: id, dispositions } = said(test.test, item);
    if (dispositions) spoken.set(id, dispositions);
  }
  const acts = [...spoken.values()].flatMap(({ exception, history }) => history.map((act) => ({ exception, act })));
  if (acts.length === 0) return;
  const listed = acts.slice(0, MAX_LISTED);
  await drawTable(sheet, {
    heading: { level: 3, text: `What was said of these exceptions (${formatCount(acts.length)})` },
    columns: [
      { title: 'Exception', min: 84, max: 104, face: 'mono' },
      { title: 'When (UTC)', min: 58, max: 76 },
      { title: 'Who', min: 80, max: 120 },
      { title: 'What', min: 180 },
    ],
    rows: listed,
    cells: ({ exception, act }) => [
      cell(exception),
      cell(bareTime(act.at)),
      cell(nameOf(act.by)),
      cell(
        [{ text: DISPOSITION_WORDS[act.disposition.kind], face: 'bold' }],
        closed(saidText(act.disposition)),
        ...effectOf(act),
      ),
    ],
    expected: listed.length,
  });
  if (listed.length < acts.length)
    drawText(
      sheet,
      `The first ${nounOf(listed.length, 'act')} are listed; all stand in the attached file check-result.json.`,
    );
  drawText(
    sheet,
    'These are the words of those who are named. They change no result: an exception stays what it was found to be.',
  );
}

function effectOf({ effect, why }: ShownDisposition): ReturnType<typeof quiet>[] {
  return effect === 'void' ? [quiet(`Without effect: ${why ?? ''}`)] : [];
}
