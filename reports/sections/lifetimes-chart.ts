import { LIFETIME_ENDS_S } from '../../model/report-figures.ts';
import type { Lifetimes } from '../../model/report-figures.ts';
import { drawChart } from '../pdf/chart.ts';
import type { Fonts } from '../pdf/fonts.ts';
import { buildScene } from '../pdf/scene.ts';
import type { Scene, SceneBuilder } from '../pdf/scene.ts';
import { COLORS, CONTENT_WIDTH } from '../pdf/style.ts';
import { cell, drawTable } from '../pdf/table.ts';
import type { ReportContext } from '../report-context.ts';
import { compactCount, formatCount, nounOf } from '../wording.ts';

const HEADING = { level: 3, text: 'How long credentials were issued for' } as const;
const CLASSES = LIFETIME_ENDS_S.length + 2;
const LEFT = 104;
const LANE = 58;
const BAR = 30;

/** The lives of the credentials of T-08 by environment, with the limit of each. Nothing where none was issued. */
export async function drawLifetimes({ sheet, model }: ReportContext): Promise<void> {
  const lives = model.figures?.lifetimes ?? [];
  if (lives.length === 0) return;
  const key =
    'Each bar is the number of credentials whose life, from the first issue to the end of the last renewal, lies in a class; each environment has its own scale. The dashed line is the limit of the policy; bars that lie beyond it as a whole are hatched.';
  drawChart(sheet, { heading: HEADING, key, scene: lifetimesScene(sheet.fonts, lives), alt: lifetimesAlt(lives) });
  await drawTable(sheet, {
    columns: [
      { title: 'Life', min: 84 },
      ...lives.map((one) => ({ title: environmentOf(one), min: 36, align: 'right' as const })),
    ],
    rows: lifetimeRows(lives),
    cells: ([name, ...values]) => [cell(name), ...values.map((value) => cell(value))],
    expected: CLASSES + 3,
  });
}

/** The rows of the table: one a class, all, those over the limit, the limit. */
export function lifetimeRows(lives: readonly Lifetimes[]): readonly (readonly [string, ...string[]])[] {
  return [
    ...Array.from({ length: CLASSES }, (_, i): readonly [string, ...string[]] => [
      rangeWords(i),
      ...lives.map(({ counts }) => formatCount(counts[i] ?? 0)),
    ]),
    ['All', ...lives.map(({ counts }) => formatCount(sum(counts)))],
    ['Over the limit', ...lives.map((one) => overWords(one))],
    ['Limit of the policy', ...lives.map(({ limit_s: limit }) => (limit === undefined ? 'none' : spanWords(limit)))],
  ];
}

/** A lane an environment, a bar a class. */
export function lifetimesScene(fonts: Fonts, lives: readonly Lifetimes[]): Scene {
  const draft = buildScene(fonts, CONTENT_WIDTH);
  const width = (CONTENT_WIDTH - LEFT) / CLASSES;
  for (const [i, one] of lives.entries()) {
    const base = (i + 1) * LANE - 4;
    const label = { x: 0, width: LEFT - 8 };
    draft.label(environmentOf(one), { ...label, y: base - 34 }, { size: 7.4, face: 'bold' });
    draft.label(nounOf(sum(one.counts), 'credential'), { ...label, y: base - 23 }, { color: COLORS.muted });
    draft.label(one.limit_s === undefined ? 'no limit applies for certain' : `${formatCount(one.over)} over the limit`, { ...label, y: base - 13 }, { color: COLORS.muted }); // prettier-ignore
    draft.line([LEFT, base], [CONTENT_WIDTH, base], { color: COLORS.faint });
    drawBars(draft, one, base, width);
    if (one.limit_s !== undefined) drawLimit(draft, one.limit_s, base, width);
  }
  const foot = lives.length * LANE - 3;
  for (let place = 0; place < CLASSES; place += 1)
    draft.label(classWords(place), { x: LEFT + place * width, y: foot, width: width - 1 }, { size: 5.8, align: 'middle', color: COLORS.muted }); // prettier-ignore
  return draft.scene(foot + 10);
}

