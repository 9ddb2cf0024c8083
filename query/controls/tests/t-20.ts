import { clockBefore } from '../../../model/time.ts';
import { environmentOf, forgeEnvironment, isProduction } from '../../chains/environments.ts';
import { clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { automatedSessionOf, crossedOf, selectProductionIssues } from '../production-issues.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { fitsPattern, unprotectedTimes } from '../protections.ts';
import { claimsOf } from '../run-claims.ts';
import type { RunClaims } from '../run-claims.ts';

interface JobIssue {
  readonly issued: ProductionIssue;
  readonly claims: RunClaims;
}

/** T-20: only an allowed project may hold a production role, and only on a ref that is protected just then. */
export const T20: ControlTest<JobIssue> = {
  id: 'T-20',
  version: 1,
  title: 'Privileged role only from a protected ref of an allowed project',
  control:
    'A production credential is issued only to a job of a project that may hold the role, on a ref that is protected at that moment, for the production environment.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition: 'Production credentials issued in the period to jobs; sessions of registered automation are left out.',
    source: 'own_records',
    select: selectJobIssues,
  },
  stratumOf: ({ subject: { issued, claims } }) =>
    `${issued.how}: ${claims.from === 'signed' ? 'claims kept by the issuer' : 'claims from the events of the job'}`,
  exclusions: [
    {
      code: 'crossed_environments',
      text: 'A session derived from a credential of another environment, which T-22 judges.',
      applies: (candidate, context) => crossedOf({ ...candidate, subject: candidate.subject.issued }, context),
    },
  ],
  attributes: [
    { code: 'project_not_allowed', text: 'The project is one that may hold the role.', check: isAllowedProject },
    { code: 'environment_mismatch', text: 'The job runs for a production environment.', check: isForProduction },
    { code: 'ref_unprotected', text: 'The ref is protected, by the claims of the run.', check: isProtected },
    { code: 'ref_not_allowed', text: 'The ref is one from which the role may be held.', check: isAllowedRef },
    {
      code: 'ref_unprotected_at_that_time',
      text: 'By the history of its settings the ref was protected at the issue.',
      check: wasProtected,
    },
  ],
  minLink: 'policy',
  parameters: ({ roles, projects, protected_refs_history: history }) => ({
    'roles with a list of projects': String(roles.filter((role) => role.projects.length > 0).length),
    'projects registered': String(projects.length),
    'entries in the history of protected refs': String(history.length),
  }),
  inputs: ['ce', 'aws.cloudtrail', 'gitlab.hook', 'gitlab.audit'],
  proves: 'That each production credential went to a job whose project and ref the policy allows, as they stood then.',
  doesNotProve:
    'The protection itself where only the forge asserts it: whether a ref is protected is what GitLab says of its own settings.',
};

function selectJobIssues(context: ControlContext): readonly Candidate<JobIssue>[] {
  return selectProductionIssues(context).flatMap((candidate) => {
    const issued = candidate.subject;
    if (automatedSessionOf(candidate, context) !== undefined) return [];
    const claims = claimsOf(issued) ?? (issued.flow.job === undefined ? undefined : { from: 'forge', events: [] });
    return claims ? [{ ...candidate, subject: { issued, claims } }] : [];
  });
}

function isAllowedProject(
  { subject: { issued, claims } }: Candidate<JobIssue>,
  { rules, policy }: ControlContext,
): Answer {
  const { projectId, projectPath } = claims;
  if (projectId === undefined && projectPath === undefined)
    return undecided('claims_not_kept', 'Nothing says which project the job belongs to');
  const { credential, target } = issued.issue.facts;
  const name = [target?.role, credential?.target].find((one) => one !== undefined && rules.knowsRole(one));
  const role = name === undefined ? undefined : rules.roleOn(name, issued.issue.occurredAt);
  const project = policy.projects.find(
    ({ id, path }) => id === projectId || (path !== undefined && path === projectPath),
  );
  const who = projectPath ?? `project ${projectId}`;
  const evidence = claims.events.map((event) => event.event);
  if (role)
    return [projectId, project?.id].some((id) => id !== undefined && role.projects.includes(id))
      ? HOLDS
      : fails('project_not_allowed', `${who} may not hold ${role.role}`, evidence);
  return project
    ? HOLDS
    : fails(
        'project_not_allowed',
        `${who} is not registered for ${target?.name ?? credential?.target ?? 'production'}`,
        evidence,
      );
}

function isForProduction({ subject: { claims, issued } }: Candidate<JobIssue>, { rules }: ControlContext): Answer {
  const { environment } = claims;
  if (environment === undefined) return undecided('claims_not_kept', 'Nothing says for which environment the job runs');
  if (isProduction(forgeEnvironment(environment, issued.issue.occurredAt, rules), rules)) return HOLDS;
  return fails(
    'environment_mismatch',
    `The job runs for ${environment}, the credential is good for ${environmentOf(issued.issue, rules)}`,
  );
}

function isProtected({ subject: { claims } }: Candidate<JobIssue>): Answer {
  if (claims.refProtected === true) return HOLDS;
  const ref = claims.ref ?? 'the ref';
  return claims.refProtected === false
    ? fails('ref_unprotected', `${ref} is not protected`)
    : undecided('claims_not_kept', `Nothing says whether ${ref} was protected`);
}

function isAllowedRef({ subject: { claims, issued } }: Candidate<JobIssue>, { rules, policy }: ControlContext): Answer {
  const { ref } = claims;
  if (ref === undefined) return undecided('claims_not_kept', 'Nothing says on which ref the job ran');
  const { credential, target } = issued.issue.facts;
  const role = rules.roleOn(target?.role ?? credential?.target ?? '', issued.issue.occurredAt);
  const refs = role?.refs ?? policy.projects.find(({ id }) => id === claims.projectId)?.protected_refs ?? [];
  if (refs.length === 0 || refs.some((pattern) => fitsPattern(ref, pattern))) return HOLDS;
  return fails('ref_not_allowed', `${ref} is none of ${refs.join(', ')}`);
}

function wasProtected({ subject: { claims, issued } }: Candidate<JobIssue>, context: ControlContext): Answer {
  const { ref, projectId } = claims;
  if (ref === undefined || projectId === undefined) return HOLDS;
  const clock = clockOf(context.rules, issued.issue);
  let doubt = HOLDS;
  for (const gap of unprotectedTimes(context, projectId, ref)) {
    const begun = gap.from ? clockBefore(gap.from, clock) : true;
    const ended = gap.to ? clockBefore(gap.to, clock) : false;
    if (begun === false || ended === true) continue;
    const sentence = `${ref} was not protected from ${gap.said}`;
    if (begun === true && ended === false) return fails('ref_unprotected_at_that_time', sentence, gap.evidence);
    doubt = undecided('order_within_skew', sentence, gap.evidence);
  }
  return doubt;
}
