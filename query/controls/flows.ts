import type { Confidence } from '../../model/event.ts';
import { CONFIDENCES } from '../../model/event.ts';
import { typeOfKey } from '../../model/key.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from '../chains/graph.ts';
import { judgeEdges, weaker } from '../chains/judge-edges.ts';
import { anchorsOf, isJobKey } from '../chains/levels.ts';
import type { Rules } from '../chains/rules.ts';
import { walkFlow } from '../chains/walk-flow.ts';
import type { Flow } from '../chains/walk-flow.ts';
import type { Credentials } from './credentials.ts';

/** Keys that are looked at on the way to a job. */
const MAX_CLIMB = 1_000;

/** How an act hangs together with a run or a request: the nearest one, and the weakest link on the best way to it. */
export interface Reach {
  readonly to: string;
  readonly grade: Confidence;
}

/** The flows behind credentials and acts. Each is walked once, however many items ask for it. */
export interface Flows {
  of(focal: string): Flow;
  /** The run, request or issued token that an act climbs to; undefined if it hangs on none. */
  reachOf(event: StoredEvent): Reach | undefined;
  /** The job that an act climbs to; undefined if to none, or if it cannot be said to which of several. */
  jobOf(event: StoredEvent): string | undefined;
  /** Whether two jobs claim a credential, so that its id says nothing of whose an act is. */
  isContested(key: string): boolean;
}

/** Gives the flows of a graph; answers are remembered, since many items share a credential. */
export function createFlows(graph: Graph, rules: Rules, credentials: Credentials): Flows {
  const judge = judgeEdges(graph, rules);
  const flows = new Map<string, Flow>();
  const reaches = new Map<string, Reach | undefined>();
  const jobs = new Map<string, string | undefined>();
  return {
    of(focal) {
      const flow = flows.get(focal) ?? walkFlow(graph, focal, rules);
      flows.set(focal, flow);
      return flow;
    },
    reachOf(event) {
      const start = anchorsOf(event, judge.isContested);
      const id = start.join('\u0000');
      if (!reaches.has(id)) reaches.set(id, climbToFlow(start));
      return reaches.get(id);
    },
    jobOf(event) {
      const start = anchorsOf(event, judge.isContested);
      const id = start.join('\u0000');
      if (!jobs.has(id)) jobs.set(id, climbToJob(start));
      return jobs.get(id);
    },
    isContested: judge.isContested,
  };

  function climbToJob(start: readonly string[]): string | undefined {
    const seen = new Set(start);
    const found = new Set<string>();
    for (const key of seen) {
      if (isJobKey(key)) found.add(key);
      else if (seen.size < MAX_CLIMB) for (const edge of judge.up(key)) seen.add(edge.parent);
    }
    return found.size === 1 ? [...found][0] : undefined;
  }

  // Keys are taken best grade first, so the first that is part of a flow is reached by the best way.
  function climbToFlow(start: readonly string[]): Reach | undefined {
    const grades = new Map<string, Confidence>(start.map((key) => [key, 'exact']));
    const done = new Set<string>();
    for (const grade of CONFIDENCES) {
      const queue = [...grades].filter(([key, held]) => held === grade && !done.has(key)).map(([key]) => key);
      for (const key of queue) {
        if (done.has(key)) continue;
        done.add(key);
        if (isPartOfFlow(key, credentials)) return { to: key, grade };
        for (const edge of judge.up(key)) {
          const next = weaker(grade, edge.grade);
          const held = grades.get(edge.parent);
          if (held !== undefined && weaker(held, next) === next) continue;
          grades.set(edge.parent, next);
          if (next === grade) queue.push(edge.parent);
        }
      }
    }
    return undefined;
  }
}

/** A run, a request, or a token whose issuer told of its birth: what makes an act more than a call with some key. */
function isPartOfFlow(key: string, credentials: Credentials): boolean {
  const type = typeOfKey(key);
  if (type === 'gitlab:job' || type === 'gitlab:pipeline' || type === 'access-request' || type === 'hoop:review')
    return true;
  return credentials.birthsOf(key).some((birth) => birth.family === 'ce');
}
