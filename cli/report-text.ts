import { RESULT_WORDS } from '../query/controls/check-text.ts';
import { countOf, formatCount } from './progress.ts';
import type { WrittenReport } from './write-report.ts';

/** Tests that are shown one by one; the rest is counted. With the lines around them they fit a screen. */
const MOST = 14;

/** What reports found, a screen each: results by number, the tests that need a look first, where the files are. */
export function reportText(written: readonly WrittenReport[]): string {
  return written.map((report) => `${describe(report).join('\n')}\n`).join('\n');
}

function describe(report: WrittenReport): readonly string[] {
  const open = report.results.filter((test) => needsLook(test));
  const rank = (test: WrittenReport['results'][number]): number => (test.exceptions > 0 ? 0 : 1);
  const shown = open.toSorted((a, b) => rank(a) - rank(b)).slice(0, MOST);
  const width = Math.max(0, ...shown.map((test) => Math.min(58, test.title.length)));
  const sum = (pick: (test: WrittenReport['results'][number]) => number): number =>
    report.results.reduce((total, test) => total + pick(test), 0);
  return [
    `${report.framework}, ${report.status}: ${countOf(report.results.length, 'test')}, ${countOf(
      sum((test) => test.population),
      'item',
    )} tested, ${countOf(
      sum((test) => test.exceptions),
      'exception',
    )}, ${formatCount(sum((test) => test.undetermined))} undetermined`,
    `  ${countResults(report)}`,
    ...(open.length === 0 ? ['  No test noted an exception or left an item undetermined.'] : []),
    ...shown.map(
      (test) =>
        `  ${test.test}  ${test.title.slice(0, 58).padEnd(width)}  ${RESULT_WORDS[test.result]}: ${countsOf(test)} of ${formatCount(test.population)}`,
    ),
    ...(open.length > shown.length ? [`  and ${countOf(open.length - shown.length, 'more test')}, in the report`] : []),
    `  Report    ${report.path} (${countOf(report.pages, 'page')})`,
    `  Pack      ${report.zip} (${countOf(report.files, 'file')}), SHA-256 ${report.zip_sha256}`,
    `  Manifest  SHA-256 ${report.manifest_sha256}`,
    `  Verify    custody verify ${report.zip}    or, without Custody: node ${report.folder}/verify/verify.mjs`,
    '  These are facts, not an opinion: the report shows what the evidence supports, and where it ends.',
  ];
}

/** "2 exceptions", "5 undetermined", or both. */
function countsOf({ exceptions, undetermined }: WrittenReport['results'][number]): string {
  const told = [
    ...(exceptions > 0 ? [countOf(exceptions, 'exception')] : []),
    ...(undetermined > 0 ? [`${formatCount(undetermined)} undetermined`] : []),
  ];
  return told.length === 0 ? 'none' : told.join(', ');
}

function needsLook(test: WrittenReport['results'][number]): boolean {
  return test.exceptions + test.undetermined > 0 || test.result === 'unable_to_conclude';
}

function countResults(report: WrittenReport): string {
  const names = Object.entries(RESULT_WORDS).map(([name, words]) => {
    const count = report.results.filter((test) => test.result === name).length;
    return count === 0 ? '' : `${words}: ${count}`;
  });
  return names.filter((words) => words !== '').join(', ');
}
