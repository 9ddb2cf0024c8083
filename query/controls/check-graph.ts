import type { CheckResult, FrameworkId, SourceState, TestId, TestResult } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import { policySha256 } from '../../model/policy-hash.ts';
import { Problem } from '../../model/problem.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Graph } from '../chains/graph.ts';
import { createRules } from '../chains/rules.ts';
import { FRAMEWORK_IDS } from '../frameworks/registry.ts';
import { createIdentities, vouchedBy } from '../identity.ts';
import { catalogueVersion, testsFor } from './catalogue.ts';
import type { AnyControlTest, ControlContext } from './control-test.ts';
import { createCredentials } from './credentials.ts';
import { evaluateTest } from './evaluate.ts';
import { createFlows } from './flows.ts';
import { productionBirths } from './production-issues.ts';
import { countArrivalHours, seenActors } from './period-figures.ts';
import type { PeriodFigures } from './period-figures.ts';
import { countDays } from './stream-days.ts';
import type { StreamDay } from './stream-days.ts';
import { findUses } from './uses.ts';

/** What is to be checked. Times are microseconds UTC; the period is `[from, to)`; only what arrived by `asOf` is seen. */
export interface CheckRequest {
  /** A framework's id, or `all`. */
  readonly framework: FrameworkId;
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
  /** Only these tests; absent: all that bear on the framework. */
  readonly tests?: readonly TestId[];
}

/** Flows that are walked before the event loop gets its turn: some tens of milliseconds. */
const FLOWS_A_STEP = 25;

export interface CheckInput {
  readonly graph: Graph;
  readonly sources: readonly SourceState[];
  readonly policy: Policy;
  readonly request: CheckRequest;
  /** Events by source and day; absent where the graph itself holds all of them. */
  readonly days?: readonly StreamDay[];
  /** Further figures of the store; what is absent is counted from the graph. */
  readonly figures?: PeriodFigures;
}

/** The pure part: judges a graph that holds the period's events and whatever their chains need. */
export function checkGraph(input: CheckInput): CheckResult {
  const context = createContext(input.graph, input.policy, input.request, input);
  return describeCheck(
    input,
    selectTests(input.request).map((test) => evaluateTest(test, context, input.sources)),
  );
}

/** The same, step by step: `pause` is awaited between steps, so that whatever else the process does can go on. */
export async function checkGraphInSteps(input: CheckInput, pause: () => Promise<void>): Promise<CheckResult> {
  const context = createContext(input.graph, input.policy, input.request, input);
  await pause();
  // Walking the flows is most of the work; they are remembered, so the tests find them done.
  let walked = 0;
  for (const key of productionBirths(context).keys()) {
    context.flows.of(key);
    walked += 1;
    if (walked % FLOWS_A_STEP === 0) await pause();
  }
  const results: TestResult[] = [];
  for (const test of selectTests(input.request)) {
    await pause();
    results.push(evaluateTest(test, context, input.sources));
  }
  return describeCheck(input, results);
}

function describeCheck({ policy, request, sources }: CheckInput, tests: readonly TestResult[]): CheckResult {
  return {
    tenant: policy.tenant,
    frameworks: request.framework === 'all' ? FRAMEWORK_IDS : [request.framework],
    from: formatMicros(request.from),
    to: formatMicros(request.to),
    as_of: formatMicros(request.asOf),
    catalogue_version: catalogueVersion(),
    policy_sha256: policySha256(policy),
    sources,
    tests,
  };
}

/** What the tests are given, made once for all of them. */
export function createContext(
  graph: Graph,
  policy: Policy,
  request: CheckRequest,
  { sources = [], days, figures = {} }: Partial<Pick<CheckInput, 'sources' | 'days' | 'figures'>> = {},
): ControlContext {
  const rules = createRules(policy);
  const credentials = createCredentials(graph, rules);
  return {
    tenant: policy.tenant,
    from: request.from,
    to: request.to,
    asOf: request.asOf,
    policy,
    rules,
    identities: createIdentities(policy, vouchedBy(graph.events.values())),
    graph,
    credentials,
    uses: findUses(graph, rules, request.from, request.to),
    flows: createFlows(graph, rules, credentials),
    sources,
    days: days ?? countDays(graph.events.values()),
    actors: figures.actors ?? seenActors(graph.events.values(), request),
    arrivals: figures.arrivals ?? countArrivalHours(graph.events.values(), policy, request),
    runs: figures.runs ?? [],
    ...(figures.integrity === undefined ? {} : { integrity: figures.integrity }),
    ...(figures.ledger === undefined ? {} : { ledger: figures.ledger }),
  };
}

/** The tests of a request, in the order of the catalogue. Problems: an empty period, a test that is not built. */
export function selectTests(request: CheckRequest): readonly AnyControlTest[] {
  if (!(request.from < request.to))
    throw new Problem('invalid_request', 'the period is empty: `from` must be before `to`');
  const tests = testsFor(request.framework);
  const wanted = request.tests;
  if (!wanted) return tests;
  const unknown = wanted.filter((id) => !tests.some((test) => test.id === id));
  if (unknown.length > 0)
    throw new Problem('not_found', `no such test for ${request.framework}: ${unknown.join(', ')}`);
  return tests.filter((test) => wanted.includes(test.id));
}
