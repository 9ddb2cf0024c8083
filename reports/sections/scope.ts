import type { SourceState } from '../../model/control.ts';
import { standingText } from '../../query/gaps/gap-text.ts';
import { continuityLines, isOwnLog } from '../../query/sources-text.ts';
import { drawHeading, drawText } from '../pdf/blocks.ts';
import type { Rich } from '../pdf/plain-layout.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { code, markSpans, quiet } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { bareTime, closed, formatCount, nounOf, showTime } from '../wording.ts';
import { drawCoverage } from './coverage-chart.ts';
import { openSection } from './open-section.ts';

/** Section 2: which systems were read, what became of every record of theirs, and where their streams have gaps. */
export async function drawScope(context: ReportContext): Promise<void> {
  const { sheet, model } = context;
  openSection(context, 'scope');
  drawText(
    sheet,
    `In scope is what the sources below recorded, from ${showTime(model.from)} to ${showTime(model.to)} (end excluded), as received by ${showTime(model.as_of)}. Which environments are production, who may approve, and which accounts belong to which person is taken from the policy with the SHA-256 ${model.policy_sha256}.`,
  );
  const lost = model.sources.reduce((total, source) => total + Math.abs(unaccounted(source)), 0);
  const whole =
    lost === 0 ? 'None was dropped' : `${nounOf(lost, 'record')} of the table below cannot be accounted for`;
  drawText(
    sheet,
    `A record that arrives ends in exactly one way: accepted, a duplicate of one held, in conflict with one held (same identity, other content), or rejected for a named reason. ${whole}. All times are UTC.`,
  );
  await drawSources(context);
  await drawCoverage(context);
  await drawRejections(context);
  await drawContinuity(context);
  await drawGaps(context);
}

async function drawSources({ sheet, model }: ReportContext): Promise<void> {
  if (model.sources.length === 0) {
    drawHeading(sheet, 2, 'Sources and their records');
    drawText(sheet, 'No source is registered and none has sent anything. Nothing in this report rests on evidence.');
    return;
  }
  await drawTable(sheet, {
    heading: { level: 2, text: 'Sources and their records' },
    columns: [
      { title: 'Source', min: 96, max: 150 },
      { title: 'Records', min: 40, align: 'right' },
      { title: 'Accepted', min: 40, align: 'right' },
      { title: 'Duplicate', min: 38, align: 'right' },
      { title: 'Conflict', min: 38, align: 'right' },
      { title: 'Rejected', min: 38, align: 'right' },
      { title: 'Last event (UTC)', min: 62, max: 74 },
      { title: 'Last received (UTC)', min: 62, max: 74 },
      { title: 'Gaps', min: 26, align: 'right' },
    ],
    rows: model.sources,
    cells: (source) => [
      cell(
        [{ text: source.family, face: 'bold' }],
        code(source.instance),
        ...standingOf(source),
        quiet(`integrity: ${source.integrity}`),
      ),
      cell(formatCount(source.records), ...lossOf(source)),
      cell(formatCount(source.accepted)),
      cell(formatCount(source.duplicate)),
      cell(formatCount(source.conflict)),
      cell(formatCount(rejectedOf(source))),
      cell(source.last_occurred_at === undefined ? 'none' : bareTime(source.last_occurred_at)),
      cell(source.last_received_at === undefined ? 'never' : bareTime(source.last_received_at)),
      cell(formatCount(source.gaps.length)),
    ],
    expected: model.sources.length,
  });
}

async function drawRejections({ sheet, model }: ReportContext): Promise<void> {
  const rows = model.sources
    .flatMap((source) => Object.entries(source.rejected).map(([reason, count]) => ({ source, reason, count })))
    .filter((row) => row.count > 0);
  const heading = { level: 2, text: 'Rejected records by reason' } as const;
  if (rows.length === 0) {
    drawHeading(sheet, heading.level, heading.text);
    drawText(sheet, 'No record was rejected.');
    return;
  }
  await drawTable(sheet, {
    heading,
    columns: [
      { title: 'Source', min: 160 },
      { title: 'Reason', min: 140 },
      { title: 'Records', min: 50, align: 'right' },
    ],
    rows,
    cells: ({ source, reason, count }) => [
      cell([{ text: `${source.family} ` }, ...code(source.instance)]),
      cell(code(reason)),
      cell(formatCount(count)),
    ],
    expected: rows.length,
  });
}

/** What each source gives by which something missing would show, and what came of it. */
async function drawContinuity({ sheet, model }: ReportContext): Promise<void> {
  const rows = model.sources.flatMap((source) =>
    continuityLines(source.continuity ?? {}).map(([name, text]) => ({ source, name, text })),
  );
  if (rows.length === 0) return;
  await drawTable(sheet, {
    heading: { level: 2, text: 'Expected against received' },
    columns: [
      { title: 'Source', min: 120 },
      { title: 'By', min: 50 },
      { title: 'What came', min: 200 },
    ],
    rows,
    cells: ({ source, name, text }) => [
      cell([{ text: `${source.family} ` }, ...code(source.instance)]),
      cell(name),
      cell(closed(text)),
    ],
    expected: rows.length,
  });
}

async function drawGaps({ sheet, model }: ReportContext): Promise<void> {
  const rows = model.sources.flatMap((source) => source.gaps.map((gap) => ({ source, gap })));
  const heading = { level: 2, text: 'Gaps in the streams' } as const;
  if (rows.length === 0) {
    drawHeading(sheet, heading.level, heading.text);
    drawText(
      sheet,
      'No gap is known in any stream. Where a source gives no counter, no pace, no digests and no second pull, a gap could not be seen: the tables above say what each gives.',
    );
    return;
  }
  await drawTable(sheet, {
    heading,
    columns: [
      { title: 'Source', min: 120 },
      { title: 'From (UTC)', min: 80 },
      { title: 'To (UTC)', min: 80 },
      { title: 'What is known', min: 120 },
    ],
    rows,
    cells: ({ source, gap }) => [
      cell([{ text: `${source.family} ` }, ...code(source.instance)]),
      cell(bareTime(gap.from)),
      cell(bareTime(gap.to)),
      cell(closed(gap.reason), ...explainedLines(gap)),
    ],
    expected: rows.length,
  });
}

/** The words and names of those who explained a gap, below what is missing. */
function explainedLines({ standing }: SourceState['gaps'][number]): ReturnType<typeof quiet>[] {
  const said = standingText(standing);
  return said === undefined ? [] : [quiet(closed(said))];
}

/** Whether the policy knows the source. */
function standingOf(source: SourceState): readonly Rich[] {
  if (source.registered) return [];
  if (isOwnLog(source)) return [quiet('what Custody tells of itself')];
  return [markSpans({ sign: '?', word: 'not registered in the policy', tone: 'doubt' })];
}

function rejectedOf(source: SourceState): number {
  return Object.values(source.rejected).reduce((total, count) => total + count, 0);
}

/** How many records have no disposition; negative if there are more dispositions than records. */
function unaccounted(source: SourceState): number {
  return source.records - source.accepted - source.duplicate - source.conflict - rejectedOf(source);
}

function lossOf(source: SourceState): readonly Rich[] {
  const rest = unaccounted(source);
  return rest === 0
    ? []
    : [markSpans({ sign: '✗', word: `${formatCount(Math.abs(rest))} not accounted for`, tone: 'bad' })];
}
