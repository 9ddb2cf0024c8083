import { CONFIDENCES } from '../../model/event.ts';
import type { Confidence } from '../../model/event.ts';
import { closure } from './flow-keys.ts';
import type { Graph } from './graph.ts';
import { judgeEdges } from './judge-edges.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

/**
 * How well a key above is tied to the flow: the weakest link of the best way up to it from the focal point, or from the
 * job where the focal point does not lead there. `inferred` where no way is found.
 */
export function gradeOfWay(graph: Graph, rules: Rules, flow: Flow, key: string): Confidence {
  const judge = judgeEdges(graph, rules);
  const from = flow.lineage.has(key) ? [...flow.lineage].slice(0, 1) : [...flow.branch];
  for (const [rank, grade] of CONFIDENCES.entries()) {
    const reached = closure(from, (one) =>
      judge
        .up(one)
        .filter((edge) => CONFIDENCES.indexOf(edge.grade) <= rank)
        .map((edge) => edge.parent),
    );
    if (reached.keys.has(key)) return grade;
  }
  return 'inferred';
}

/** How well the credentials of a flow are tied to its job, or to its root where there is none. */
export function gradeOfCredentials(graph: Graph, rules: Rules, flow: Flow): Confidence {
  const top = flow.job ?? flow.root;
  const judge = judgeEdges(graph, rules);
  const [nearest] = flow.lineage;
  if (nearest === undefined || nearest === top) return 'exact';
  const starts = nearest.startsWith('gitlab:') ? flow.credentials : [nearest];
  for (const [rank, grade] of CONFIDENCES.entries()) {
    const tied = starts.every((start) =>
      closure([start], (one) =>
        judge
          .up(one)
          .filter((edge) => CONFIDENCES.indexOf(edge.grade) <= rank)
          .map((edge) => edge.parent),
      ).keys.has(top),
    );
    if (tied) return grade;
  }
  return 'inferred';
}
