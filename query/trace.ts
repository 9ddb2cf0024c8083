import type { Chain } from '../model/chain.ts';
import type { SourceState } from '../model/control.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { findChainRoot } from '../store/queries/find-chain-root.ts';
import type { StoredEvent } from '../store/stored-event.ts';
import { buildChain } from './chains/build-chain.ts';
import type { Graph } from './chains/graph.ts';
import { loadGraph, NO_AS_OF_MS } from './chains/load-graph.ts';
import { createRules } from './chains/rules.ts';
import { readIdentityChanges } from './identities/accounts.ts';
import { createIdentities, vouchedBy } from './identity.ts';
import { rememberUntilChange } from './remember.ts';
import { readSources } from './sources.ts';
import { checkTraceable } from './traceable.ts';

/** Answers questions about chains. What the policy says is compiled once; the state of the sources is read when it changed. */
export interface Tracer {
  /** The chain of an event or key, from what was received by `asOf`. Problems: `invalid_request`, `not_found`. */
  trace(key: string, asOf?: Micros): Promise<Chain>;
  /** The chain with this id. `not_found` if no root that is held has it. */
  chainById(id: string, asOf?: Micros): Promise<Chain>;
  /** What is known of each source. */
  sources(asOf?: Micros): Promise<readonly SourceState[]>;
}

/** Makes the tracer of one tenant. */
export function createTracer(reader: Reader, policy: Policy): Tracer {
  const rules = createRules(policy);
  const sources = rememberUntilChange(reader, (asOf) => readSources(reader, policy, { asOf }));
  const changesOf = rememberUntilChange(reader, (asOf) => readIdentityChanges(reader, policy.tenant, asOfMsOf(asOf)));
  const trace = async (key: string, asOf?: Micros): Promise<Chain> => {
    checkTraceable(key);
    const [graph, states, changes] = await Promise.all([
      loadGraph(reader, policy.tenant, [key], { rules, ...(asOf === undefined ? {} : { asOf }) }),
      sources(asOf),
      changesOf(asOf),
    ]);
    const identities = createIdentities(policy, vouchedBy(withChanges(graph, changes)));
    return buildChain(graph, key, rules, { identities, sources: states, ...(asOf === undefined ? {} : { asOf }) });
  };
  return {
    trace,
    sources,
    async chainById(id, asOf) {
      const asOfMs = asOfMsOf(asOf);
      const [found] = await reader.read(findChainRoot(policy.tenant, id, asOfMs));
      if (!found) throw new Problem('not_found', 'There is no chain with this id.');
      return trace(found.key, asOf);
    },
  };
}

function asOfMsOf(asOf: Micros | undefined): number {
  return asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
}

// What a register said of accounts counts for a chain although it is no part of it.
function withChanges(graph: Graph, changes: readonly StoredEvent[]): readonly StoredEvent[] {
  return [...graph.events.values(), ...changes.filter((event) => !graph.events.has(event.ref))];
}
