import type { StoredEvent } from '../../../store/stored-event.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { automationOf } from '../registers.ts';
import { claimsOf } from '../run-claims.ts';

/** A role that a project was given in the period, with every issue by which it was. */
interface Grant {
  readonly role: string;
  /** The project's number, else its path; absent where nothing says to which project a job belongs. */
  readonly project?: string;
  readonly issues: readonly StoredEvent[];
}

// Roles of the providers that may do everything, whatever the inventory says of them.
const EVERYTHING = /(?:^|[/:])(?:AdministratorAccess|PowerUserAccess|cluster-admin|root)$/;

/** T-07: a project holds only the roles that were meant for it. */
export const T07: ControlTest<Grant> = {
  id: 'T-07',
  version: 1,
  title: 'Least privilege',
  control:
    'A project is given only roles whose list names it, and a role that may do everything is held only as emergency access.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Distinct pairs of role and project among the credentials issued in the period by issuers and AWS, in all environments. Credentials for a place without a role are left out.',
    source: 'own_records',
    select: selectGrants,
  },
  exclusions: [
    {
      code: 'break_glass',
      text: 'A role for emergencies, which belongs to no project; its use is reviewed instead.',
      applies: ({ subject }, { rules }) =>
        subject.issues.every((issue) => rules.roleOn(subject.role, issue.occurredAt)?.use === 'break_glass')
          ? `${subject.role} is an emergency role; see the review of break-glass access`
          : undefined,
    },
    {
      code: 'registered_automation',
      text: 'A session that registered automation opened for itself.',
      applies: ({ subject }, { policy }) =>
        subject.issues.every((issue) => automationOf(issue, policy) !== undefined)
          ? 'Held by registered automation alone'
          : undefined,
    },
  ],
  attributes: [
    { code: 'role_not_allowed', text: 'The list of the role names the project, at each issue.', check: isAllowed },
    { code: 'wildcard_admin', text: 'The role may not do everything.', check: isLimited },
  ],
  minLink: 'policy',
  parameters: ({ roles }) => ({
    'roles registered': String(roles.length),
    'roles that may do everything': String(roles.filter(({ admin }) => admin).length),
  }),
  inputs: ['ce', 'aws.cloudtrail', 'gitlab.hook'],
  proves: 'That each role was used only by projects for which the inventory then in force meant it.',
  doesNotProve: 'That the lists are as short as they could be, or that a role may do no more than its work needs.',
};

function selectGrants(context: ControlContext): readonly Candidate<Grant>[] {
  const grants = new Map<string, { role: string; project?: string; issues: StoredEvent[] }>();
  const seen = new Set<string>();
  for (const event of context.graph.events.values()) {
    const key = event.facts.credential?.key;
    if (key === undefined || seen.has(key) || (event.family !== 'ce' && event.family !== 'aws.cloudtrail')) continue;
    seen.add(key);
    const issue = context.credentials.birthsOf(key).find((birth) => birth.facts.credential?.renewed !== true);
    if (!issue || issue.occurredAt < context.from || issue.occurredAt >= context.to) continue;
    const role = roleOf(issue, context);
    if (role === undefined) continue;
    const claims = issue.facts.ci?.project_id === undefined ? claimsOf({ issue, flow: context.flows.of(key) }) : undefined;
    const project = issue.facts.ci?.project_id ?? claims?.projectId ?? claims?.projectPath;
    const id = `grant:${role}/${project ?? 'unknown'}`;
    const held = grants.get(id);
    if (held) held.issues.push(issue);
    else grants.set(id, { role, ...(project === undefined ? {} : { project }), issues: [issue] });
  }
  return [...grants].map(([id, grant]) => {
    const first = grant.issues.toSorted((a, b) => a.occurredAt - b.occurredAt)[0];
    return candidate(id, first?.occurredAt ?? 0, grant, { evidence: first ? [first.event] : [] });
  });
} // prettier-ignore

function roleOf({ facts }: StoredEvent, { rules }: ControlContext): string | undefined {
  const names = [facts.target?.role, facts.credential?.target].filter((name) => name !== undefined);
  return names.find((name) => rules.knowsRole(name)) ?? names.find((name) => /^arn:[a-z-]+:iam::\d{12}:role\//.test(name));
} // prettier-ignore

function isAllowed({ subject: { role, project, issues } }: Candidate<Grant>, { rules, policy }: ControlContext): Answer {
  if (project === undefined) {
    return undecided('project_unknown', `Nothing says to which project the holder of ${role} belongs`, issues.slice(0, 20).map((issue) => issue.event));
  }
  const registered = policy.projects.find(({ id, path }) => id === project || path === project);
  const names = [project, registered?.id].filter((name) => name !== undefined);
  const outside = issues.filter((issue) => {
    const entry = rules.roleOn(role, issue.occurredAt);
    return entry?.use !== 'break_glass' && !names.some((name) => entry?.projects.includes(name) === true);
  });
  if (outside.length === 0) return HOLDS;
  const why = rules.knowsRole(role) ? 'the list of the role did not name it then' : 'the inventory does not name the role';
  return fails('role_not_allowed', `Project ${registered?.path ?? project} held ${role} in ${outside.length} of ${issues.length} issues; ${why}`, outside.slice(0, 20).map((issue) => issue.event));
} // prettier-ignore

function isLimited({ subject: { role, issues } }: Candidate<Grant>, { rules }: ControlContext): Answer {
  const wide = issues.filter((issue) => {
    const entry = rules.roleOn(role, issue.occurredAt);
    return entry?.use !== 'break_glass' && (entry?.admin === true || EVERYTHING.test(role));
  });
  return wide.length === 0
    ? HOLDS
    : fails('wildcard_admin', `${role} may do everything and was held outside an emergency`, wide.slice(0, 20).map((issue) => issue.event));
} // prettier-ignore
