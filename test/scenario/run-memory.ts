import type { SourceState } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import { buildChain } from '../../query/chains/build-chain.ts';
import { createRules } from '../../query/chains/rules.ts';
import { checkGraph } from '../../query/controls/check-graph.ts';
import { createIdentities, vouchedBy } from '../../query/identity.ts';
import { readScenarioGraph } from '../support/memory-graph.ts';
import { scenarioResult } from './scenario-result.ts';
import type { ScenarioResult } from './scenario-result.ts';

/** Runs a scenario on the adapters and the pure part of the queries alone: no intake, log or store. Seconds, for development. */
export async function runInMemory(
  folder: string,
  policy: Policy,
  period: { readonly from: Micros; readonly to: Micros; readonly asOf: Micros },
  focal: readonly string[],
): Promise<ScenarioResult> {
  const { graph, events } = await readScenarioGraph(folder, policy);
  const sources = policy.sources.map((source): SourceState => {
    const records = events.filter(
      (event) => event.family === source.family && event.instance === source.instance,
    ).length;
    const { family, instance, integrity } = source;
    return {
      family,
      instance,
      registered: true,
      records,
      accepted: records,
      duplicate: 0,
      conflict: 0,
      rejected: {},
      integrity,
      gaps: [],
    };
  });
  const check = checkGraph({ graph, sources, policy, request: { framework: 'all', ...period } });
  const rules = createRules(policy);
  const identities = createIdentities(policy, vouchedBy(graph.events.values()));
  const chains = focal.map((key) => buildChain(graph, key, rules, { identities, sources, asOf: period.asOf }));
  return scenarioResult(check, chains);
}
