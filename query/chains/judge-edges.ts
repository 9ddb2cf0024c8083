import { CONFIDENCES } from '../../model/event.ts';
import type { Confidence } from '../../model/event.ts';
import { corroborate } from './corroborate.ts';
import type { Graph, GraphEdge } from './graph.ts';
import { isCredentialKey, isJobKey } from './levels.ts';
import type { Rules } from './rules.ts';

/** An edge that may be walked and how far it may be trusted, which can be less than its event asserts. */
export interface WalkedEdge extends GraphEdge {
  readonly grade: Confidence;
}

/** Why an edge is not walked, in words for the reader of the chain. Absent where nothing is to be told. */
export interface Refusal {
  readonly kind: string;
  readonly detail: string;
  readonly ref: string;
}

/** The edges of a graph as the policy and the evidence allow them to be walked. */
export interface Judge {
  /** Edges to climb from a key. Parents may be of class session; then they are end points. */
  up(key: string): readonly WalkedEdge[];
  /** Edges to descend from a key; none from a session. */
  down(key: string): readonly WalkedEdge[];
  /** Credentials that calls of two jobs carry: they belong to neither. */
  readonly isContested: (key: string) => boolean;
  /** What was not walked at a key, and why. */
  refusals(key: string): readonly Refusal[];
}

const cache = new WeakMap<Graph, WeakMap<Rules, Judge>>();

/** Judges the edges of a graph; the answers are remembered as long as the graph lives, which must not change any more. */
export function judgeEdges(graph: Graph, rules: Rules): Judge {
  const known = cache.get(graph)?.get(rules);
  if (known) return known;
  const judge = createJudge(graph, rules);
  const byRules = cache.get(graph) ?? new WeakMap<Rules, Judge>();
  byRules.set(rules, judge);
  cache.set(graph, byRules);
  return judge;
}

function createJudge(graph: Graph, rules: Rules): Judge {
  const contested = memo((key: string) => isCredentialKey(key) && jobsClaiming(graph, key).size > 1);
  const verdicts = new Map<GraphEdge, WalkedEdge | Refusal | undefined>();
  const verdictOf = (edge: GraphEdge): WalkedEdge | Refusal | undefined => {
    if (!verdicts.has(edge)) verdicts.set(edge, judgeEdge(graph, rules, edge, contested));
    return verdicts.get(edge);
  };
  const walkable = (edges: readonly GraphEdge[]): readonly WalkedEdge[] =>
    edges.flatMap((edge) => {
      const verdict = verdictOf(edge);
      return verdict !== undefined && 'grade' in verdict ? [verdict] : [];
    });
  const up = memo((key: string) => walkable(graph.parents(key)));
  const down = memo((key: string) => (graph.classOf(key) === 'chain' ? walkable(graph.children(key)) : []));
  return {
    up,
    down,
    isContested: contested,
    refusals: (key) =>
      [...graph.parents(key), ...graph.children(key)].flatMap((edge) => {
        const verdict = verdictOf(edge);
        return verdict !== undefined && 'kind' in verdict ? [verdict] : [];
      }),
  };
}

function judgeEdge(
  graph: Graph,
  rules: Rules,
  edge: GraphEdge,
  isContested: (key: string) => boolean,
): WalkedEdge | Refusal | undefined {
  if (graph.classOf(edge.parent) === 'hub' || graph.classOf(edge.child) !== 'chain') return undefined;
  // A retry is another run of the same pipeline, reached through it; climbing to the old job would lend its approvals.
  if (edge.relation === 'retried') return undefined;
  if (rules.isBroker(edge.principal, edge.at)) return undefined;
  const claimed = [edge.parent, edge.child].find(isContested);
  if (claimed !== undefined) {
    const jobs = [...jobsClaiming(graph, claimed)].toSorted().join(' and ');
    return {
      kind: 'contested_credential',
      detail: `${claimed} was used by ${jobs}; it is counted to neither`,
      ref: edge.ref,
    };
  }
  if (edge.rule === 'E16' || edge.rule === 'E17') return judgeClaim(graph, edge);
  if (edge.rule === 'E18') return judgeIssued(graph, edge);
  return { ...edge, grade: edge.confidence };
}

