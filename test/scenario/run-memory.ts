import type { SourceState } from '../../model/control.ts';
import type { Policy, PolicySource } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import { buildChain } from '../../query/chains/build-chain.ts';
import { createRules } from '../../query/chains/rules.ts';
import { checkGraph } from '../../query/controls/check-graph.ts';
import { createIdentities, vouchedBy } from '../../query/identity.ts';
import { sequenceGaps, silenceGap } from '../../query/source-gaps.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { readScenarioGraph } from '../support/memory-graph.ts';
import { scenarioResult } from './scenario-result.ts';
import type { ScenarioResult } from './scenario-result.ts';

/** The gaps of a source, as the store would find them: numbers that never came, stretches in which nothing came. */
function gapsOf(source: PolicySource, all: readonly StoredEvent[]): SourceState['gaps'] {
  const own = all.filter((event) => event.family === source.family && event.instance === source.instance);
  const numbered = own
    .filter((event) => /^\d+$/.test(event.sequence ?? ''))
    .toSorted((a, b) => Number(BigInt(a.sequence ?? 0) - BigInt(b.sequence ?? 0)));
  const holes = numbered.map((event, index) => {
    const before = numbered[index - 1];
    const previous = before?.sequence === undefined ? '0' : BigInt(before.sequence).toString();
    const next = BigInt(event.sequence ?? 0).toString();
    const { family, instance } = source;
    return { family, instance, run: 0, previous, next, from_us: (before ?? event).occurredAt, to_us: event.occurredAt };
  });
  const seconds = source.expected_interval_s;
  const times = own.map((event) => event.occurredAt).toSorted((a, b) => a - b);
  const silences = times.flatMap((at, index) => {
    const before = times[index - 1];
    return seconds === undefined || before === undefined || at - before <= seconds * 1_000_000
      ? []
      : [silenceGap(before, at, seconds)];
  });
  return [...sequenceGaps(holes, source), ...silences];
}

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
      gaps: gapsOf(source, events),
    };
  });
  const check = checkGraph({ graph, sources, policy, request: { framework: 'all', ...period } });
  const rules = createRules(policy);
  const identities = createIdentities(policy, vouchedBy(graph.events.values()));
  const chains = focal.map((key) => buildChain(graph, key, rules, { identities, sources, asOf: period.asOf }));
  return scenarioResult(check, chains);
}
