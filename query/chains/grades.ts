import { CONFIDENCES } from '../../model/event.ts';
import type { Confidence } from '../../model/event.ts';
import { closure } from './flow-keys.ts';
import type { Graph } from './graph.ts';
import { judgeEdges } from './judge-edges.ts';
import type { Judge } from './judge-edges.ts';
import { isCredentialKey, isJobKey } from './levels.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

/**
 * How well a key above is tied to what the job got: the weakest link of the best way up to it from any of the
 * credentials, or from the job. `inferred` where no way is found.
 */
export function gradeOfWay(graph: Graph, rules: Rules, flow: Flow, key: string): Confidence {
  const judge = judgeEdges(graph, rules);
  const from = [...credentialsOf(flow), ...(flow.job === undefined ? [...flow.lineage].slice(0, 1) : [flow.job])];
  return CONFIDENCES.find((_, rank) => reachable(judge, from, rank).has(key)) ?? 'inferred';
}

/** How well the credentials of a flow are tied to its job, or to its root where there is none: the weakest of them. */
export function gradeOfCredentials(graph: Graph, rules: Rules, flow: Flow): Confidence {
  const judge = judgeEdges(graph, rules);
  const jobs = [...flow.branch].filter(isJobKey);
  const tops = jobs.length > 0 ? jobs : [flow.job ?? flow.root];
  const isTied = (credential: string, rank: number): boolean => {
    const reached = reachable(judge, [credential], rank);
    return tops.some((top) => reached.has(top));
  };
  const credentials = credentialsOf(flow);
  return CONFIDENCES.find((_, rank) => credentials.every((credential) => isTied(credential, rank))) ?? 'inferred';
}

// A role session is a name for what its access key does; the key is judged.
function credentialsOf(flow: Flow): readonly string[] {
  const all = [...flow.branch].filter(isCredentialKey);
  const keys = all.filter((key) => !key.startsWith('aws:session:'));
  return keys.length > 0 ? keys : all;
}

/** Keys above, over links of at least the grade of this rank. */
function reachable(judge: Judge, from: readonly string[], rank: number): ReadonlySet<string> {
  return closure(from, (key) =>
    judge.up(key).flatMap((edge) => (CONFIDENCES.indexOf(edge.grade) <= rank ? [edge.parent] : [])),
  ).keys;
}
