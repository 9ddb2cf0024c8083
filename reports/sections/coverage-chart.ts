import type { ReportModel, SourceState } from '../../model/control.ts';
import type { ReportFigures } from '../../model/report-figures.ts';
import { DAY_US, dayOf, parseStamp } from '../../model/time.ts';
import { drawHeading, drawText } from '../pdf/blocks.ts';
import { drawChart } from '../pdf/chart.ts';
import type { Fonts } from '../pdf/fonts.ts';
import { buildScene, drawDayAxis } from '../pdf/scene.ts';
import type { Box, Scene, SceneBuilder } from '../pdf/scene.ts';
import { COLORS, CONTENT_WIDTH } from '../pdf/style.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { code, quiet } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { formatCount, nounOf } from '../wording.ts';

/** A source as the chart shows it. */
export interface CoverageRow {
  readonly family: string;
  readonly instance: string;
  /** Accepted events and whether a known gap has a part in it, for each day. */
  readonly days: readonly { readonly events: number; readonly gap: boolean }[];
  /** By a count of the source's own; absent where it has none. */
  readonly expected?: { readonly received: number; readonly of: number; readonly by: string };
}
export interface Coverage {
  readonly firstDay: number;
  readonly rows: readonly CoverageRow[];
}

const HEADING = { level: 2, text: 'Coverage by source' } as const;
const MOST_ROWS = 24;
const MOST_CELLS = 92;
const MOST_RUNS = 6;
const LEFT = 138;
const RIGHT = 88;
const ROW = 23;
const CELL = 13;

/** What came of each source on each day, beside what it should have been where the source tells. */
export function coverageOf(model: ReportModel, figures: ReportFigures): Coverage {
  const firstDay = Math.floor((parseStamp(`${figures.first_day}T00:00:00Z`)?.at ?? 0) / DAY_US);
  const counted = new Map(figures.coverage.map((row) => [nameOf(row), row.events]));
  const rows = model.sources.map((source): CoverageRow => {
    const events = counted.get(nameOf(source));
    const gaps = source.gaps.flatMap(({ from, to }) => {
      const [start, end] = [parseStamp(from)?.at, parseStamp(to)?.at];
      return start === undefined || end === undefined ? [] : [{ start, end }];
    });
    const days = Array.from({ length: figures.days }, (_, i) => {
      const start = (firstDay + i) * DAY_US;
      return { events: events?.[i] ?? 0, gap: gaps.some((gap) => gap.start < start + DAY_US && gap.end > start) };
    });
    const expected = expectedOf(source);
    return { family: source.family, instance: source.instance, days, ...(expected === undefined ? {} : { expected }) };
  });
  return { firstDay, rows };
}

/** A chart and its table. Nothing where nobody counted the days, or no source is there. */
export async function drawCoverage({ sheet, model }: ReportContext): Promise<void> {
  const { figures } = model;
  if (figures === undefined || model.sources.length === 0) return;
  if (figures.days === 0) {
    drawHeading(sheet, HEADING.level, HEADING.text);
    drawText(sheet, 'No day of the period had begun by the as-of of this report, so no day can be shown.');
    return;
  }
  const coverage = coverageOf(model, figures);
  const step = stepOf(figures.days);
  const shown = Math.min(MOST_ROWS, coverage.rows.length);
  const key = `Each box is ${step === 1 ? 'a day' : `${step} days`} of the period: filled ${step === 1 ? 'where events happened on it' : 'as high as the share of its days with events'}, empty where none did, hatched and taller where a gap is known. At the right, what was received of what the source itself says there is.${shown < coverage.rows.length ? ` Drawn are the first ${shown} of ${coverage.rows.length} sources; the table lists all.` : ''}`;
  drawChart(sheet, { heading: HEADING, key, scene: coverageScene(sheet.fonts, coverage), alt: coverageAlt(coverage) });
  await drawTable(sheet, {
    columns: [
      { title: 'Source', min: 96, max: 150 },
      { title: 'Days with events', min: 44, align: 'right' },
      { title: 'Days without', min: 44, align: 'right' },
      { title: 'Which', min: 96 },
      { title: 'Days with a gap', min: 40, align: 'right' },
      { title: 'Received of expected', min: 74 },
    ],
    rows: coverage.rows,
    cells: (row) => [
      cell([{ text: `${row.family} ` }, ...code(row.instance)]),
      cell(formatCount(row.days.filter(({ events }) => events > 0).length)),
      cell(formatCount(row.days.filter(({ events }) => events === 0).length)),
      cell(silentDays(coverage, row)),
      cell(formatCount(row.days.filter(({ gap }) => gap).length)),
      row.expected === undefined
        ? cell('the source tells no count')
        : cell(`${formatCount(row.expected.received)} of ${formatCount(row.expected.of)}`, quiet(`by ${row.expected.by}`)),
    ],
    expected: model.sources.length,
  }); // prettier-ignore
}

