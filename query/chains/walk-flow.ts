import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from './graph.ts';
import { judgeEdges } from './judge-edges.ts';
import type { Judge, WalkedEdge } from './judge-edges.ts';
import { climb, findBranch } from './flow-branch.ts';
import { byDepth, rootOf, startKeys, WALK_LIMITS } from './flow-keys.ts';
import type { Closure } from './flow-keys.ts';
import { anchorsOf, isCredentialKey, isJobKey, isRequestKey } from './levels.ts';
import { orderEvents } from './order.ts';
import type { Rules } from './rules.ts';

/** Something the reader of a chain must be told. */
export interface FlowFinding {
  readonly kind: string;
  readonly detail: string;
  readonly event?: string;
}

/** The flow of one event or key: what the walk gives before it is told. */
export interface Flow {
  readonly focal: string;
  /** The highest key of the flow: request, else first pipeline, else first credential, else the event itself. */
  readonly root: string;
  /** The job whose run this is; undefined for flows without a job, and where several jobs are asked for at once. */
  readonly job?: string;
  /** Keys climbed from the focal point, with it: the line of descent. */
  readonly lineage: ReadonlySet<string>;
  /** Keys descended to: everything that the job, or else the credential, led to. */
  readonly branch: ReadonlySet<string>;
  /** Further parents of the branch (deployments, requests, sessions): part of the flow, never descended from. */
  readonly gates: ReadonlySet<string>;
  /** All keys of class chain. */
  readonly keys: ReadonlySet<string>;
  /** Credentials of the branch and of the line of descent, first to last; a review is what opens a hoop session. */
  readonly credentials: readonly string[];
  /** In the order in which they are told. */
  readonly events: readonly StoredEvent[];
  readonly links: readonly WalkedEdge[];
  readonly findings: readonly FlowFinding[];
}

/**
 * The flow of one event (`event:<family>/<native id>`) or key: climb to what led to it, find the job, descend to what
 * the job led to, pull in the gates. Only the branch of the focal job is descended, so that two jobs of one pipeline,
 * or two uses of one approval, do not lend each other their touches. Pure; the same graph gives the same flow.
 */
export function walkFlow(graph: Graph, focal: string, rules: Rules): Flow {
  const judge = judgeEdges(graph, rules);
  const start = startKeys(graph, judge, focal);
  const { lineage, branch, job: found } = findBranch(graph, judge, start);
  const above = climb(judge, [...lineage.keys, ...branch.keys]);
  const grants = [...above.keys].flatMap((key) =>
    isRequestKey(key)
      ? judge
          .down(key)
          .filter((edge) => edge.relation === 'granted')
          .map((edge) => edge.child)
      : [],
  );
  const all = new Set([...above.keys, ...grants]);
  const keys = new Set([...all].filter((key) => graph.classOf(key) === 'chain'));
  const events = gatherEvents(graph, judge, focal, all);
  const job = found ?? soleJobOf(events, judge, keys);
  return {
    focal,
    root: rootOf(graph, judge, keys, focal),
    ...(job === undefined ? {} : { job }),
    lineage: lineage.keys,
    branch: branch.keys,
    gates: new Set([...all].filter((key) => !lineage.keys.has(key) && !branch.keys.has(key))),
    keys,
    credentials: [...keys]
      .filter((key) => (isCredentialKey(key) || key.startsWith('hoop:review:')) && !judge.isContested(key))
      .toSorted((a, b) => byDepth(judge, a, b)),
    events: orderEvents(graph, events),
    links: linksAmong(judge, all),
    findings: findingsOf(graph, judge, all, events, [lineage, branch, above]),
  };
}

// Where the credentials are contested no edge leads to a job, but the calls themselves may all name one.
function soleJobOf(events: readonly StoredEvent[], judge: Judge, keys: ReadonlySet<string>): string | undefined {
  const touches = events.filter((event) => event.stage === 'touch');
  const named = new Set(
    touches.flatMap((event) => anchorsOf(event, judge.isContested)).filter((key) => isJobKey(key) && keys.has(key)),
  );
  return named.size === 1 ? [...named][0] : undefined;
}

/** Events that are part of the flow by one of its keys; of a session only the login (sources.md 2.7). */
function gatherEvents(graph: Graph, judge: Judge, focal: string, keys: ReadonlySet<string>): readonly StoredEvent[] {
  const found = new Map(graph.eventsNamed(focal).map((event) => [event.ref, event]));
  for (const key of keys) {
    const named = graph.namesOf(key).flatMap((name) => graph.events.get(name.ref) ?? []);
    const own =
      graph.classOf(key) === 'session'
        ? loginOf(named)
        : named.filter((event) => anchorsOf(event, judge.isContested).some((anchor) => keys.has(anchor)));
    for (const event of own) found.set(event.ref, event);
  }
  return [...found.values()];
}

function loginOf(events: readonly StoredEvent[]): readonly StoredEvent[] {
  const logins = events.filter((event) => event.action === 'session.login' && event.outcome === 'success');
  return logins.toSorted((a, b) => a.occurredAt - b.occurredAt).slice(0, 1);
}

/** One link for each pair and relation: the best grade, then the earliest assertion. */
function linksAmong(judge: Judge, keys: ReadonlySet<string>): readonly WalkedEdge[] {
  const best = new Map<string, WalkedEdge>();
  const rank = { exact: 0, asserted: 1, inferred: 2 } as const;
  for (const key of keys) {
    for (const edge of judge.up(key)) {
      if (!keys.has(edge.parent)) continue;
      const id = `${edge.parent}\u0000${edge.child}\u0000${edge.relation}`;
      const held = best.get(id);
      const better = held === undefined || rank[edge.grade] - rank[held.grade] || edge.at - held.at;
      if (better === true || better < 0) best.set(id, edge);
    }
  }
  return [...best.values()].toSorted(
    (a, b) => a.at - b.at || (a.parent < b.parent ? -1 : a.parent > b.parent ? 1 : a.child < b.child ? -1 : 1),
  );
}

function findingsOf(
  graph: Graph,
  judge: Judge,
  keys: ReadonlySet<string>,
  events: readonly StoredEvent[],
  closures: readonly Closure[],
): readonly FlowFinding[] {
  const found = new Map<string, FlowFinding>();
  const tell = (finding: FlowFinding): void => void found.set(`${finding.kind} ${finding.detail}`, finding);
  for (const key of keys) {
    for (const refusal of judge.refusals(key)) {
      const event = graph.events.get(refusal.ref)?.event;
      tell({ kind: refusal.kind, detail: refusal.detail, ...(event === undefined ? {} : { event }) });
    }
  }
  for (const finding of graph.findings) {
    if (finding.key === undefined || keys.has(finding.key)) tell({ kind: finding.kind, detail: finding.detail });
  }
  for (const event of events) {
    for (const finding of event.facts.findings ?? []) tell({ ...finding, event: event.event });
  }
  if (closures.some((one) => one.cut)) {
    tell({
      kind: 'cut_off',
      detail: `the walk stopped at ${WALK_LIMITS.nodes} keys or a depth of ${WALK_LIMITS.depth}; the chain goes on`,
    });
  }
  return [...found.values()];
}
