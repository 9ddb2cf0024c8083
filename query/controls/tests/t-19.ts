import type { ActorRef } from '../../../model/actor.ts';
import type { Policy } from '../../../model/policy.ts';
import { clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { lifecyclesOf } from '../lifecycles.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { reliedOn, selectOrdinaryIssues } from '../reliances.ts';

interface AgentRun {
  readonly issued: ProductionIssue;
  readonly agents: readonly ActorRef[];
}

/** T-19: behind each agent stands a person, and another person lets it into production. */
export const T19: ControlTest<AgentRun> = {
  id: 'T-19',
  version: 1,
  title: 'AI agent runs have a human sponsor and human approval',
  control:
    'An AI agent acts in production only for an active human sponsor, in a role it may hold, on the approval of a person who is not its sponsor, with the model on record; it never approves.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition: 'Production credentials issued in the period in whose flow an AI agent asked, ran, acted or approved.',
    source: 'own_records',
    select: selectAgentRuns,
  },
  exclusions: [],
  attributes: [
    { code: 'no_sponsor', text: 'The agent has a sponsor on record, who is a person.', check: hasSponsor },
    { code: 'sponsor_inactive', text: 'The identity of the sponsor was active at the issue.', check: hasActiveSponsor },
    { code: 'role_not_allowed', text: 'The role is one that the agent may hold.', check: isAllowedRole },
    { code: 'agent_approves', text: 'No agent approved.', check: isApprovedByNoAgent },
    { code: 'approved_by_sponsor', text: 'A person other than the sponsor approved.', check: isApprovedByOther },
    { code: 'model_missing', text: 'The issuer recorded the model that the agent ran on.', check: hasModel },
  ],
  minLink: 'policy',
  parameters: ({ identities }) => ({
    'agents registered': String(identities.filter(({ kind }) => kind === 'ai_agent').length),
  }),
  inputs: ['ce', 'okta.log', 'gitlab.hook', 'gitlab.audit'],
  proves: 'That a person answers for each agent that reached production, and that somebody else let it in.',
  doesNotProve: 'That the sponsor supervised it, or what the model was told.',
};

function selectAgentRuns(context: ControlContext): readonly Candidate<AgentRun>[] {
  return selectOrdinaryIssues(context).flatMap((candidate) => {
    const issued = candidate.subject;
    const told = [
      issued.issue,
      ...issued.flow.events.filter(({ stage }) => stage === 'request' || stage === 'run' || stage === 'approve'),
    ];
    const acting = [
      ...told.flatMap((event) => [event.actor, ...event.actChain]),
      ...issued.approvals.map(({ by }) => by),
    ];
    const agents = new Map<string, ActorRef>();
    for (const actor of acting) {
      const held = agents.get(actor.key);
      if (isAgent(actor, context) && (!held || (held.model === undefined && actor.model !== undefined)))
        agents.set(actor.key, actor);
    }
    return agents.size === 0 ? [] : [{ ...candidate, subject: { issued, agents: [...agents.values()] } }];
  });
}

function isAgent(actor: ActorRef, { identities }: ControlContext): boolean {
  if (actor.key === '') return false;
  return actor.kind === 'ai_agent' || identities.resolve(actor)?.kind === 'ai_agent';
}

type Entry = Policy['identities'][number];

/** What the policy says of an agent; undefined where it does not know it. */
function entryOf(agent: ActorRef, { identities, policy }: ControlContext): Entry | undefined {
  const person = identities.resolve(agent)?.person;
  return policy.identities.find((entry) => entry.person === person && entry.kind === 'ai_agent');
}

function sponsorsOf(agents: readonly ActorRef[], context: ControlContext): readonly string[] {
  return agents.flatMap((agent) => {
    const sponsor = entryOf(agent, context)?.sponsor;
    return typeof sponsor === 'string' ? [context.identities.personOf(sponsor)?.person ?? sponsor] : [];
  });
}

