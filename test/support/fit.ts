/** How far what was found fits what is true: of what was found how much is true, of what is true how much was found. */
export interface Fit {
  readonly precision: number;
  readonly recall: number;
  readonly invented: readonly string[];
  readonly missed: readonly string[];
}

/** Compares two sets of statements, each a text. Nothing found, or nothing true, is no fault of its own: 1. */
export function fitOf(found: Iterable<string>, truth: Iterable<string>): Fit {
  const [mine, theirs] = [new Set(found), new Set(truth)];
  const both = [...mine].filter((one) => theirs.has(one)).length;
  return {
    precision: mine.size === 0 ? 1 : both / mine.size,
    recall: theirs.size === 0 ? 1 : both / theirs.size,
    invented: [...mine].filter((one) => !theirs.has(one)).toSorted(),
    missed: [...theirs].filter((one) => !mine.has(one)).toSorted(),
  };
}

/** What a perfect fit is compared with. */
export const PERFECT: Fit = { precision: 1, recall: 1, invented: [], missed: [] };
