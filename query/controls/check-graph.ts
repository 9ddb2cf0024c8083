import { createHash } from 'node:crypto';
import { canonicalJson } from '../../model/canonical-json.ts';
import { FRAMEWORKS } from '../../model/control.ts';
import type { CheckResult, FrameworkId, SourceState, TestId } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Graph } from '../chains/graph.ts';
import { createRules } from '../chains/rules.ts';
import { createIdentities, vouchedBy } from '../identity.ts';
import { catalogueVersion, testsFor } from './catalogue.ts';
import type { AnyControlTest, ControlContext } from './control-test.ts';
import { createCredentials } from './credentials.ts';
import { evaluateTest } from './evaluate.ts';
import { createFlows } from './flows.ts';
import { findUses } from './uses.ts';

/** What is to be checked. Times are microseconds UTC; the period is `[from, to)`; only what arrived by `asOf` is seen. */
export interface CheckRequest {
  readonly framework: FrameworkId | 'all';
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
  /** Only these tests; absent: all that bear on the framework. */
  readonly tests?: readonly TestId[];
}

/** The pure part: judges a graph that holds the period's events and whatever their chains need. */
export function checkGraph(input: {
  readonly graph: Graph;
  readonly sources: readonly SourceState[];
  readonly policy: Policy;
  readonly request: CheckRequest;
  readonly tests?: readonly AnyControlTest[];
}): CheckResult {
  const { graph, sources, policy, request } = input;
  const tests = input.tests ?? selectTests(request);
  const context = createContext(graph, policy, request);
  return {
    tenant: policy.tenant,
    frameworks: request.framework === 'all' ? FRAMEWORKS : [request.framework],
    from: formatMicros(request.from),
    to: formatMicros(request.to),
    as_of: formatMicros(request.asOf),
    catalogue_version: catalogueVersion(),
    policy_sha256: createHash('sha256').update(canonicalJson(policy)).digest('hex'),
    sources,
    tests: tests.map((test) => evaluateTest(test, context, sources)),
  };
}

/** What the tests are given, made once for all of them. */
export function createContext(graph: Graph, policy: Policy, request: CheckRequest): ControlContext {
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
