/** Measures in points (1/72 inch) and colours (sRGB, 0 to 1) of every page. */

export type Color = readonly [number, number, number];

export const PAGE = { width: 595.28, height: 841.89, left: 54, right: 54, top: 78, bottom: 66 } as const;
export const CONTENT_WIDTH = PAGE.width - PAGE.left - PAGE.right;
/** The lowest line that content may reach; the footer lies below. */
export const CONTENT_BOTTOM = PAGE.height - PAGE.bottom;

export const COLORS = {
  ink: rgb(0x1b2430),
  muted: rgb(0x5b6673),
  faint: rgb(0xc9d0d8),
  zebra: rgb(0xf4f6f8),
  head: rgb(0xe6ebf1),
  accent: rgb(0x1f4e79),
  bad: rgb(0x9b1c1c),
  doubt: rgb(0x7a4f00),
  good: rgb(0x1e6b3a),
  neutral: rgb(0x4a5560),
} as const;

export type Tone = 'good' | 'bad' | 'doubt' | 'neutral';

export const SIZES = { cover: 26, h1: 19, h2: 13.5, h3: 10.5, body: 9, table: 7.4, small: 7.4, frame: 7 } as const;

/** Height of a line of text of this size, in points. */
export function leading(size: number): number {
  return size * 1.42;
}

function rgb(hex: number): Color {
  return [(hex >> 16) / 255, ((hex >> 8) & 255) / 255, (hex & 255) / 255];
}
