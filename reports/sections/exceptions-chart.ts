import type { ReportModel } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { DAY_US, dayOf, parseStamp } from '../../model/time.ts';
import { drawHeading, drawText } from '../pdf/blocks.ts';
import { drawChart } from '../pdf/chart.ts';
import type { Fonts } from '../pdf/fonts.ts';
import { buildScene, drawDayAxis } from '../pdf/scene.ts';
import type { Scene } from '../pdf/scene.ts';
import { COLORS, CONTENT_WIDTH } from '../pdf/style.ts';
import { cell, drawTable } from '../pdf/table.ts';
import type { ReportContext } from '../report-context.ts';
import { compactCount, formatCount, groupOf, nounOf } from '../wording.ts';

/** Exceptions of the groups of tests over the period, in stretches of equal length. */
export interface ExceptionsOverTime {
  /** Days of a stretch. */
  readonly step: number;
  /** The first day of each stretch. */
  readonly starts: readonly string[];
  readonly groups: readonly { readonly name: string; readonly counts: readonly number[]; readonly total: number; readonly outside: number }[]; // prettier-ignore
  readonly total: number;
}

const HEADING = { level: 2, text: 'Exceptions over time' } as const;
const MOST_STRETCHES = 31;
const STEPS = [1, 7, 28, 91, 364] as const;
const LEFT = 92;
const TOTAL = 40;
const LANE = 34;
const BAR = 20;

/** Counts by the moment that an item names. Those outside the period, or of no readable moment, are counted apart. */
export function exceptionsOverTime(model: ReportModel): ExceptionsOverTime {
  const [from = 0, to = 0] = [parseStamp(model.from)?.at, parseStamp(model.to)?.at];
  const first = Math.floor(from / DAY_US);
  const days = Math.max(1, Math.ceil(to / DAY_US) - first);
  const step = STEPS.find((width) => days <= width * MOST_STRETCHES) ?? Math.ceil(days / MOST_STRETCHES);
  const starts = Array.from({ length: Math.ceil(days / step) }, (_, i) => dayOf((first + i * step) * DAY_US));
  const groups = new Map<number, { name: string; counts: number[]; total: number; outside: number }>();
  for (const test of model.tests) {
    const { name, place } = groupOf(test.test);
    const group = groups.get(place) ?? { name, counts: starts.map(() => 0), total: 0, outside: 0 };
    groups.set(place, group);
    for (const { verdict, at } of test.items) {
      if (verdict !== 'exception') continue;
      const moment = parseStamp(at)?.at;
      group.total += 1;
      if (moment === undefined || moment < from || moment >= to) group.outside += 1;
      else {
        const stretch = Math.floor((Math.floor(moment / DAY_US) - first) / step);
        group.counts[stretch] = (group.counts[stretch] ?? 0) + 1;
      }
    }
  }
  const shown = [...groups].toSorted(([a], [b]) => a - b).map(([, group]) => group);
  return { step, starts, groups: shown, total: shown.reduce((sum, { total }) => sum + total, 0) };
}

/** A chart and its table; a sentence where there is no exception. Throws `internal` if it would show another number than the tests tell. */
export async function drawExceptionsOverTime({ sheet, model }: ReportContext): Promise<void> {
  const data = exceptionsOverTime(model);
  const told = model.tests.reduce((sum, test) => sum + test.exceptions, 0);
  if (data.total !== told)
    throw new Problem('internal', `the chart of exceptions counts ${data.total} where the tests tell ${told}`);
  if (data.total === 0) {
    drawHeading(sheet, HEADING.level, HEADING.text);
    drawText(sheet, 'No test lists an exception, so there is nothing to draw over time.');
    return;
  }
  const key = `Each bar is the number of exceptions of ${stepWords(data.step)}, by the moment that each item names; one scale for all groups of tests. An item that is an exception of several tests counts for each of them.`;
  drawChart(sheet, { heading: HEADING, key, scene: exceptionsScene(sheet.fonts, data), alt: exceptionsAlt(data) });
  await drawTable(sheet, {
    columns: [
      { title: data.step === 1 ? 'Day (UTC)' : 'From day (UTC)', min: 58 },
      ...data.groups.map(({ name }) => ({ title: name, min: 40, align: 'right' as const })),
      { title: 'Together', min: 44, align: 'right' },
    ],
    rows: exceptionRows(data),
    cells: ([name, ...counts]) => [cell(name), ...counts.map((count) => cell(formatCount(count)))],
    expected: data.starts.length + (hasOutside(data) ? 2 : 1),
  });
}

