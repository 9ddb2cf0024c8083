import { exceptionIdOf } from '../../model/exception-id.ts';
import { printable } from '../escape.ts';
import type { CheckResult, TestItem, TestResult, TestResultName } from '../../model/control.ts';

/** How each result is said to people. None of them is a judgement: that is the auditor's. */
export const RESULT_WORDS: Readonly<Record<TestResultName, string>> = {
  no_exceptions_noted: 'no exceptions noted',
  exceptions_noted: 'exceptions noted',
  did_not_operate: 'did not operate',
  unable_to_conclude: 'unable to conclude',
  not_in_scope: 'not in scope',
};

/** More than two people may write of one gap. */
const MAX_GAP_TEXT = 8_000;

/** Items printed for each test; the rest is counted and stands in the JSON. */
const ITEMS_SHOWN = 20;

/** The result matrix and the items behind it, for a terminal: at most 120 columns but for keys, ends with a newline. */
export function checkText(check: CheckResult): string {
  const lines = [
    `Control tests of ${check.tenant}: ${check.frameworks.join(', ')}`,
    `Period ${check.from} to ${check.to} (not included), as of ${check.as_of}`,
    `Policy SHA-256 ${check.policy_sha256}`,
    `Catalogue      ${check.catalogue_version}`,
    '',
    ...matrix(check.tests),
    '',
    ...check.tests.flatMap((test) => describeTest(test, check.tenant)),
    'Every test looked at its whole population. These are facts, not an opinion: Custody shows what the evidence supports.',
  ];
  return `${lines.join('\n')}\n`;
}

/** Only the result matrix, a line a test: what fits on a screen. Ends with a newline. */
export function matrixText(check: CheckResult): string {
  return `${matrix(check.tests).join('\n')}\n`;
}

function matrix(tests: readonly TestResult[]): readonly string[] {
  const head = ['Test', 'Control', 'Result', 'Items', 'Exceptions', 'Undetermined', 'Excluded'];
  const rows = tests.map((test) => [
    test.test,
    test.title,
    RESULT_WORDS[test.result],
    String(test.population.count),
    String(test.exceptions),
    String(test.undetermined),
    String(sum(test.excluded)),
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number): boolean => column >= 3;
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function describeTest(test: TestResult, tenant: string): readonly string[] {
  const open = test.items.filter((item) => item.verdict === 'exception' || item.verdict === 'undetermined');
  const order = open.toSorted((a, b) => (a.verdict === b.verdict ? 0 : a.verdict === 'exception' ? -1 : 1));
  const shown = order.slice(0, ITEMS_SHOWN);
  const left = open.length - shown.length;
  return [
    `${test.test}  ${test.title}`,
    `  ${test.reason}`,
    ...test.gaps.map((gap) => `  gap: ${printable(gap, MAX_GAP_TEXT)}`),
    ...(test.explained_gaps ?? []).map((gap) => `  explained gap: ${printable(gap, MAX_GAP_TEXT)}`),
    `  Population: ${test.population.definition}`,
    `  ${test.population.count} items, SHA-256 ${test.population.sha256}`,
    ...Object.entries(test.analytics ?? {}).map(([name, figure]) => `  ${name}: ${figure}`),
    ...shown.flatMap((item) => describeItem(item, exceptionIdOf(tenant, test.test, item))),
    ...(left > 0 ? [`  ... and ${left} more, in the JSON`] : []),
    '',
  ];
}

function describeItem(item: TestItem, id: string): readonly string[] {
  return [
    `  ${item.verdict === 'exception' ? 'EXCEPTION   ' : 'UNDETERMINED'} ${item.at}  ${item.attribute ?? ''}`,
    `    ${item.item}`,
    `    ${item.finding}`,
    ...(item.verdict === 'exception' ? [`    id: ${id}`] : []),
    ...(item.evidence.length > 0
      ? [`    evidence: ${item.evidence.slice(0, 4).join(', ')}${item.evidence.length > 4 ? ', ...' : ''}`]
      : []),
  ];
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
