import type { StoredEvent } from '../../store/stored-event.ts';
import { environmentNamed, isProduction } from '../chains/environments.ts';
import type { Candidate, ControlContext } from './control-test.ts';

/** A successful deployment to production, and what its job says of the commit. */
export interface Deployed {
  readonly deployment: StoredEvent;
  readonly project?: string;
  readonly sha?: string;
  readonly ref?: string;
  readonly job?: StoredEvent;
}

/** Successful deployments to production in the period, by the records of the forge; each once, at its first success. */
export function selectDeployments(context: ControlContext): readonly Candidate<Deployed>[] {
  const { graph, rules, from, to } = context;
  const found = new Map<string, StoredEvent>();
  for (const event of graph.events.values()) {
    if (event.action !== 'deployment.finish' || event.outcome !== 'success' || event.disposition !== 'accepted')
      continue;
    if (event.occurredAt < from || event.occurredAt >= to || !isProduction(environmentNamed(event, rules), rules))
      continue;
    const key = event.keys.find((one) => one.key.startsWith('gitlab:deployment:') && one.role === 'subject')?.key;
    const held = key === undefined ? undefined : found.get(key);
    if (key !== undefined && (!held || event.occurredAt < held.occurredAt)) found.set(key, event);
  }
  return [...found].map(([key, deployment]) => {
    const jobs = deployment.keys.filter((one) => one.key.startsWith('gitlab:job:')).map((one) => one.key);
    const told = jobs
      .flatMap((job) =>
        graph.namesOf(job).flatMap((name) => (name.role === 'mentions' ? [] : (graph.events.get(name.ref) ?? []))),
      )
      .find((event) => event.facts.job?.sha !== undefined);
    const job = told?.facts.job;
    const project = deployment.facts.deployment?.project_id ?? job?.project_id;
    return {
      canonical: key,
      item: key,
      aliases: jobs,
      at: deployment.occurredAt,
      evidence: [deployment.event],
      subject: {
        deployment,
        ...(told === undefined ? {} : { job: told }),
        ...(project === undefined ? {} : { project }),
        ...(job?.sha === undefined ? {} : { sha: job.sha }),
        ...(job?.ref === undefined ? {} : { ref: job.ref }),
      },
    };
  });
}
