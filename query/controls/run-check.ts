import { setImmediate } from 'node:timers/promises';
import type { CheckResult } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import type { Reader } from '../../store/query.ts';
import { createRules } from '../chains/rules.ts';
import { countEventDays } from '../../store/queries/count-days.ts';
import { createGapReader } from '../gaps/read-explanations.ts';
import { readSources } from '../sources.ts';
import { checkGraphInSteps, selectTests } from './check-graph.ts';
import type { CheckInput, CheckRequest } from './check-graph.ts';
import type { LedgerEvidence } from './period-figures.ts';
import { loadFigures } from './load-figures.ts';
import { loadPeriod } from './load-period.ts';

export interface CheckDeps {
  readonly reader: Reader;
  readonly policy: Policy;
  /** What signed checkpoints say of the records; absent where none are made. */
  readonly ledger?: (period: CheckRequest) => Promise<LedgerEvidence | undefined>;
}

/**
 * Runs the control tests of a framework over a period: one query for the populations, one closure for their chains,
 * the rest is pure. The same store, policy and request give the same bytes. Throws a Problem of code
 * `invalid_request` for an empty period, `not_found` for a test that is not built.
 */
export async function runCheck(deps: CheckDeps, request: CheckRequest): Promise<CheckResult> {
  return checkGraphInSteps(await loadCheck(deps, request), setImmediate);
}

/** What a check is made from, as `runCheck` reads it: throws for a request that cannot be answered. */
export async function loadCheck(deps: CheckDeps, request: CheckRequest): Promise<CheckInput> {
  const tests = selectTests(request);
  const { reader, policy } = deps;
  const graph = await loadPeriod(reader, policy.tenant, createRules(policy), request);
  const told = await readSources(reader, policy, { asOf: request.asOf, until: request.to, detail: true });
  const sources = await createGapReader(reader, policy).explain(told, request.asOf);
  const asOfMs = Math.floor(request.asOf / 1_000);
  const days = await reader.read(countEventDays(policy.tenant, request.from, request.to, asOfMs));
  const needed = new Set(tests.flatMap((test) => test.needs ?? []));
  const figures = await loadFigures(reader, policy, request, needed, () =>
    deps.ledger === undefined ? Promise.resolve(undefined) : deps.ledger(request),
  );
  return { graph, sources, policy, request, days, figures };
}
