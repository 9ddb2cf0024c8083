import { clockBefore } from '../../../model/time.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { clockAt, clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { addressOf, runnersOf } from '../networks.ts';
import type { Use } from '../uses.ts';
import { spell, spellSeconds } from '../words.ts';

interface JobUse {
  readonly use: Use;
  readonly job: string;
}

/** T-10: a job's credential is used by the job: while it runs, and from its runner. */
export const T10: ControlTest<JobUse> = {
  id: 'T-10',
  version: 1,
  title: 'Credential used only by its job, in its window',
  control: 'The credential of a job is used only while the job runs, and only from the addresses of its runner.',
  key: false,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition:
      'Uses of resources in the period, of whatever outcome, with a credential that leads to one job. Logins and calls that only fetch a credential are left out.',
    source: 'independent',
    select: ({ uses, flows }) =>
      uses.inPeriod.flatMap((use) => {
        const job = use.credential === undefined ? undefined : flows.jobOf(use.event);
        if (job === undefined) return [];
        const { event, others: aliases } = use;
        return [
          {
            canonical: use.id,
            item: event.event,
            aliases,
            at: event.occurredAt,
            evidence: [event.event],
            subject: { use, job },
          },
        ];
      }),
  },
  stratumOf: ({ subject: { use } }) => `${use.event.family}: ${use.succeeded ? 'accepted' : 'refused'}`,
  exclusions: [],
  attributes: [
    {
      code: 'outside_window',
      text: 'The use lies between start and end of the job, with the grace of the policy.',
      check: isInWindow,
    },
    { code: 'foreign_address', text: 'The use comes from an address of the runner of the job.', check: isFromRunner },
  ],
  minLink: 'policy',
  parameters: ({ parameters, runners }) => ({
    job_grace: spellSeconds(parameters.job_grace_s),
    'runners registered': String(runners.length),
  }),
  inputs: ['ce', 'aws.cloudtrail', 'k8s.audit', 'vault.audit', 'gitlab.hook'],
  proves: 'That each accepted use fell into the time of the job that the credential was for, and came from its runner.',
  doesNotProve:
    'That it was the job, and not something else on the same runner. A refused use is no exception: it shows that enforcement works.',
};

function isInWindow({ subject: { use, job } }: Candidate<JobUse>, context: ControlContext): Answer {
  if (!use.succeeded) return HOLDS;
  const { rules, policy } = context;
  const told = eventsOfJob(context, job);
  const start = told.find((event) => event.facts.job?.started_at !== undefined);
  if (!start) return undecided('job_window_unknown', `Nothing says when ${job} ran`);
  const clock = clockOf(rules, use.event);
  const startedAt = start.facts.job?.started_at ?? start.occurredAt;
  if (clockBefore(clock, clockAt(rules, start, startedAt)) === true)
    return fails('outside_window', `Used ${spell(startedAt - use.event.occurredAt)} before the job began`, [
      start.event,
    ]);
  const end = told.findLast((event) => event.facts.job?.finished_at !== undefined);
  if (!end) return HOLDS;
  const finishedAt = end.facts.job?.finished_at ?? end.occurredAt;
  const grace = policy.parameters.job_grace_s * 1_000_000;
  const late = clockBefore(clockAt(rules, end, finishedAt + grace), clock);
  if (late === false || use.event.occurredAt <= finishedAt + grace) return HOLDS;
  const sentence = `Used ${spell(use.event.occurredAt - finishedAt)} after the job ended`;
  return late === true
    ? fails('outside_window', sentence, [end.event])
    : undecided('order_within_skew', `${sentence}; the clocks do not tell whether the grace had passed`, [end.event]);
}

function isFromRunner({ subject: { use, job } }: Candidate<JobUse>, context: ControlContext): Answer {
  if (!use.succeeded) return HOLDS;
  const { address, service } = addressOf(use.event);
  if (service) return HOLDS;
  if (address === undefined) return undecided('no_address', 'The target did not record from where the use came');
  const told = eventsOfJob(context, job).findLast((event) => event.facts.job?.runner_id !== undefined);
  const id = told?.facts.job?.runner_id ?? claimedRunner(context, job);
  if (id === undefined) return undecided('runner_unknown', `Nothing says on which runner ${job} ran`);
  const runners = runnersOf(context.policy, id, use.event.occurredAt).filter(({ egress_ips: ips }) => ips.length > 0);
  if (runners.length === 0) return undecided('no_runner_addresses', `The policy names no addresses of runner ${id}`);
  return runners.some(({ egress_ips: ips }) => ips.some((ip) => ip.toLowerCase() === address))
    ? HOLDS
    : fails('foreign_address', `${address} is no address of runner ${id}`, told ? [told.event] : []);
}

/** What GitLab told of a job, in order of time. */
function eventsOfJob({ graph }: ControlContext, job: string): readonly StoredEvent[] {
  return graph
    .namesOf(job)
    .filter((name) => name.role !== 'mentions')
    .flatMap((name) => graph.events.get(name.ref) ?? [])
    .filter((event) => event.facts.job !== undefined)
    .toSorted((a, b) => a.occurredAt - b.occurredAt);
}

/** The runner by the signed claims that the issuer kept. */
function claimedRunner({ graph }: ControlContext, job: string): string | undefined {
  for (const name of graph.namesOf(job)) {
    const runner = graph.events.get(name.ref)?.facts.ci?.runner_id;
    if (runner !== undefined) return runner;
  }
  return undefined;
}
