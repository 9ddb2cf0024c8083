import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { environmentNamed, isProduction } from '../chains/environments.ts';
import { isJobKey } from '../chains/levels.ts';
import type { ControlContext } from './control-test.ts';
import { selectProductionIssues } from './production-issues.ts';

/** A job that ran for production: by the environment that it names, or because it was given a production credential. */
export interface ProductionJob {
  readonly key: string;
  readonly at: Micros;
  /** What the forge told of it, in order of time; empty where only its credential is known. */
  readonly events: readonly StoredEvent[];
  /** Claims of the run that an issuer kept. */
  readonly claims?: StoredEvent['facts']['ci'];
  readonly evidence: readonly string[];
}

/** Production jobs that began in the period. A job that waits and never runs is none. */
export function productionJobs(context: ControlContext): readonly ProductionJob[] {
  const told = new Map<string, StoredEvent[]>();
  for (const event of context.graph.events.values()) {
    if (event.facts.job === undefined || event.disposition !== 'accepted') continue;
    if (event.action !== 'job.start' && event.action !== 'job.finish') continue;
    const key = event.keys.find((one) => one.role === 'subject' && isJobKey(one.key))?.key;
    if (key === undefined) continue;
    const list = told.get(key);
    if (list) list.push(event);
    else told.set(key, [event]);
  }
  const issues = new Map(
    selectProductionIssues(context).flatMap(({ subject }) =>
      subject.flow.job === undefined ? [] : [[subject.flow.job, subject.issue] as const],
    ),
  );
  const keys = new Set([...told.keys(), ...issues.keys()]);
  return [...keys].flatMap((key) => {
    const events = (told.get(key) ?? []).toSorted((a, b) => a.occurredAt - b.occurredAt);
    const issue = issues.get(key);
    const named = events.some((event) => isProduction(environmentNamed(event, context.rules), context.rules));
    const started = events.map((event) => event.facts.job?.started_at).find((at) => at !== undefined);
    const at = started ?? issue?.occurredAt;
    if ((!named && !issue) || at === undefined || at < context.from || at >= context.to) return [];
    const evidence = [...events.map((event) => event.event), ...(issue ? [issue.event] : [])];
    const claims = issue?.facts.ci;
    return [{ key, at, events, evidence, ...(claims === undefined ? {} : { claims }) }];
  });
}
