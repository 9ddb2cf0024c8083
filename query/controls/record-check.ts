import { createHash } from 'node:crypto';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { CheckResult, TestResult } from '../../model/control.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { CheckRow } from '../../store/check-runs.ts';
import type { CheckRequest } from './check-graph.ts';
import type { StoredRun } from './period-figures.ts';

/** What is told of a run beside its result. */
export interface RunMark {
  readonly run: string;
  readonly createdAt: Micros;
  /** Version of the package that judged. */
  readonly engine: string;
}

/** SHA-256 (hex) over all that a test found, items included: equal digests mean equal results. */
export function digestOf(test: TestResult): string {
  return createHash('sha256').update(canonicalJson(test)).digest('hex');
}

/** The rows that a check is stored as, one a test. */
export function checkRowsOf(result: CheckResult, request: CheckRequest, mark: RunMark): readonly CheckRow[] {
  return result.tests.map((test) => ({
    ...mark,
    test: test.test,
    testVersion: test.version,
    framework: request.framework,
    from: request.from,
    to: request.to,
    asOf: request.asOf,
    catalogue: result.catalogue_version,
    policy: result.policy_sha256,
    parameters: test.parameters,
    population: test.population.count,
    populationSha256: test.population.sha256,
    passed: test.passed,
    exceptions: test.exceptions,
    undetermined: test.undetermined,
    excluded: test.excluded,
    result: test.result,
    reason: test.reason,
    digest: digestOf(test),
    items: test.items,
  }));
}

export type Agreement = 'agrees' | 'differs' | 'other_catalogue_or_policy' | 'not_stored';

/** How a result compares with what is stored of the same period and as-of. */
export interface Comparison {
  readonly agreement: Agreement;
  readonly tests: readonly {
    readonly test: string;
    readonly agreement: Agreement;
    /** Whether the population alone is the same; absent where nothing is stored. */
    readonly population_agrees?: boolean;
    /** The stored run that it was compared with: the latest of the same catalogue and policy, else the latest. */
    readonly run?: string;
    readonly stored_at?: string;
  }[];
}

/** Compares each test with the latest stored check of the same period and as-of. Only what the same catalogue and policy judged can differ. */
export function compareWithStored(result: CheckResult, stored: readonly StoredRun[]): Comparison {
  const latest = stored.toSorted((a, b) => b.createdAt - a.createdAt);
  const tests = result.tests.map((test) => {
    const own = latest.filter((run) => run.test === test.test);
    const same = own.find(
      ({ catalogue, policy }) => catalogue === result.catalogue_version && policy === result.policy_sha256,
    );
    const found = same ?? own[0];
    if (!found) return { test: test.test, agreement: 'not_stored' as const };
    const agreement: Agreement = same
      ? same.digest === digestOf(test) ? 'agrees' : 'differs'
      : 'other_catalogue_or_policy'; // prettier-ignore
    return {
      test: test.test,
      agreement,
      population_agrees: found.population === test.population.sha256,
      run: found.run,
      stored_at: formatMicros(found.createdAt),
    };
  });
  const order: readonly Agreement[] = ['differs', 'other_catalogue_or_policy', 'not_stored', 'agrees'];
  const agreement = order.find((one) => tests.some((test) => test.agreement === one)) ?? 'not_stored';
  return { agreement, tests };
}

/** A comparison for people: one line where all agrees, else each test that does not. */
export function comparisonText({ agreement, tests }: Comparison): string {
  const of = (one: Agreement): readonly Comparison['tests'][number][] => tests.filter((test) => test.agreement === one);
  switch (agreement as string) {
    case 'agrees':
      return `The digests of all ${tests.length} tests agree with what was stored.\n`;
    case 'not_stored':
      return of('not_stored').length === tests.length
        ? 'Nothing is stored of this period and as-of yet; this run is kept for the next comparison.\n'
        : `Of the tests ${of('agrees').length} agree with what was stored; of ${of('not_stored').length} nothing is stored yet.\n`;
    case 'other_catalogue_or_policy':
      return `Of the tests ${of('agrees').length} agree with what was stored; ${of('other_catalogue_or_policy').length} cannot be compared: judged by another catalogue or policy then.\n`;
    default:
      return of('differs')
        .map(
          ({ test, run, stored_at: at, population_agrees: same }) =>
            `${test} differs from run ${run} of ${at}: ${same === true ? 'the same population, other verdicts' : 'another population'}.\n`,
        )
        .join('');
  }
}
