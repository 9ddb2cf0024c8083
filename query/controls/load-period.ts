import type { Micros } from '../../model/time.ts';
import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findEventsInPeriod } from '../../store/queries/find-period-events.ts';
import type { Graph } from '../chains/graph.ts';
import { loadGraph } from '../chains/load-graph.ts';
import type { Rules } from '../chains/rules.ts';

/** Stages whose events are members of populations, or decide them; runs and requests come with the chains. */
const STAGES = ['approve', 'credential', 'touch', 'revoke'];

/** A period may hold far more keys than one chain. Beyond this the graph says that it was cut off. */
const NODES = 5_000_000;

/**
 * Everything that the populations of a period need: their events in one query, then the chains through all of them at
 * once, a query a hop for the whole frontier.
 */
export async function loadPeriod(
  reader: Reader,
  tenant: string,
  rules: Rules,
  period: { readonly from: Micros; readonly to: Micros; readonly asOf: Micros },
): Promise<Graph> {
  const rows = await reader.read(
    findEventsInPeriod(tenant, STAGES, period.from, period.to, Math.floor(period.asOf / 1_000)),
  );
  return loadGraph(reader, tenant, [], {
    asOf: period.asOf,
    rules,
    limits: { nodes: NODES },
    events: rows.map(toStoredEvent),
  });
}
