import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from './graph.ts';
import type { Judge } from './judge-edges.ts';
import { anchorsOf, isCredentialKey, isJobKey, isRequestKey, levelOf } from './levels.ts';

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

// A pipeline's own event names each of its jobs: it is about the pipeline, not about any one of them.
function startOf(event: StoredEvent, judge: Judge): readonly string[] {
  const anchors = anchorsOf(event, judge.isContested);
  if (anchors.filter(isJobKey).length <= 1) return anchors;
  const pipelines = event.keys.filter(
    (key) => key.class === 'chain' && key.key.startsWith('gitlab:pipeline:') && key.role === 'subject',
  );
  return pipelines.length > 0 ? pipelines.map((key) => key.key) : anchors;
}

/** The nearest jobs above the focal point; for a gate the jobs that it gates. */
export function jobsOf(
  graph: Graph,
  judge: Judge,
  start: readonly string[],
  lineage: ReadonlySet<string>,
): readonly string[] {
  const gated = start.flatMap((key) =>
    judge
      .down(key)
      .filter((edge) => edge.relation === 'gates')
      .map((edge) => edge.child),
  );
  if (gated.length > 0) return [...new Set(gated)];
  const nearest = [...lineage].find((key) => isJobKey(key) && graph.classOf(key) === 'chain');
  const asked = start.filter(isJobKey);
  return asked.length > 0 ? asked : nearest === undefined ? [] : isBelowPipelines(start) ? [nearest] : [];
}

// From a pipeline or a request the whole flow is asked for, although a bridge job may stand above it.
function isBelowPipelines(start: readonly string[]): boolean {
  return start.some((key) => levelOf(key) >= 3);
}

/** Where the descent begins: the jobs, else the first credential, else the focal point itself. */
export function branchSeeds(
  judge: Judge,
  start: readonly string[],
  lineage: ReadonlySet<string>,
  jobs: readonly string[],
): readonly string[] {
  if (jobs.length > 0) return jobs;
  const first = [...lineage].filter(
    (key) => isCredentialKey(key) && !judge.up(key).some((edge) => isCredentialKey(edge.parent)),
  );
  return first.length > 0 ? first : start;
}

/** Started from above the jobs: the one job that got a credential is the one that the flow is about. */
export function soleRunningJob(judge: Judge, branch: ReadonlySet<string>): string | undefined {
  const running = [...branch].filter(
    (key) => isJobKey(key) && judge.down(key).some((edge) => isCredentialKey(edge.child)),
  );
  return running.length === 1 ? running[0] : undefined;
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
