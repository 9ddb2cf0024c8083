import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { environmentOf, isProduction } from '../chains/environments.ts';
import type { Graph } from '../chains/graph.ts';
import { compareRefs } from '../chains/order.ts';
import type { Rules } from '../chains/rules.ts';
import { automationOf } from './registers.ts';

/** One use of a resource, however many log entries tell of it. */
export interface Use {
  /** Canonical key: the name of the entry, with its identity where the name is not unique. */
  readonly id: string;
  /** The entry that tells how it ended. */
  readonly event: StoredEvent;
  /** Names of further entries of the same request. */
  readonly others: readonly string[];
  /** The key of what it was done with; undefined where the target recorded none. */
  readonly credential?: string;
  readonly succeeded: boolean;
  /** Whether it changes something: a dry run never does. */
  readonly writes: boolean;
  readonly environment?: string;
  readonly production: boolean;
  /** Name of the registered automation that acted. */
  readonly automation?: string;
}

/** The uses of a period, in order of time. Logins and calls that only fetch a credential are none. */
export interface Uses {
  readonly inPeriod: readonly Use[];
  /** Calls that fetch another credential with one that is held: a crossing, where the roles are of two environments. */
  readonly exchanges: readonly Use[];
}

/** Finds the uses of resources in a graph, between `from` and `to` (exclusive). Request and response are one use. */
export function findUses(graph: Graph, rules: Rules, from: Micros, to: Micros): Uses {
  const uses: Use[] = [];
  const exchanges: Use[] = [];
  const isNoResource = compileNoResource(rules);
  for (const entries of groupByRequest(graph)) {
    const event = decisive(entries, rules);
    if (event.occurredAt < from || event.occurredAt >= to) continue;
    const use = describe(graph, event, entries, rules);
    if (isNoResource(event)) continue;
    if (event.action === 'session.assume' && use.credential !== undefined) exchanges.push(use);
    else if (event.stage === 'touch' && event.facts.call?.login !== true) uses.push(use);
  }
  return { inPeriod: uses.toSorted(byTime), exchanges: exchanges.toSorted(byTime) };
}

function describe(graph: Graph, event: StoredEvent, entries: readonly StoredEvent[], rules: Rules): Use {
  const call = event.facts.call;
  const environment = environmentOf(event, rules);
  const automation = automationOf(event, rules.policy);
  const credential = credentialUsed(event);
  return {
    id: graph.eventsNamed(event.event).length > 1 ? `${event.event} ${event.eventId}` : event.event,
    event,
    others: [...new Set(entries.map((entry) => entry.event))].filter((name) => name !== event.event).toSorted(),
    ...(credential === undefined ? {} : { credential }),
    succeeded: event.outcome === 'success',
    writes: call?.write === true && call.dry_run !== true,
    ...(environment === undefined ? {} : { environment }),
    production: isProduction(environment, rules),
    ...(automation === undefined ? {} : { automation: automation.name }),
  };
}

/** What the policy says is no resource of a Vault cluster: its own log-in and system paths. */
function compileNoResource(rules: Rules): (event: StoredEvent) => boolean {
  const clusters = Object.entries(rules.policy.environments.vault_clusters);
  const patterns = new Map(
    clusters.map(([name, cluster]) => [name, cluster.not_a_resource.map((text) => new RegExp(text, 'u'))]),
  );
  return (event) => {
    if (event.family !== 'vault.audit' || event.resource === undefined) return false;
    const prefix = `vault:path:${event.instance}/`;
    const path = event.resource.key.startsWith(prefix) ? event.resource.key.slice(prefix.length) : event.resource.key;
    return (patterns.get(event.instance) ?? SYSTEM_PATHS).some((pattern) => pattern.test(path));
  };
}

// A cluster that the policy does not name still has its own paths.
const SYSTEM_PATHS: readonly RegExp[] = [/^auth\//u, /^sys\//u];

function credentialUsed(event: StoredEvent): string | undefined {
  const used = event.keys.filter((key) => key.role === 'uses' && key.class !== 'hub');
  const named = event.credential?.key;
  if (named !== undefined && (used.length === 0 || used.some((key) => key.key === named))) return named;
  return used[0]?.key ?? named;
}

/** Entries of one request: those that share the key by which the source numbers its requests. */
function groupByRequest(graph: Graph): Iterable<readonly StoredEvent[]> {
  const groups = new Map<string, StoredEvent[]>();
  for (const event of graph.events.values()) {
    if (event.disposition !== 'accepted') continue;
    if (event.stage !== 'touch' && event.action !== 'session.assume') continue;
    const request = event.keys.find((key) => REQUEST_KEY.test(key.key))?.key ?? event.ref;
    const group = groups.get(request);
    if (group) group.push(event);
    else groups.set(request, [event]);
  }
  return groups.values();
}

// AWS gives two accounts' copies of one call a common id (sources.md 2.4.1, E34).
const REQUEST_KEY = /^(?:k8s:request|vault:request|aws:sharedevent):/;

/**
 * The entry that knows the outcome, of these one at a production resource, of these the last: an entry that is pending
 * tells only that somebody asked, and of a call across accounts each account keeps a copy.
 */
function decisive(entries: readonly StoredEvent[], rules: Rules): StoredEvent {
  const rank = (event: StoredEvent): number =>
    (event.outcome === 'pending' ? 0 : event.outcome === 'unknown' ? 2 : 4) +
    (isProduction(environmentOf(event, rules), rules) ? 1 : 0);
  const sorted = entries.toSorted(
    (a, b) => rank(b) - rank(a) || b.occurredAt - a.occurredAt || compareRefs(b.ref, a.ref),
  );
  return sorted[0] as StoredEvent;
}

function byTime(a: Use, b: Use): number {
  return a.event.occurredAt - b.event.occurredAt || compareRefs(a.event.ref, b.event.ref);
}
