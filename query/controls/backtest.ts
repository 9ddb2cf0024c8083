import type { CheckResult, TestResult, TestResultName } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { formatMicros } from '../../model/time.ts';
import type { CheckRequest } from './check-graph.ts';

/** The most windows of one back-test: each is a whole check. */
export const MAX_WINDOWS = 24;

/** One test in one window of time. */
export interface WindowResult {
  readonly result: TestResultName;
  readonly population: number;
  /** Items that were judged: passes, exceptions and undetermined. */
  readonly tested: number;
  readonly exceptions: number;
  readonly undetermined: number;
}

/**
 * How the last window compares with all before it. `worse`, `better`: the share of exceptions differs by more than chance
 * would (Fisher's exact test, two-sided, below 0.05). `no_basis`: nothing was tested in it, or in none before.
 */
export interface Drift {
  readonly verdict: 'worse' | 'better' | 'steady' | 'no_basis';
  readonly p_value?: number;
  /** Whether the result itself is another than in the window before. */
  readonly result_changed: boolean;
}

export interface Backtest {
  readonly framework: string;
  readonly as_of: string;
  readonly catalogue_version: string;
  readonly policy_sha256: string;
  /** First to last; the last is the period that was asked for. */
  readonly windows: readonly { readonly from: string; readonly to: string }[];
  readonly tests: readonly {
    readonly test: string;
    readonly title: string;
    readonly key: boolean;
    readonly windows: readonly WindowResult[];
    readonly drift: Drift;
  }[];
}

/** The windows before a period, each as long as it and next to the following, first to last; the period itself is the last. */
export function windowsOf(request: CheckRequest, before: number): readonly CheckRequest[] {
  const length = request.to - request.from;
  if (!Number.isInteger(before) || before < 1 || before > MAX_WINDOWS)
    throw new Problem('invalid_request', `a back-test looks at 1 to ${MAX_WINDOWS} windows before the period`);
  if (request.from - before * length < 0)
    throw new Problem('invalid_request', 'that many windows of this length would begin before 1970');
  return Array.from({ length: before + 1 }, (_, index) => {
    const back = (before - index) * length;
    return { ...request, from: request.from - back, to: request.to - back };
  });
}

/** Runs the same tests over past windows, by what is known at one as-of, and tells how the last differs from those before. */
export async function runBacktest(
  request: CheckRequest,
  before: number,
  check: (window: CheckRequest) => Promise<CheckResult>,
): Promise<Backtest> {
  const results: CheckResult[] = [];
  for (const window of windowsOf(request, before)) results.push(await check(window));
  const last = results.at(-1);
  if (!last) throw new Problem('internal', 'a back-test without a window');
  return {
    framework: request.framework,
    as_of: formatMicros(request.asOf),
    catalogue_version: last.catalogue_version,
    policy_sha256: last.policy_sha256,
    windows: results.map(({ from, to }) => ({ from, to })),
    tests: last.tests.map(({ test, title, key }) => {
      const windows = results.map((result) => windowOf(result.tests.find((one) => one.test === test)));
      return { test, title, key, windows, drift: driftOf(windows) };
    }),
  };
}

function windowOf(test: TestResult | undefined): WindowResult {
  if (!test) throw new Problem('internal', 'a window lacks a test');
  const { result, exceptions, undetermined, passed, population } = test;
  return { result, population: population.count, tested: passed + exceptions + undetermined, exceptions, undetermined };
}

/** How the last window differs from those before it. */
export function driftOf(windows: readonly WindowResult[]): Drift {
  const last = windows.at(-1);
  const before = windows.slice(0, -1);
  const previous = before.at(-1);
  if (!last || !previous) return { verdict: 'no_basis', result_changed: false };
  const changed = { result_changed: last.result !== previous.result };
  const tested = before.reduce((sum, one) => sum + one.tested, 0);
  const exceptions = before.reduce((sum, one) => sum + one.exceptions, 0);
  if (last.tested === 0 || tested === 0) return { verdict: 'no_basis', ...changed };
  const p = fisherExact(last.exceptions, last.tested, exceptions, tested);
  const isWorse = last.exceptions / last.tested > exceptions / tested;
  const verdict = p >= 0.05 ? 'steady' : isWorse ? 'worse' : 'better';
  return { verdict, p_value: Number(p.toPrecision(3)), ...changed };
}

/** Two-sided p of Fisher's exact test for `a` of `n` against `b` of `m`: the sum over all tables that are no likelier. */
function fisherExact(a: number, n: number, b: number, m: number): number {
  const marked = a + b;
  const log = (x: number): number => logChoose(n, x) + logChoose(m, marked - x) - logChoose(n + m, marked);
  const own = log(a);
  let sum = 0;
  for (let x = Math.max(0, marked - m); x <= Math.min(n, marked); x += 1) {
    const one = log(x);
    if (one <= own + 1e-7) sum += Math.exp(one);
  }
  return Math.min(1, sum);
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

// Stirling's series; its error is below 1e-10 from 16 on.
function logFactorial(n: number): number {
  if (n < 16) {
    let product = 1;
    for (let factor = 2; factor <= n; factor += 1) product *= factor;
    return Math.log(product);
  }
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + 1 / (12 * n) - 1 / (360 * n ** 3);
}

/** A back-test for people: a line a test, a column a window, and what drifted. */
export function backtestText(backtest: Backtest): string {
  const day = (text: string): string => text.slice(0, 10);
  const heads = backtest.windows.map(({ from, to }) => `${day(from)}..${day(to)}`);
  const cells = backtest.tests.map((test) => [
    `${test.test}${test.key ? ' K' : ''}`,
    ...test.windows.map(cellOf),
    SAID[test.drift.verdict] + (test.drift.result_changed ? ', result changed' : ''),
  ]);
  const rows = [['test', ...heads, 'last against those before'], ...cells];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const table = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  const worse = backtest.tests.filter(({ drift }) => drift.verdict === 'worse').map(({ test }) => test);
  const said = worse.length === 0 ? 'No test is worse than before by more than chance.' : `Worse than before: ${worse.join(', ')}.`;
  return `Back-test of ${backtest.framework}, as of ${backtest.as_of}: exceptions of items tested, by window\n\n${table.join('\n')}\n\n${said}\n`;
} // prettier-ignore

const SAID: Readonly<Record<Drift['verdict'], string>> = {
  worse: 'worse',
  better: 'better',
  steady: 'steady',
  no_basis: 'nothing to compare',
};

function cellOf({ result, tested, exceptions, undetermined }: WindowResult): string {
  if (result === 'not_in_scope') return 'not in scope';
  if (tested === 0) return 'did not occur';
  const open = undetermined > 0 ? `, ${undetermined} open` : '';
  return `${exceptions}/${tested}${open}${result === 'unable_to_conclude' ? ' (unable)' : ''}`;
}
