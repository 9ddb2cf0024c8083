import type { KeyClass } from '../../model/key.ts';
import { parseKey } from '../../model/key.ts';
import type { Micros } from '../../model/time.ts';
import type { Reader } from '../../store/query.ts';
import { findEdges } from '../../store/queries/find-edges.ts';
import type { EdgeRow } from '../../store/queries/find-edges.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { createGraph } from './graph.ts';
import type { Graph, GraphBuilder, GraphEdge } from './graph.ts';
import { levelOf } from './levels.ts';
import { addInferredExchanges } from './load-exchanges.ts';
import { loadEvents, nameEvents } from './load-events.ts';
import { readNamed } from './read-events.ts';
import type { Rules } from './rules.ts';

/** Bounds of one load. `nodes` is keys; beyond a bound the rest is left out and a finding says so. */
export interface GraphLimits {
  readonly depth: number;
  readonly nodes: number;
  /** A key with more edges one way than this is no flow: it is treated as a hub (sources.md 2.7). */
  readonly fanOut: number;
  /** How many keys go into one query. */
  readonly chunk: number;
}

export interface LoadOptions {
  /** Only what was received by then, microseconds UTC. Absent: everything. */
  readonly asOf?: Micros;
  readonly limits?: Partial<GraphLimits>;
  /** Events that are there already (the populations of a period): part of the graph, and their keys are seeds. */
  readonly events?: readonly StoredEvent[];
  /** Events that are part of the graph, while their keys are no seeds: what populations are compared with. */
  readonly beside?: readonly StoredEvent[];
  /** With rules, the credential of a broker is not climbed, so that its other customers are not loaded. */
  readonly rules?: Rules;
}

const LIMITS: GraphLimits = { depth: 32, nodes: 20_000, fanOut: 10_000, chunk: 4_000 };

/** Milliseconds UTC that stand for "whatever is there": 2200-01-01. */
export const NO_AS_OF_MS = 7_258_118_400_000;

/** Exchanges in a row whose parents are inferred; each needs a walk of its own, because no edge leads there. */
const MAX_EXCHANGES = 8;

/** How a key was reached, the wider before the narrower: what is followed from it depends on that. */
const MODES = ['whole', 'lineage', 'branch', 'gate'] as const;
type Mode = (typeof MODES)[number];

/**
 * Fetches everything that the chains through the seeds need: climbs from them, descends from jobs, credentials and the
 * seeds themselves, and pulls in gates, one query a hop for the whole frontier; then the events that name the keys or
 * assert the edges. Seeds are keys or event names (`event:<family>/<native id>`); unknown ones add nothing.
 */
export async function loadGraph(
  reader: Reader,
  tenant: string,
  seeds: readonly string[],
  options: LoadOptions = {},
): Promise<Graph> {
  const graph = createGraph();
  const limits = { ...LIMITS, ...options.limits };
  const asOfMs = options.asOf === undefined ? NO_AS_OF_MS : Math.floor(options.asOf / 1_000);
  const { events: named, retold } = await readNamed(
    reader,
    tenant,
    seeds.filter((seed) => seed.startsWith('event:')),
    asOfMs,
  );
  const known = [...named, ...(options.events ?? [])];
  for (const event of await nameEvents(reader, tenant, [...known, ...(options.beside ?? [])], asOfMs))
    graph.addEvent(event);
  for (const [name, event] of retold) graph.addName(name, event.event);
  const start = [...seeds.filter((seed) => !seed.startsWith('event:')), ...known.flatMap(keysToClimb)];
  const done = new Set<string>();
  let next: readonly string[] = start;
  for (let round = 0; round <= MAX_EXCHANGES && (round === 0 || next.length > 0); round += 1) {
    const keys = await walkEdges(reader, tenant, graph, next, { asOfMs, limits, rules: options.rules });
    await loadEvents(reader, tenant, graph, keys, { asOfMs, limits });
    next = await addInferredExchanges(reader, tenant, graph, asOfMs, done);
  }
  return graph;
}

// An event that only mentions a key is no part of that key's flow. A job is taken with any role, since it decides
// where two jobs claim one credential.
function keysToClimb(event: StoredEvent): readonly string[] {
  return event.keys
    .filter((key) => key.class !== 'hub' && (key.role !== 'mentions' || key.key.startsWith('gitlab:job:')))
    .map((key) => key.key);
}

interface WalkOptions {
  readonly asOfMs: number;
  readonly limits: GraphLimits;
  readonly rules: Rules | undefined;
}

