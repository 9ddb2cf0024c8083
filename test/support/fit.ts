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

/** The same, and says it in numbers, so that a run of the tests states them: "vault outcomes: precision 1, recall 1 (330 found, 330 true)". */
export function statedFit(what: string, found: Iterable<string>, truth: Iterable<string>): Fit {
  const [mine, theirs] = [[...found], [...truth]];
  const fit = fitOf(mine, theirs);
  const figure = (value: number): string => String(Math.floor(value * 10_000) / 10_000);
  process.stdout.write(
    `${what}: precision ${figure(fit.precision)}, recall ${figure(fit.recall)} (${new Set(mine).size} found, ${new Set(theirs).size} true)\n`,
  );
  return fit;
}
