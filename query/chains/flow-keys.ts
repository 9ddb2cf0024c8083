import type { KeyRole } from '../../model/event.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from './graph.ts';
import type { Judge } from './judge-edges.ts';
import { anchorsOf, isCredentialKey, isJobKey, isRequestKey } from './levels.ts';

/** Bounds of one walk (sources.md 2.7). What lies beyond is left out and a finding says so. */
export const WALK_LIMITS = { depth: 32, nodes: 5_000 } as const;

/** Keys reached, nearest first, and whether a bound cut the walk short. */
export interface Closure {
  readonly keys: ReadonlySet<string>;
  readonly cut: boolean;
}

/** Breadth first, so that the order of the keys is their distance. Bounded by WALK_LIMITS. */
export function closure(seeds: readonly string[], next: (key: string) => readonly string[]): Closure {
  const depths = new Map(seeds.map((seed) => [seed, 0]));
  let cut = false;
  for (const [key, depth] of depths) {
    for (const other of next(key)) {
      if (depths.has(other)) continue;
      if (depth >= WALK_LIMITS.depth || depths.size >= WALK_LIMITS.nodes) cut = true;
      else depths.set(other, depth + 1);
    }
  }
  return { keys: new Set(depths.keys()), cut };
}

/** Where the walk begins: the key itself, or the keys by which the event is part of a flow. */
export function startKeys(graph: Graph, judge: Judge, focal: string): readonly string[] {
  if (!focal.startsWith('event:')) return [focal];
  const events = graph.eventsNamed(focal);
  const keys = new Set(events.flatMap((event) => startOf(event, judge)));
  return [...keys];
}

// A pipeline's own event names each of its jobs: it is about the pipeline, not about any one of them. And an act with
// one credential on another (renewing somebody's token) is the act of the one that was used.
function startOf(event: StoredEvent, judge: Judge): readonly string[] {
  const anchors = anchorsOf(event, judge.isContested);
  if (anchors.filter(isJobKey).length > 1) {
    const pipelines = event.keys.filter(
      (key) => key.class === 'chain' && key.key.startsWith('gitlab:pipeline:') && key.role === 'subject',
    );
    return pipelines.length > 0 ? pipelines.map((key) => key.key) : anchors;
  }
  const has = (key: string, ...roles: readonly KeyRole[]): boolean =>
    event.keys.some((one) => one.key === key && roles.includes(one.role));
  const acting = anchors.filter((key) => isCredentialKey(key) && has(key, 'uses', 'creates'));
  return acting.some((key) => has(key, 'uses')) ? acting : anchors;
}

/** The highest key: request, else first pipeline, else job, else credential; the same from wherever one starts. */
export function rootOf(graph: Graph, judge: Judge, keys: ReadonlySet<string>, focal: string): string {
  const rank = (key: string): number =>
    isRequestKey(key) ? 0 : key.startsWith('gitlab:pipeline:') ? 1 : isJobKey(key) ? 2 : isCredentialKey(key) ? 3 : 4;
  const chainParents = (key: string): number =>
    judge.up(key).filter((edge) => graph.classOf(edge.parent) === 'chain').length;
  const ordered = [...keys].toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      chainParents(a) - chainParents(b) ||
      firstSeen(graph, a) - firstSeen(graph, b) ||
      (a < b ? -1 : 1),
  );
  return ordered[0] ?? focal;
}

function firstSeen(graph: Graph, key: string): number {
  return Math.min(
    Number.MAX_SAFE_INTEGER,
    ...graph.namesOf(key).flatMap((name) => graph.events.get(name.ref)?.occurredAt ?? []),
  );
}

/** Order of keys from the first to the last of a line of descent. */
export function byDepth(judge: Judge, a: string, b: string): number {
  return depthOf(judge, a) - depthOf(judge, b) || (a < b ? -1 : a > b ? 1 : 0);
}

function depthOf(judge: Judge, key: string): number {
  return closure([key], (one) => judge.up(one).map((edge) => edge.parent)).keys.size;
}