async function walkEdges(
  reader: Reader,
  tenant: string,
  graph: GraphBuilder,
  start: readonly string[],
  options: WalkOptions,
): Promise<ReadonlyMap<string, Mode>> {
  const { limits } = options;
  const modes = new Map<string, Mode>();
  const fetched = new Set<string>();
  let frontier = start.filter((key) => isWalked(key)).map((key): readonly [string, Mode] => [key, 'whole']);
  for (let depth = 0; frontier.length > 0; depth += 1) {
    if (depth > limits.depth * 2 || modes.size > limits.nodes) {
      graph.addFinding({
        kind: 'cut_off',
        detail: `more than ${limits.nodes} keys or ${limits.depth} hops; the chain goes on`,
      });
      break;
    }
    const widened = new Set<string>();
    for (const [key, mode] of frontier) {
      const held = modes.get(key);
      if (held !== undefined && MODES.indexOf(held) <= MODES.indexOf(mode)) continue;
      modes.set(key, mode);
      widened.add(key);
    }
    await fetchEdges(
      reader,
      tenant,
      graph,
      [...widened].filter((key) => !fetched.has(key)),
      options,
    );
    for (const key of widened) fetched.add(key);
    frontier = [...widened].flatMap((key) => nextFrom(graph, key, modes.get(key) ?? 'gate', options.rules));
  }
  return modes;
}

async function fetchEdges(
  reader: Reader,
  tenant: string,
  graph: GraphBuilder,
  keys: readonly string[],
  options: WalkOptions,
): Promise<void> {
  const { limits, asOfMs } = options;
  for (let from = 0; from < keys.length; from += limits.chunk) {
    const rows = await reader.read(findEdges(tenant, keys.slice(from, from + limits.chunk), asOfMs, limits.fanOut + 1));
    const tooMany = countBeyond(rows, limits.fanOut);
    for (const key of tooMany) {
      graph.addFinding({
        kind: 'fan_out',
        key,
        detail: `${key} has more than ${limits.fanOut} links: it is shown, not followed`,
      });
    }
    for (const row of rows) if (!tooMany.has(row.key)) addRow(graph, row);
  }
}

function addRow(graph: GraphBuilder, row: EdgeRow): void {
  const own = graph.classOf(row.key);
  const [parent, child] = row.direction === 'down' ? [row.key, row.other] : [row.other, row.key];
  const [parentClass, childClass]: [KeyClass, KeyClass] =
    row.direction === 'down' ? [own, row.other_class] : [row.other_class, own];
  graph.addEdge({
    parent,
    child,
    parentClass,
    childClass,
    relation: row.relation,
    confidence: row.confidence,
    rule: row.rule,
    ...(row.principal === '' ? {} : { principal: row.principal }),
    ref: row.ref,
    at: row.occurred_us,
  });
}

/** What is reached next from a key: parents always, children by how the key was reached itself. */
function nextFrom(graph: Graph, key: string, mode: Mode, rules: Rules | undefined): (readonly [string, Mode])[] {
  if (graph.classOf(key) !== 'chain') return [];
  const parents = graph
    .parents(key)
    .filter((edge) => graph.classOf(edge.parent) !== 'hub' && !(rules?.isBroker(edge.principal, edge.at) ?? false))
    .map((edge): readonly [string, Mode] => [edge.parent, modeOfParent(edge, mode)]);
  const descends = mode === 'whole' || mode === 'branch' || (mode === 'lineage' && levelOf(key) >= 3);
  const children = graph
    .children(key)
    .filter((edge) => graph.classOf(edge.child) === 'chain' && (descends || edge.relation === 'granted'))
    .filter((edge) => mode === 'whole' || edge.relation !== 'spawned' || levelOf(key) < 3)
    .map((edge): readonly [string, Mode] => [edge.child, edge.relation === 'granted' ? 'gate' : 'branch']);
  return [...parents, ...children];
}

// A job or credential above what was descended to is the one whose whole branch is told; a grant leads nowhere itself.
function modeOfParent(edge: GraphEdge, mode: Mode): Mode {
  if (mode === 'whole' && edge.relation === 'granted') return 'whole';
  if (mode === 'whole' || mode === 'lineage') return 'lineage';
  return mode === 'branch' && levelOf(edge.parent) >= 3 ? 'lineage' : 'gate';
}

function countBeyond(rows: readonly EdgeRow[], limit: number): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const row of rows)
    counts.set(`${row.direction} ${row.key}`, (counts.get(`${row.direction} ${row.key}`) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count > limit).map(([id]) => id.slice(id.indexOf(' ') + 1)));
}

function isWalked(key: string): boolean {
  const parsed = parseKey(key);
  return parsed !== undefined && parsed.class !== 'hub';
}