function hasSponsor({ subject: { agents } }: Candidate<AgentRun>, context: ControlContext): Answer {
  for (const agent of agents) {
    const sponsor = entryOf(agent, context)?.sponsor;
    const name = agent.display ?? agent.key;
    if (typeof sponsor !== 'string') return fails('no_sponsor', `Nobody is on record as the sponsor of ${name}`);
    const kind = context.identities.personOf(sponsor)?.kind;
    if (kind !== undefined && kind !== 'human')
      return fails('no_sponsor', `The sponsor of ${name} is no person: ${sponsor}`);
  }
  return HOLDS;
}

function hasActiveSponsor({ subject: { issued, agents } }: Candidate<AgentRun>, context: ControlContext): Answer {
  const { graph, identities, rules } = context;
  let doubt = HOLDS;
  for (const sponsor of sponsorsOf(agents, context)) {
    const { gone, event } = lifecyclesOf(graph, identities, rules).leavingOf(sponsor, clockOf(rules, issued.issue));
    if (gone === false || !event) continue;
    const name = identities.personOf(sponsor)?.display ?? sponsor;
    if (gone === true)
      return fails('sponsor_inactive', `The sponsor ${name} had been deactivated before the issue`, [event.event]);
    doubt = undecided('order_within_skew', `The clocks do not tell whether the sponsor ${name} was still active`, [
      event.event,
    ]);
  }
  return doubt;
}

function isAllowedRole({ subject: { issued, agents } }: Candidate<AgentRun>, context: ControlContext): Answer {
  const { credential, target } = issued.issue.facts;
  const role = [target?.role, credential?.target].find((name) => name !== undefined && context.rules.knowsRole(name));
  if (role === undefined) return HOLDS;
  const barred = agents.find((agent) => entryOf(agent, context)?.allowed_roles?.includes(role) === false);
  return barred ? fails('role_not_allowed', `${barred.display ?? barred.key} may not hold ${role}`) : HOLDS;
}

function isApprovedByNoAgent({ subject: { issued } }: Candidate<AgentRun>, context: ControlContext): Answer {
  const by = reliedOn(issued, context).find((approval) => isAgent(approval.by, context));
  return by
    ? fails('agent_approves', `${by.by.display ?? by.by.key} approved, which is an agent`, [by.event.event])
    : HOLDS;
}

function isApprovedByOther({ subject: { issued, agents } }: Candidate<AgentRun>, context: ControlContext): Answer {
  const approvals = reliedOn(issued, context).filter(({ mode }) => mode === 'human');
  const sponsors = new Set(sponsorsOf(agents, context));
  // Without any approval there is nothing to say of who gave it: T-01 names that.
  if (approvals.length === 0) return HOLDS;
  const people = approvals.filter((approval) => !isAgent(approval.by, context));
  const known = people.map((approval) => context.identities.resolve(approval.by, approval.at)?.person);
  if (known.some((person) => person !== undefined && !sponsors.has(person))) return HOLDS;
  const evidence = approvals.map(({ event }) => event.event);
  return known.includes(undefined)
    ? undecided('unresolved_identity', 'It cannot be said whether the approver is the sponsor', evidence)
    : fails('approved_by_sponsor', 'No person other than the sponsor approved', evidence);
}

function hasModel({ subject: { issued } }: Candidate<AgentRun>): Answer {
  const asking = issued.flow.events.filter(({ stage }) => stage === 'request');
  const told = [issued.issue, ...asking]
    .flatMap((event) => [event.actor, ...event.actChain])
    .filter(({ kind }) => kind === 'ai_agent');
  const ofIssue = [issued.issue.actor, ...issued.issue.actChain].filter(({ kind }) => kind === 'ai_agent');
  const needed = ofIssue.length > 0 ? ofIssue : told;
  if (needed.length === 0)
    return undecided('agent_not_named', 'The issuer did not name the agent, so it named no model either');
  return needed.every(({ model }) => model !== undefined && model !== '')
    ? HOLDS
    : fails('model_missing', 'No model is on record');
}
