import type { Fonts } from './fonts.ts';
import { layText, widthOf } from './plain-layout.ts';
import type { Line, TextStyle } from './plain-layout.ts';
import { COLORS, leading } from './style.ts';
import type { Color } from './style.ts';

/** A place in a figure, in points from its upper left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
export type Point = readonly [x: number, y: number];

/** What a figure is made of. Nothing of it depends on colour alone: fills, frames, hatching and dashes differ in grey too. */
export type Shape =
  | { readonly kind: 'fill' | 'hatch'; readonly box: Box; readonly color: Color }
  | { readonly kind: 'frame'; readonly box: Box; readonly color: Color; readonly weight: number; readonly dashed: boolean }
  | { readonly kind: 'line' | 'arrow'; readonly from: Point; readonly to: Point; readonly color: Color; readonly weight: number; readonly dashed: boolean }
  | { readonly kind: 'text'; readonly box: Box; readonly text: string; readonly line: Line; readonly size: number; readonly align: Align }; // prettier-ignore
export type Align = 'left' | 'right' | 'middle';

/** A figure before it is drawn: shapes within `width` and `height`. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Shape[];
}

export interface LabelOptions {
  readonly size?: number;
  readonly face?: TextStyle['face'];
  readonly color?: Color;
  readonly align?: Align;
}

export interface LineOptions {
  readonly color?: Color;
  readonly weight?: number;
  readonly dashed?: boolean;
}

/** Puts shapes together. `scene` gives what was put so far, as high as it is said to be. */
export interface SceneBuilder {
  paint(box: Box, color?: Color): void;
  hatch(box: Box, color?: Color): void;
  frame(box: Box, options?: LineOptions): void;
  line(from: Point, to: Point, options?: LineOptions): void;
  /** A line with a head at its end. */
  arrow(from: Point, to: Point, options?: LineOptions): void;
  /** One line of text, cut with an ellipsis where it is wider than its place; `y` is the top of the line. */
  label(text: string, place: Omit<Box, 'height'>, options?: LabelOptions): void;
  scene(height: number): Scene;
}

const LABEL_SIZE = 6.4;
/** Longer texts are never shown whole in a figure; they stand in the table beside it. */
const MOST_CHARACTERS = 160;

/** An empty figure, so many points wide. */
export function buildScene(fonts: Fonts, width: number): SceneBuilder {
  const shapes: Shape[] = [];
  const stroke = ({ color = COLORS.ink, weight = 0.6, dashed = false }: LineOptions): Required<LineOptions> => ({ color, weight, dashed }); // prettier-ignore
  return {
    paint: (box, color = COLORS.accent) => void shapes.push({ kind: 'fill', box, color }),
    hatch: (box, color = COLORS.ink) => void shapes.push({ kind: 'hatch', box, color }),
    frame: (box, options = {}) => void shapes.push({ kind: 'frame', box, ...stroke(options) }),
    line: (from, to, options = {}) => void shapes.push({ kind: 'line', from, to, ...stroke(options) }),
    arrow: (from, to, options = {}) => void shapes.push({ kind: 'arrow', from, to, ...stroke(options) }),
    label(text, place, { size = LABEL_SIZE, face = 'regular', color = COLORS.ink, align = 'left' } = {}) {
      const { shown, line } = cutLine(fonts, text, { face, size, color }, place.width);
      if (shown !== '')
        shapes.push({ kind: 'text', box: { ...place, height: leading(size) }, text: shown, line, size, align });
    },
    scene: (height) => ({ width, height, shapes }),
  };
}

export interface DayAxis {
  /** Where the first place begins, how wide each is, and how far labels may go, points. */
  readonly left: number;
  readonly step: number;
  readonly right: number;
  /** Where ticks end and labels begin. */
  readonly y: number;
}

const TICK = 4;
/** As wide as a day is written. */
const DAY_WIDTH = 44;

/** Ticks with days below them, at as many of the places as there is room for. */
export function drawDayAxis(draft: SceneBuilder, days: readonly string[], { left, step, right, y }: DayAxis): void {
  const every = Math.max(1, Math.ceil((DAY_WIDTH + 2) / step));
  for (let place = 0; place < days.length; place += every) {
    const x = left + place * step;
    draft.line([x, y - TICK], [x, y], { color: COLORS.muted });
    draft.label(days[place] ?? '', { x, y, width: Math.min(DAY_WIDTH, right - x) }, { color: COLORS.muted });
  }
}

/** The text on one line no wider than `width` points: whole, or as much of it as fits with an ellipsis. */
function cutLine(fonts: Fonts, text: string, style: TextStyle, width: number): { shown: string; line: Line } {
  const characters = Array.from(text.slice(0, MOST_CHARACTERS));
  const isWhole = text.length <= MOST_CHARACTERS;
  const shownOf = (count: number): string =>
    isWhole && count === characters.length ? text : `${characters.slice(0, count).join('').trimEnd()}…`;
  const fits = (count: number): boolean => widthOf(fonts, shownOf(count), style) <= width;
  let [low, high] = [0, characters.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  const shown = low === 0 && !fits(0) ? '' : shownOf(low);
  return { shown, line: layText(fonts, shown, style, Infinity)[0] ?? { runs: [], width: 0 } };
}
