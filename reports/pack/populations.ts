import { setImmediate } from 'node:timers/promises';
import type { CheckResult, TestId } from '../../model/control.ts';
import type { ReportFigures } from '../../model/report-figures.ts';
import { formatMicros } from '../../model/time.ts';
import { checkGraph, createContext, selectTests } from '../../query/controls/check-graph.ts';
import type { CheckInput, CheckRequest } from '../../query/controls/check-graph.ts';
import type { AnyControlTest, Candidate, ControlContext } from '../../query/controls/control-test.ts';
import { evaluateTest } from '../../query/controls/evaluate.ts';
import { productionBirths } from '../../query/controls/production-issues.ts';
import { loadCheck } from '../../query/controls/run-check.ts';
import type { CheckDeps } from '../../query/controls/run-check.ts';
import { T08 } from '../../query/controls/tests/t-08.ts';
import type { Issued } from '../../query/controls/tests/t-08.ts';
import { reportFigures } from './figures.ts';
import type { Population, PopulationRow } from './pack-model.ts';

/** Flows that are walked before the event loop gets its turn: some tens of milliseconds. */
const FLOWS_A_STEP = 25;

/** A check and the whole populations behind it. */
export interface PackCheck {
  readonly check: CheckResult;
  readonly populations: ReadonlyMap<TestId, Population>;
  /** What the charts of the report show. */
  readonly figures: ReportFigures;
}

/**
 * Runs the control tests of a request as `runCheck` does, and keeps what each population is made of, so that its members
 * can be told one by one, passes too. The results are those of the same evaluation.
 */
export async function runPackCheck(deps: CheckDeps, request: CheckRequest): Promise<PackCheck> {
  return packCheck(await loadCheck(deps, request));
}

/** The pure part, step by step: the process can do other things between two tests. */
export async function packCheck(input: CheckInput, tests = selectTests(input.request)): Promise<PackCheck> {
  const context = createContext(input.graph, input.policy, input.request, input);
  await setImmediate();
  // Walking the flows is most of the work; they are remembered, so the tests find them done.
  let walked = 0;
  for (const key of productionBirths(context).keys()) {
    context.flows.of(key);
    walked += 1;
    if (walked % FLOWS_A_STEP === 0) await setImmediate();
  }
  const populations = new Map<TestId, Population>();
  const results = [];
  let issued: readonly Candidate<Issued>[] | undefined;
  for (const test of tests) {
    await setImmediate();
    const candidates = test.population.select(context);
    results.push(evaluateTest(withPopulation(test, candidates), context, input.sources));
    populations.set(test.id, populationOf(test, candidates, context));
    if (test === T08) issued = candidates as readonly Candidate<Issued>[];
  }
  // Everything of a check but the tests, from where it is put together.
  const frame = checkGraph({ ...input, request: { ...input.request, tests: [] } });
  return { check: { ...frame, tests: results }, populations, figures: reportFigures(context, issued) };
}

function withPopulation(test: AnyControlTest, candidates: readonly Candidate<unknown>[]): AnyControlTest {
  return { ...test, population: { ...test.population, select: () => candidates } };
}

/** Each member is judged by itself when it is told: so no verdict of a population has to be kept. */
function populationOf(
  test: AnyControlTest,
  candidates: readonly Candidate<unknown>[],
  context: ControlContext,
): Population {
  const sorted = candidates.toSorted((a, b) => (a.canonical < b.canonical ? -1 : 1));
  return {
    count: sorted.length,
    *rows() {
      for (const candidate of sorted) yield rowOf(test, candidate, context);
    },
  };
}

function rowOf(test: AnyControlTest, candidate: Candidate<unknown>, context: ControlContext): PopulationRow {
  const [item] = evaluateTest(withPopulation(test, [candidate]), context, []).items;
  if (item) return { key: candidate.canonical, ...item };
  const stratum = test.stratumOf?.(candidate, context);
  return {
    key: candidate.canonical,
    item: candidate.item,
    aliases: candidate.aliases,
    verdict: 'pass',
    at: formatMicros(candidate.at),
    evidence: candidate.evidence,
    ...(stratum === undefined ? {} : { stratum }),
  };
}
