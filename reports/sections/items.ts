import type { TestItem, TestResult } from '../../model/control.ts';
import { drawHeading, drawText } from '../pdf/blocks.ts';
import type { Rich } from '../pdf/plain-layout.ts';
import { cell, drawTable } from '../pdf/table.ts';
import type { Cell } from '../pdf/table.ts';
import { itemsOf } from '../plan.ts';
import { code, linkCell, quiet } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { stateText } from '../../query/dispositions/exceptions-text.ts';
import { VERDICT_WORDS, bareTime, closed, formatCount, nounOf } from '../wording.ts';

/** The most rows of one list in a PDF: beyond it a reader needs the attached file, and so does the writer (controls.md 5.2). */
export const MAX_LISTED = 20_000;
/** From so many items on, one reason is told once for all of them. */
const SHARED_FROM = 10;
/** Evidence and aliases shown for one item. */
const MAX_NAMED = 12;

/** The items of a test with one verdict as a table; each exception leads to the page of its chain. */
export async function drawItems(
  context: ReportContext,
  test: TestResult,
  verdict: 'exception' | 'undetermined' | 'excluded',
): Promise<void> {
  const { sheet } = context;
  const items = itemsOf(test, verdict);
  const words = VERDICT_WORDS[verdict];
  const heading = { level: 3, text: `${words.heading} (${formatCount(items.length)})` } as const;
  if (items.length === 0) {
    drawHeading(sheet, heading.level, heading.text);
    drawText(sheet, words.none);
    return;
  }
  // Each exception is a case of its own. What many share a reason for is told once: the files of the pack list every item.
  const lines = verdict === 'exception' ? items.map((item) => [item] as const) : gather(items);
  const listed = lines.slice(0, MAX_LISTED);
  await drawTable(sheet, {
    heading,
    columns: [
      { title: 'Item', min: 118, max: 150, face: 'mono' },
      { title: 'When (UTC)', min: 58, max: 76 },
      { title: 'Finding', min: 120 },
      { title: 'Evidence', min: 100, max: 132, face: 'mono' },
      ...(verdict === 'exception' ? [{ title: 'Chain', min: 30 }] : []),
    ],
    rows: listed,
    cells: ([item, ...more]) =>
      more.length > 0
        ? sharedCells(item, more)
        : [
            cell(item.item, ...namedList(item.aliases, 'also '), ...idOf(context, test, item)),
            cell(bareTime(item.at)),
            cell(...findingOf(item), ...saidOf(context, test, item)),
            cell(...(item.evidence.length === 0 ? ['none'] : namedList(item.evidence, ''))),
            ...(verdict === 'exception' ? [chainCell(context, test, item)] : []),
          ],
    expected: listed.length,
  });
  if (listed.length < lines.length)
    drawText(
      sheet,
      `The first ${nounOf(listed.length, 'line')} are shown; all ${formatCount(items.length)} stand in the attached file check-result.json.`,
    );
}

function idOf({ said }: ReportContext, test: TestResult, item: TestItem): readonly Rich[] {
  return item.verdict === 'exception' ? [quiet(`exception ${said(test.test, item).exception_id}`)] : [];
}

/** What management said, in one line below the fact; the acts themselves stand in the table that follows. */
function saidOf({ said }: ReportContext, test: TestResult, item: TestItem): readonly Rich[] {
  const dispositions = item.verdict === 'exception' ? said(test.test, item).dispositions : undefined;
  return dispositions ? [[{ text: closed(stateText(dispositions)), face: 'bold' }]] : [];
}

type Line = readonly [TestItem, ...TestItem[]];

/** Items in their order; those of one reason, where they are many, together in the place of the first. */
function gather(items: readonly TestItem[]): readonly Line[] {
  const groups = new Map<string, [TestItem, ...TestItem[]]>();
  for (const item of items) {
    const reason = `${item.attribute ?? ''} ${item.finding}`;
    const held = groups.get(reason);
    if (held) held.push(item);
    else groups.set(reason, [item]);
  }
  return [...groups.values()].flatMap((group): readonly Line[] =>
    group.length >= SHARED_FROM ? [group] : group.map((item): Line => [item]),
  );
}

function sharedCells(item: TestItem, more: readonly TestItem[]): readonly Cell[] {
  const { stratum, ...bare } = item;
  const own = stratum !== undefined && more.every((other) => other.stratum === stratum) ? { stratum } : {};
  const times = [item, ...more].map(({ at }) => at).toSorted();
  return [
    cell(item.item, quiet(`and ${nounOf(more.length, 'more item')}`)),
    cell(bareTime(times[0] ?? item.at), quiet('to'), bareTime(times.at(-1) ?? item.at)),
    cell(...findingOf({ ...bare, ...own, finding: `${closed(item.finding)} The same holds for ${formatCount(more.length)} more.` })),
    cell(quiet('each item in check-result.json and in the population of the pack')),
  ];
} // prettier-ignore

function findingOf(item: TestItem): readonly Rich[] {
  const head = item.attribute === undefined ? [] : [[{ text: item.attribute, face: 'mono' as const }]];
  const stratum = item.stratum === undefined ? [] : [quiet(`stratum: ${item.stratum}`)];
  return [...head, closed(item.finding), ...stratum];
}

function namedList(names: readonly string[], before: string): readonly Rich[] {
  const shown = names
    .slice(0, MAX_NAMED)
    .map((name): Rich => (before === '' ? name : [...quiet(before), ...code(name)]));
  return names.length > MAX_NAMED
    ? [...shown, quiet(`and ${formatCount(names.length - MAX_NAMED)} more in the attached file`)]
    : shown;
}

function chainCell({ plan }: ReportContext, test: TestResult, item: TestItem): Cell {
  const page = plan.chainPageOf(test.test, item.item);
  return page ? linkCell(page.label, page.destination, `Chain ${page.label}`) : cell(quiet('not shown'));
}