// A session name is free text by the caller. An exact way from the same session outranks it, for or against.
function judgeClaim(graph: Graph, edge: GraphEdge): WalkedEdge | Refusal {
  const exact = exactJobsOf(graph, edge);
  if (exact.size > 0) {
    if (exact.has(edge.parent)) return { ...edge, grade: edge.confidence };
    const other = [...exact].toSorted().join(', ');
    return refuseClaim(edge, `its token belongs to ${other}`);
  }
  const { holds, why } = corroborate(graph, edge);
  if (holds === false) return refuseClaim(edge, why);
  return { ...edge, grade: holds === true ? weaker(edge.confidence, 'asserted') : 'inferred' };
}

/**
 * Two runs may bear one session name, since whoever asks chooses it. A key is tied to the session only by the claim of
 * its own event: were another's enough, a borrowed name would lead to the job that it was borrowed from.
 */
function judgeIssued(graph: Graph, issued: GraphEdge): WalkedEdge | Refusal | undefined {
  const claims = graph.parents(issued.parent).filter((edge) => edge.rule === 'E16' || edge.rule === 'E17');
  const own = claims.find((edge) => edge.ref === issued.ref);
  const verdict = own && judgeClaim(graph, own);
  if (verdict && 'kind' in verdict) return verdict;
  return own === undefined && claims.length > 0 ? undefined : { ...issued, grade: issued.confidence };
}

function refuseClaim(edge: GraphEdge, why: string): Refusal {
  const detail = `a session name claims ${edge.parent}, which its token does not belong to: ${why}`;
  return { kind: 'session_name_conflict', detail, ref: edge.ref };
}

// Jobs and pipelines above the keys that the same event made, by exact edges only.
function exactJobsOf(graph: Graph, claim: GraphEdge): ReadonlySet<string> {
  const event = graph.events.get(claim.ref);
  const made =
    event?.keys.filter((key) => key.role === 'creates' && key.key !== claim.child).map((key) => key.key) ?? [];
  const seen = new Set(made);
  const jobs = new Set<string>();
  const wanted = claim.parent.startsWith('gitlab:pipeline:') ? 'gitlab:pipeline:' : 'gitlab:job:';
  for (const key of seen) {
    if (key.startsWith(wanted)) jobs.add(key);
    if (seen.size > 256) break;
    for (const edge of graph.parents(key)) {
      if (edge.confidence === 'exact' && edge.parent !== claim.child && graph.classOf(edge.parent) === 'chain')
        seen.add(edge.parent);
    }
  }
  return jobs;
}

/** Jobs whose credential a key is said to be, over itself and what it is the same as. */
function jobsClaiming(graph: Graph, key: string): ReadonlySet<string> {
  const keys = new Set([key]);
  for (const one of keys) {
    for (const edge of graph.parents(one)) if (edge.relation === 'same_as') keys.add(edge.parent);
    for (const edge of graph.children(one)) if (edge.relation === 'same_as') keys.add(edge.child);
  }
  const parents = [...keys].flatMap((one) => graph.parents(one));
  return new Set(
    parents
      .filter((edge) => edge.relation === 'issued_to' && edge.confidence === 'exact' && isJobKey(edge.parent))
      .map((edge) => edge.parent),
  );
}

/** The weaker of two confidences. */
export function weaker(a: Confidence, b: Confidence): Confidence {
  return CONFIDENCES.indexOf(a) >= CONFIDENCES.indexOf(b) ? a : b;
}

function memo<T>(compute: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const held = known.get(key);
    if (held !== undefined) return held;
    const value = compute(key);
    known.set(key, value);
    return value;
  };
}
