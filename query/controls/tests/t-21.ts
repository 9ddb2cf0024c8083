import { forgeEnvironment, isProduction } from '../../chains/environments.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { runnersOf } from '../networks.ts';
import { productionJobs } from '../production-jobs.ts';
import type { ProductionJob } from '../production-jobs.ts';

/** T-21: what runs for production runs on machines that are kept for it. */
export const T21: ControlTest<ProductionJob> = {
  id: 'T-21',
  version: 1,
  title: 'Production jobs on controlled runners',
  control:
    'A job for production runs on a registered runner that is kept for production, shared with nobody, and takes protected refs only; where images are pinned, it runs in one of them.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Jobs that began in the period and ran for production: by the environment that they name, or because they were given a production credential.',
    source: 'own_records',
    select: (context) =>
      productionJobs(context).map((job) => candidate(job.key, job.at, job, { evidence: job.evidence })),
  },
  stratumOf: ({ subject }) => `runner ${runnerOf(subject) ?? 'unknown'}`,
  exclusions: [],
  attributes: [
    { code: 'runner_unknown', text: 'It is recorded on which runner it ran.', check: isRecorded },
    { code: 'runner_shared', text: 'The runner is not one that others share.', check: isOwn },
    { code: 'runner_not_registered', text: 'The runner was in the register at that time.', check: isRegistered },
    { code: 'runner_not_for_production', text: 'The runner is one for production, by environment or tag.', check: isForProduction },
    { code: 'runner_unprotected', text: 'The runner takes jobs of protected refs only.', check: isProtected },
    { code: 'image_not_pinned', text: 'The job ran in an image that its project pins, where it pins any.', check: isPinned },
  ],
  minLink: 'policy',
  parameters: ({ runners, projects, parameters }) => ({
    'runners registered': String(runners.length),
    production_runner_tags: parameters.production_runner_tags.join(', '),
    'projects that pin images': String(projects.filter(({ image_digests: digests }) => digests.length > 0).length),
  }),
  inputs: ['gitlab.hook', 'ce'],
  proves: 'That production jobs ran on runners that the register keeps for production.',
  doesNotProve: 'That such a runner was in good health, or which image a job ran in where no project pins any.',
}; // prettier-ignore

function runnerOf({ events, claims }: ProductionJob): string | undefined {
  return events.findLast((event) => event.facts.job?.runner_id !== undefined)?.facts.job?.runner_id ?? claims?.runner_id;
} // prettier-ignore

function entriesOf(job: ProductionJob, { policy }: ControlContext): ReturnType<typeof runnersOf> {
  const id = runnerOf(job);
  return id === undefined ? [] : runnersOf(policy, id, job.at);
}

function isRecorded({ subject }: Candidate<ProductionJob>): Answer {
  return runnerOf(subject) === undefined
    ? undecided('runner_unknown', 'Nothing says on which runner the job ran')
    : HOLDS;
}

function isOwn({ subject }: Candidate<ProductionJob>, context: ControlContext): Answer {
  const told = subject.events.findLast(({ facts }) => facts.job?.runner_type === 'instance_type' || facts.job?.runner_shared === true);
  const registered = entriesOf(subject, context).some(({ shared }) => shared === true);
  if (!told && !registered) return HOLDS;
  const by = told ? 'the forge' : 'the register';
  return fails('runner_shared', `Runner ${runnerOf(subject)} is shared, by the word of ${by}`, told ? [told.event] : []);
} // prettier-ignore

function isRegistered({ subject }: Candidate<ProductionJob>, context: ControlContext): Answer {
  const id = runnerOf(subject);
  if (id === undefined || entriesOf(subject, context).length > 0) return HOLDS;
  return fails('runner_not_registered', `Runner ${id} was not in the register at that time`);
}

function isForProduction({ subject }: Candidate<ProductionJob>, context: ControlContext): Answer {
  const entries = entriesOf(subject, context);
  if (entries.length === 0) return HOLDS;
  const { rules, policy } = context;
  const wanted = policy.parameters.production_runner_tags;
  const tags = [...entries.flatMap((entry) => entry.tags), ...subject.events.flatMap(({ facts }) => facts.job?.runner_tags ?? [])];
  const named = entries.flatMap(({ environment }) => environment ?? []);
  const fits = named.some((name) => isProduction(forgeEnvironment(name, subject.at, rules), rules) || wanted.includes(name));
  if (fits || (named.length === 0 && tags.some((tag) => wanted.includes(tag)))) return HOLDS;
  if (named.length === 0 && tags.length === 0)
    return undecided('runner_unclassified', `Nothing says for which environment runner ${runnerOf(subject)} is`);
  return fails('runner_not_for_production', `Runner ${runnerOf(subject)} is for ${named[0] ?? tags.join(', ')}`);
} // prettier-ignore

function isProtected({ subject }: Candidate<ProductionJob>, context: ControlContext): Answer {
  const entries = entriesOf(subject, context);
  if (entries.length === 0 || entries.some((entry) => entry.protected === true)) return HOLDS;
  const id = runnerOf(subject);
  return entries.every((entry) => entry.protected === false)
    ? fails('runner_unprotected', `Runner ${id} takes jobs of any ref`)
    : undecided('protection_unknown', `The register does not say whether runner ${id} takes protected refs only`);
}

function isPinned({ subject }: Candidate<ProductionJob>, { policy }: ControlContext): Answer {
  const told = subject.events.find(({ facts }) => facts.job?.project_id !== undefined)?.facts.job;
  const id = told?.project_id ?? subject.claims?.project_id;
  const pinned = policy.projects.find((project) => project.id === id)?.image_digests ?? [];
  if (pinned.length === 0) return HOLDS;
  const digest = subject.claims?.image_digest;
  if (digest === undefined) return undecided('image_unknown', 'No source says in which image the job ran');
  return pinned.includes(digest) ? HOLDS : fails('image_not_pinned', `The job ran in ${digest}, which its project does not pin`);
} // prettier-ignore
