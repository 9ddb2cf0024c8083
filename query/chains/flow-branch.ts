import { closure } from './flow-keys.ts';
import type { Closure } from './flow-keys.ts';
import type { Graph } from './graph.ts';
import type { Judge } from './judge-edges.ts';
import { isCredentialKey, isJobKey, isRequestKey, levelOf } from './levels.ts';

/** What is climbed to and what is descended to from a focal point. */
export interface Branch {
  readonly lineage: Closure;
  readonly branch: Closure;
  /** The job whose branch it is; undefined without a job, and where several jobs are asked for at once. */
  readonly job?: string;
}

/**
 * Finds the job that a focal point belongs to and descends from that job alone. Asked from above (a request, a
 * pipeline), the flow of the one job that got a credential is the answer, the same as asked from below; where several
 * did, all of them are told.
 */
export function findBranch(graph: Graph, judge: Judge, start: readonly string[]): Branch {
  const climbed = climb(judge, start);
  const near = jobsNear(graph, judge, start, climbed.keys);
  if (near.length > 0) return branchOf(judge, start, climbed, near);
  const whole = descend(judge, seedsWithoutJob(judge, start, climbed.keys), true);
  const running = runningJobs(graph, judge, whole.keys);
  if (running.length === 1) return branchOf(judge, start, climbed, running);
  const lineage = climb(judge, [...start, ...[...whole.keys].filter(isCredentialKey)]);
  // What a role session's name led to may hang on a token that the name does not lead to.
  const first = running.length === 0 ? firstCredentials(judge, lineage.keys) : [];
  return { lineage, branch: first.some((key) => !whole.keys.has(key)) ? descend(judge, first, true) : whole };
}

function firstCredentials(judge: Judge, lineage: ReadonlySet<string>): readonly string[] {
  return [...lineage].filter(
    (key) => isCredentialKey(key) && !judge.up(key).some((edge) => isCredentialKey(edge.parent)),
  );
}

function branchOf(judge: Judge, start: readonly string[], climbed: Closure, jobs: readonly string[]): Branch {
  const branch = descend(judge, jobs, false);
  // From a credential only its own line counts; from above it, the lines of all that the job got.
  const isBelow = start.every((key) => levelOf(key) >= 4) && jobs.every((job) => climbed.keys.has(job));
  const lineage = isBelow ? climbed : climb(judge, [...start, ...jobs, ...[...branch.keys].filter(isCredentialKey)]);
  return { lineage, branch, ...(jobs.length === 1 && jobs[0] !== undefined ? { job: jobs[0] } : {}) };
}

/** Everything above the keys. */
export function climb(judge: Judge, keys: readonly string[]): Closure {
  return closure(keys, (key) => judge.up(key).map((edge) => edge.parent));
}

// A job that starts another pipeline does not make that pipeline's touches its own.
function descend(judge: Judge, keys: readonly string[], throughSpawned: boolean): Closure {
  return closure(keys, (key) =>
    judge
      .down(key)
      .filter((edge) => throughSpawned || edge.relation !== 'spawned')
      .map((edge) => edge.child),
  );
}

/** The nearest job above the focal point; for a gate the jobs that it gates. */
function jobsNear(
  graph: Graph,
  judge: Judge,
  start: readonly string[],
  lineage: ReadonlySet<string>,
): readonly string[] {
  const gated = start.flatMap((key) =>
    judge.down(key).flatMap((edge) => (edge.relation === 'gates' ? [edge.child] : [])),
  );
  if (gated.length > 0) return [...new Set(gated)];
  const asked = start.filter(isJobKey);
  if (asked.length > 0) return asked;
  // From a pipeline or a request the flow below is asked for, although a bridge job may stand above it.
  if (!start.some((key) => levelOf(key) >= 3)) return [];
  const nearest = [...lineage].find((key) => isJobKey(key) && graph.classOf(key) === 'chain');
  return nearest === undefined ? [] : [nearest];
}

/** The first credential; else the focal point, or what stands above it where nothing hangs on it (a grant). */
function seedsWithoutJob(judge: Judge, start: readonly string[], lineage: ReadonlySet<string>): readonly string[] {
  const first = firstCredentials(judge, lineage);
  if (first.length > 0) return first;
  const leads = [...descend(judge, start, true).keys].some((key) => isJobKey(key) || isCredentialKey(key));
  const request = leads
    ? undefined
    : [...lineage].find((key) => isRequestKey(key) || key.startsWith('gitlab:pipeline:'));
  return request === undefined ? start : [request];
}

/** Jobs that got a credential of this branch, wherever they stand to it. */
function runningJobs(graph: Graph, judge: Judge, branch: ReadonlySet<string>): readonly string[] {
  const found = new Set<string>();
  for (const key of branch) {
    if (isJobKey(key) && judge.down(key).some((edge) => isCredentialKey(edge.child))) found.add(key);
    if (!isCredentialKey(key)) continue;
    const job = [...climb(judge, [key]).keys].find((above) => isJobKey(above) && graph.classOf(above) === 'chain');
    if (job !== undefined) found.add(job);
  }
  return [...found];
}