/** The rows of the table: one a stretch, what lies outside the period where there is any, and the sum. */
export function exceptionRows(data: ExceptionsOverTime): readonly (readonly [string, ...number[]])[] {
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  const row = (name: string, counts: readonly number[]): readonly [string, ...number[]] => [
    name,
    ...counts,
    sum(counts),
  ];
  return [
    ...data.starts.map((start, i) => row(start, data.groups.map(({ counts }) => counts[i] ?? 0))),
    ...(hasOutside(data) ? [row('Outside the period', data.groups.map(({ outside }) => outside))] : []),
    row('All', data.groups.map(({ total }) => total)),
  ]; // prettier-ignore
}

/** A lane a group; a bar a stretch with its number above it, so that no reader has to measure. */
export function exceptionsScene(fonts: Fonts, data: ExceptionsOverTime): Scene {
  const draft = buildScene(fonts, CONTENT_WIDTH);
  const width = CONTENT_WIDTH - LEFT - TOTAL;
  const cellWidth = width / data.starts.length;
  const size = cellWidth < 18 ? 5.2 : 6.4;
  const most = Math.max(1, ...data.groups.flatMap(({ counts }) => counts));
  draft.label('All', { x: LEFT + width + 4, y: 0, width: TOTAL - 4 }, { align: 'right', color: COLORS.muted });
  for (const [i, { name, counts, total }] of data.groups.entries()) {
    const base = 10 + (i + 1) * LANE - 4;
    draft.label(name, { x: 0, y: base - 12, width: LEFT - 6 }, { size: 7.4, face: 'bold' });
    draft.label(formatCount(total), { x: LEFT + width + 4, y: base - 12, width: TOTAL - 4 }, { size: 7.4, align: 'right' });
    draft.line([LEFT, base], [LEFT + width, base], { color: COLORS.faint });
    for (const [place, count] of counts.entries()) {
      if (count === 0) continue;
      const [x, height] = [LEFT + place * cellWidth, Math.max(1.2, (count / most) * BAR)];
      const bar = Math.min(16, cellWidth * 0.7);
      draft.paint({ x: x + (cellWidth - bar) / 2, y: base - height, width: bar, height });
      draft.label(compactCount(count), { x, y: base - height - size * 1.42, width: cellWidth }, { size, align: 'middle' });
    }
  } // prettier-ignore
  const foot = 10 + data.groups.length * LANE;
  drawDayAxis(draft, data.starts, { left: LEFT, step: cellWidth, right: CONTENT_WIDTH, y: foot });
  return draft.scene(foot + 11);
}

/** What the figure says, in words. */
export function exceptionsAlt(data: ExceptionsOverTime): string {
  const groups = data.groups.map(({ name, counts, total, outside }) => {
    if (total === 0) return `${name}: none`;
    const most = Math.max(...counts);
    const peak = most === 0 ? '' : `, most from ${data.starts[counts.indexOf(most)]}: ${formatCount(most)}`;
    return `${name}: ${formatCount(total)}${peak}${outside === 0 ? '' : `, ${formatCount(outside)} outside the period`}`;
  });
  return `Bar chart of ${nounOf(data.total, 'exception')} by ${stepWords(data.step)}, from ${data.starts[0]}. ${groups.join('. ')}. The table below has every number.`;
}

function hasOutside(data: ExceptionsOverTime): boolean {
  return data.groups.some(({ outside }) => outside > 0);
}

function stepWords(step: number): string {
  return step === 1 ? 'one day' : step === 7 ? 'one week' : `${step} days`;
}
