import { drawHeading, drawText, headingHeight } from './blocks.ts';
import { colorOps, fillOps, number, textOps } from './draw.ts';
import { makeRoom } from './page.ts';
import type { Sheet } from './page.ts';
import { layText } from './plain-layout.ts';
import type { Box, LineOptions, Point, Scene, Shape } from './scene.ts';
import { closeTag, drawIn, openTag } from './struct.ts';
import { COLORS, CONTENT_WIDTH, PAGE, SIZES, leading } from './style.ts';
import { visibleText } from './visible.ts';

export interface Chart {
  readonly heading: { readonly level: 2 | 3; readonly text: string };
  /** How to read it: what shapes mean, and the unit. */
  readonly key: string;
  readonly scene: Scene;
  /** What it shows, in words, for readers who do not see it; the numbers stand in the table that follows. */
  readonly alt: string;
}

const MOST_ALT = 2_000;
const HEAD = 3.2;
const HATCH_STEP = 2.6;

/** Draws a chart as a figure with its words and its place (PDF/UA); heading, key and figure stay on one page. */
export function drawChart(sheet: Sheet, { heading, key, scene, alt }: Chart): void {
  const style = { face: 'regular', size: SIZES.body, color: COLORS.ink } as const;
  const lines = layText(sheet.fonts, key, style, CONTENT_WIDTH).length;
  makeRoom(sheet, headingHeight(heading.level) + lines * leading(SIZES.body) + 6 + scene.height);
  drawHeading(sheet, heading.level, heading.text);
  drawText(sheet, key);
  drawFigure(sheet, scene, alt);
}

/** The figure itself, with its words. */
function drawFigure(sheet: Sheet, scene: Scene, alt: string): void {
  makeRoom(sheet, scene.height);
  const [x, y] = [PAGE.left, sheet.y];
  const words = visibleText(alt);
  const figure = openTag(sheet, sheet.section, 'Figure', {
    alt: words.length > MOST_ALT ? `${words.slice(0, MOST_ALT - 1)}…`.toWellFormed() : words,
    bbox: [x, y, x + scene.width, y + scene.height],
  });
  drawIn(sheet, figure, `q\n${scene.shapes.map((shape) => shapeOps(sheet, shape, [x, y])).join('\n')}\nQ`);
  closeTag(figure);
  sheet.y += scene.height + 8;
}

function shapeOps(sheet: Sheet, shape: Shape, [left, top]: Point): string {
  switch (shape.kind) {
    case 'text': {
      const { box, line, size, align } = shape;
      const rest = Math.max(0, box.width - line.width) * (align === 'left' ? 0 : align === 'right' ? 1 : 0.5);
      return textOps(sheet.doc, [line], { x: left + box.x + rest, y: top + box.y, step: leading(size), size });
    }
    case 'fill':
      return fillOps(left + shape.box.x, top + shape.box.y, shape.box.width, shape.box.height, shape.color);
    case 'frame':
      return `${strokeOps(shape)} ${rectangle(shape.box, left, top)} S`;
    case 'hatch':
      return hatchOps(shape.box, left, top, colorOps(shape.color));
    case 'line':
    case 'arrow':
    default:
      return lineOps(shape, left, top);
  }
}

function lineOps(shape: Extract<Shape, { kind: 'line' | 'arrow' }>, left: number, top: number): string {
  const { from, to, color } = shape;
  const at = ([x, y]: Point): string => `${number(left + x)} ${number(top + y)}`;
  const line = `${strokeOps(shape)} ${at(from)} m ${at(to)} l S`;
  if (shape.kind === 'line') return line;
  // Arrows go down: a head of three points at the end.
  const [x, y] = to;
  return `${line}\n${colorOps(color)} rg ${at([x, y + HEAD])} m ${at([x - HEAD * 0.75, y - HEAD * 0.6])} l ${at([x + HEAD * 0.75, y - HEAD * 0.6])} l h f`;
}

function strokeOps({ color, weight, dashed }: Required<LineOptions>): string {
  return `${colorOps(color)} RG ${number(weight)} w ${dashed ? '[2.4 1.8] 0 d' : '[] 0 d'}`;
}

function rectangle(box: Box, left: number, top: number): string {
  return `${number(left + box.x)} ${number(top + box.y)} ${number(box.width)} ${number(box.height)} re`;
}

/** Slanted lines within a box. */
function hatchOps(box: Box, left: number, top: number, color: string): string {
  const lines: string[] = [];
  const [x, y] = [left + box.x, top + box.y];
  for (let at = HATCH_STEP; at < box.width + box.height; at += HATCH_STEP)
    lines.push(`${number(x + at)} ${number(y)} m ${number(x + at - box.height)} ${number(y + box.height)} l`);
  return `q ${rectangle(box, left, top)} W n ${color} RG 0.5 w [] 0 d ${lines.join(' ')} S Q`;
}