function drawBars(draft: SceneBuilder, { counts, limit_s: limit }: Lifetimes, base: number, width: number): void {
  const most = Math.max(1, ...counts);
  for (const [place, count] of counts.entries()) {
    if (count === 0) continue;
    const height = Math.max(1.2, (count / most) * BAR);
    const box = { x: LEFT + place * width + width * 0.2, y: base - height, width: width * 0.6, height };
    // A class lies beyond the limit where its shortest life does; what states no end has none within it.
    const isBeyond = limit !== undefined && (place === CLASSES - 1 || (LIFETIME_ENDS_S[place - 1] ?? 0) >= limit);
    if (isBeyond) draft.hatch(box);
    else draft.paint(box);
    draft.frame(box, { weight: 0.5 });
    draft.label(compactCount(count), { x: box.x - width * 0.18, y: base - height - 8.6, width: width * 0.96 }, { size: 6, align: 'middle' }); // prettier-ignore
  }
}

function drawLimit(draft: SceneBuilder, limit: number, base: number, width: number): void {
  const x = LEFT + limitPlace(limit) * width;
  const top = base - LANE + 13;
  draft.line([x, top], [x, base], { weight: 0.9, dashed: true });
  const text = `limit ${spanWords(limit)}`;
  const room = 70;
  const isLeft = x + 3 + room > CONTENT_WIDTH;
  draft.label(text, { x: isLeft ? x - 3 - room : x + 3, y: top - 7, width: room }, { size: 6, face: 'bold', align: isLeft ? 'right' : 'left' }); // prettier-ignore
}

/** Where a limit stands on the axis, in classes from its left end: within a class in proportion. */
export function limitPlace(limit: number): number {
  const place = LIFETIME_ENDS_S.findIndex((end) => limit <= end);
  if (place === -1) return LIFETIME_ENDS_S.length + 0.5;
  const [low, high] = [LIFETIME_ENDS_S[place - 1] ?? 0, LIFETIME_ENDS_S[place] ?? 1];
  return place + (limit - low) / (high - low);
}

/** What the figure says, in words. */
export function lifetimesAlt(lives: readonly Lifetimes[]): string {
  const told = lives.map((one) => {
    const most = Math.max(...one.counts);
    const limit = one.limit_s === undefined ? 'no limit applies for certain' : `limit ${spanWords(one.limit_s)}, ${formatCount(one.over)} over it`; // prettier-ignore
    return `${environmentOf(one).slice(0, 80)}: ${nounOf(sum(one.counts), 'credential')}, ${limit}, most in the class ${rangeWords(one.counts.indexOf(most))}: ${formatCount(most)}`;
  });
  return `Histogram of the lives of credentials by environment. ${told.join('. ')}. The table below has every number.`;
}

function environmentOf({ environment }: Lifetimes): string {
  return environment ?? 'not classified';
}

function overWords({ limit_s: limit, over }: Lifetimes): string {
  return limit === undefined && over === 0 ? 'cannot be said' : formatCount(over);
}

function rangeWords(place: number): string {
  const [low, high] = [LIFETIME_ENDS_S[place - 1], LIFETIME_ENDS_S[place]];
  if (place === CLASSES - 1) return 'no stated end';
  if (high === undefined) return `longer than ${spanWords(low ?? 0)}`;
  return low === undefined ? `up to ${spanWords(high)}` : `over ${spanWords(low)}, up to ${spanWords(high)}`;
}

function classWords(place: number): string {
  if (place === CLASSES - 1) return 'no end';
  const high = LIFETIME_ENDS_S[place];
  return high === undefined ? `> ${spanWords(LIFETIME_ENDS_S[place - 1] ?? 0)}` : `≤ ${spanWords(high)}`;
}

/** Seconds in the largest unit that divides them: "15 min", "12 h", "7 d". */
function spanWords(seconds: number): string {
  const units = [[86_400, 'd'], [3_600, 'h'], [60, 'min']] as const; // prettier-ignore
  const [unit, name] = units.find(([length]) => seconds >= length && seconds % length === 0) ?? [1, 's'];
  return `${formatCount(seconds / unit)} ${name}`;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