/** A row a source: its name, its days, its count. */
export function coverageScene(fonts: Fonts, { firstDay, rows }: Coverage): Scene {
  const draft = buildScene(fonts, CONTENT_WIDTH);
  const shown = rows.slice(0, MOST_ROWS);
  const width = CONTENT_WIDTH - LEFT - RIGHT;
  const count = rows[0]?.days.length ?? 0;
  const step = stepOf(count);
  const cells = Math.ceil(count / step);
  const cellWidth = width / Math.max(1, cells);
  for (const [i, row] of shown.entries()) {
    const y = i * ROW + 2;
    draft.label(row.family, { x: 0, y: y - 2, width: LEFT - 6 }, { size: 7, face: 'bold' });
    draft.label(row.instance, { x: 0, y: y + 8, width: LEFT - 6 }, { size: 5.8, face: 'mono', color: COLORS.muted });
    drawDays(draft, row, { x: LEFT, y, width: cellWidth, height: CELL }, step);
    drawExpected(draft, row, y, LEFT + width + 8);
  }
  const foot = shown.length * ROW;
  const days = Array.from({ length: cells }, (_, place) => dayOf((firstDay + place * step) * DAY_US));
  drawDayAxis(draft, days, { left: LEFT, step: cellWidth, right: CONTENT_WIDTH - RIGHT / 2, y: foot + 1 });
  return draft.scene(foot + 12);
}

/** The boxes of a row; `first` is the place of the first. Narrow ones stand in one frame, or there would be more frame than box. */
function drawDays(draft: SceneBuilder, { days }: CoverageRow, first: Box, step: number): void {
  const cells = Math.ceil(days.length / step);
  const isNarrow = first.width < 6;
  const gaps: Box[] = [];
  for (let place = 0; place < cells; place += 1) {
    const some = days.slice(place * step, (place + 1) * step);
    const box = { ...first, x: first.x + place * first.width, width: first.width - (isNarrow ? 0 : 1) };
    const height = (first.height * some.filter(({ events }) => events > 0).length) / some.length;
    if (height > 0) draft.paint({ ...box, y: box.y + first.height - height, height }, COLORS.neutral);
    if (!isNarrow) draft.frame(box, { weight: 0.4, color: COLORS.muted });
    if (some.some(({ gap }) => gap)) gaps.push({ ...box, y: box.y - 2, height: box.height + 4 });
  }
  if (isNarrow) draft.frame({ ...first, width: first.width * cells }, { weight: 0.5, color: COLORS.muted });
  for (const box of gaps) {
    // White behind the strokes, so that they are seen on a filled box as on an empty one.
    draft.paint(box, [1, 1, 1]);
    draft.hatch(box);
    draft.frame(box, { weight: 0.7 });
  }
}

function drawExpected(draft: SceneBuilder, { expected }: CoverageRow, y: number, x: number): void {
  const width = RIGHT - 8;
  if (expected === undefined) {
    draft.label('tells no count', { x, y: y + 2, width }, { color: COLORS.muted });
    return;
  }
  const share = expected.of === 0 ? 0 : Math.min(1, expected.received / expected.of);
  draft.paint({ x, y: y + 9, width: width * share, height: 4 }, COLORS.neutral);
  draft.frame({ x, y: y + 9, width, height: 4 }, { weight: 0.4 });
  draft.label(`${formatCount(expected.received)} of ${formatCount(expected.of)}`, { x, y: y - 2, width });
}

/** What the figure says, in words. */
export function coverageAlt({ rows }: Coverage): string {
  const told = rows.slice(0, MOST_ROWS).map(({ family, instance, days, expected }) => {
    const active = days.filter(({ events }) => events > 0).length;
    const gaps = days.filter(({ gap }) => gap).length;
    const count = expected === undefined ? '' : `, ${formatCount(expected.received)} of ${formatCount(expected.of)} received`; // prettier-ignore
    return `${family} ${instance.slice(0, 80)}: events on ${active} of ${nounOf(days.length, 'day')}${gaps === 0 ? '' : `, a gap on ${gaps}`}${count}`;
  });
  return `Chart of the days of the period on which each source had events. ${told.join('. ')}. The table below has every number.`;
}

/** The days without events as runs, such as "2026-04-03 to 2026-04-05"; the longest list is cut and says so. */
export function silentDays({ firstDay }: Pick<Coverage, 'firstDay'>, { days }: CoverageRow): string {
  const runs: { from: number; to: number }[] = [];
  for (const [i, { events }] of days.entries()) {
    if (events > 0) continue;
    const last = runs.at(-1);
    if (last && last.to === i - 1) last.to = i;
    else runs.push({ from: i, to: i });
  }
  if (runs.length === 0) return 'none';
  const day = (i: number): string => dayOf((firstDay + i) * DAY_US);
  const told = runs.slice(0, MOST_RUNS).map(({ from, to }) => (from === to ? day(from) : `${day(from)} to ${day(to)}`));
  const rest = runs.length - told.length;
  return `${told.join(', ')}${rest > 0 ? `, and ${formatCount(rest)} more` : ''}`;
}

function stepOf(days: number): number {
  return Math.max(1, Math.ceil(days / MOST_CELLS));
}

function nameOf({ family, instance }: { readonly family: string; readonly instance: string }): string {
  return JSON.stringify([family, instance]);
}

function expectedOf({ continuity }: SourceState): CoverageRow['expected'] {
  if (continuity?.sequence) {
    const { received, missing } = continuity.sequence;
    return { received, of: received + missing, by: 'its own counter' };
  }
  if (!continuity?.reconciliation) return undefined;
  const { confirmed, missing } = continuity.reconciliation;
  return { received: confirmed, of: confirmed + missing, by: 'a second pull' };
}
