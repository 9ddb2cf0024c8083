import type { Policy } from '../../../model/policy.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { environmentOf, isProduction } from '../../chains/environments.ts';
import { happenedBefore } from '../../chains/order.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { idpSessionsOf } from '../idp-sessions.ts';
import type { CoveringSession, IdpSession } from '../idp-sessions.ts';

interface HumanAct {
  readonly event: StoredEvent;
  readonly role: 'requester' | 'approver';
}

const ASKING: ReadonlySet<string> = new Set(['access.request', 'token.request']);
const APPROVING: ReadonlySet<string> = new Set(['access.approve', 'deployment.approve']);

/** T-14: whoever asks or approves has shown a second factor; whoever approves production, one that cannot be phished. */
export const T14: ControlTest<HumanAct> = {
  id: 'T-14',
  version: 2,
  title: "MFA on requester's and approver's session",
  control:
    'People ask for access and approve it only in a session in which they have shown the factor that the policy asks of their part.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition: 'Requests, approvals and openings of emergency access by people, or in their name, in the period.',
    source: 'independent',
    select: selectActs,
  },
  stratumOf: ({ subject: { event, role } }) => `${event.family}: ${role}`,
  exclusions: [
    {
      code: 'asked_by_agent',
      text: 'An agent acted in the name of the person, who was in no session; T-19 judges what agents do.',
      applies: ({ subject: { event } }) => {
        const agent = event.actChain.find((actor) => actor.kind === 'ai_agent');
        return agent && `${agent.display ?? agent.key} acted in the name of the person`;
      },
    },
  ],
  attributes: [
    { code: 'no_session', text: 'A login of the person covers the act.', check: hasSession },
    { code: 'single_factor', text: 'A second factor was shown in that session before the act.', check: showedFactor },
    { code: 'factor_class', text: 'The factor is of the class that the policy asks for.', check: isStrongEnough },
  ],
  minLink: 'policy',
  parameters: ({ parameters }) => ({
    approver_factor: parameters.approver_factor,
    requester_factor: parameters.requester_factor,
    idp_session_max: `${parameters.idp_session_max_s} s`,
  }),
  inputs: ['okta.log', 'entra', 'keycloak', 'ce', 'gitlab.audit'],
  proves: 'That the identity provider had seen the factor that was performed, in the session that covers the act.',
  doesNotProve:
    'Who sat at the keyboard. For acts outside the provider the session is the latest of that person, not one that the act names.',
};

function selectActs({ graph, from, to, identities }: ControlContext): readonly Candidate<HumanAct>[] {
  const found: Candidate<HumanAct>[] = [];
  for (const event of graph.events.values()) {
    const role = ASKING.has(event.action) ? 'requester' : APPROVING.has(event.action) ? 'approver' : undefined;
    if (role === undefined || event.disposition !== 'accepted' || event.occurredAt < from || event.occurredAt >= to)
      continue;
    if (event.outcome !== 'success' && event.outcome !== 'pending') continue;
    const kind = identities.resolve(event.actor, event.occurredAt)?.kind ?? event.actor.kind;
    if (kind !== 'human' || event.actor.kind !== 'human') continue;
    const canonical = graph.eventsNamed(event.event).length > 1 ? `${event.event} ${event.eventId}` : event.event;
    found.push({
      canonical,
      item: event.event,
      aliases: [],
      at: event.occurredAt,
      evidence: [event.event],
      subject: { event, role },
    });
  }
  return found;
}

function hasSession({ subject }: Candidate<HumanAct>, context: ControlContext): Answer {
  const found = findSession(subject, context);
  if (found?.covers === true) return HOLDS;
  const { actor } = subject.event;
  const person = context.identities.resolve(actor, subject.event.occurredAt);
  const name = actor.display ?? actor.key;
  if (found) {
    const { start, end } = found.session;
    const evidence = [start.event, ...(end ? [end.event] : [])];
    return undecided(
      'order_within_skew',
      `The clocks do not tell whether a login of ${name} still covers the act`,
      evidence,
    );
  }
  return person
    ? undecided('no_session', `No login of ${name} at the identity provider covers the act`)
    : undecided('unresolved_identity', `Nothing says which person ${name} is`);
}

function showedFactor({ subject }: Candidate<HumanAct>, context: ControlContext): Answer {
  const session = sessionOf(subject, context);
  if (!session) return HOLDS;
  const factors = factorsBefore(session, subject, context);
  if (factors.some(({ before }) => before === true)) return HOLDS;
  const evidence = [session.start.event, ...session.factors.map((factor) => factor.event)];
  const who = subject.role === 'approver' ? 'The approver' : 'The requester';
  return factors.length > 0
    ? undecided('order_within_skew', `${who} showed a second factor at about the time of the act`, evidence)
    : fails('single_factor', `${who} had shown a single factor in that session`, evidence);
}

function isStrongEnough({ subject }: Candidate<HumanAct>, context: ControlContext): Answer {
  const session = sessionOf(subject, context);
  if (!session) return HOLDS;
  const needed = neededFactor(subject, context);
  const factors = factorsBefore(session, subject, context);
  if (factors.length === 0) return HOLDS;
  const classes = factors.map(({ factor, before }) => ({ kind: kindOf(factor, context.policy), before, factor }));
  const enough = classes.filter(({ kind }) => kind !== undefined && satisfies(kind, needed));
  if (enough.some(({ before }) => before === true)) return HOLDS;
  const evidence = [session.start.event, ...factors.map(({ factor }) => factor.event)];
  const shown = [
    ...new Set(classes.map(({ kind, factor }) => kind ?? factor.facts.login?.factor ?? 'an unnamed factor')),
  ].join(', ');
  const sentence = `Shown in that session: ${shown}; asked of ${subject.role === 'approver' ? 'approvers' : 'requesters'}: ${needed}`;
  if (enough.length > 0) return undecided('order_within_skew', `${sentence}, at about the time of the act`, evidence);
  return classes.some(({ kind }) => kind === undefined)
    ? undecided('factor_unknown', `${sentence}; the policy does not say what that factor is worth`, evidence)
    : fails('factor_class', sentence, evidence);
}

/** The session that the act itself names; for acts elsewhere the latest of that person that covers it, or else may. */
function findSession({ event }: HumanAct, context: ControlContext): CoveringSession | undefined {
  const sessions = idpSessionsOf(context);
  const named = sessions.named(event);
  if (named) return { session: named, covers: true };
  const person = context.identities.resolve(event.actor, event.occurredAt)?.person;
  return person === undefined ? undefined : sessions.covering(person, event)[0];
}

/** The session of the act, where it is certain: what was shown in another says nothing of it. */
function sessionOf(act: HumanAct, context: ControlContext): IdpSession | undefined {
  const found = findSession(act, context);
  return found?.covers === true ? found.session : undefined;
}

function factorsBefore(
  session: IdpSession,
  { event }: HumanAct,
  { graph, rules }: ControlContext,
): readonly { readonly factor: StoredEvent; readonly before: true | 'unknown' }[] {
  return session.factors.flatMap((factor) => {
    const before = happenedBefore(graph, factor, event, rules);
    return before === false ? [] : [{ factor, before }];
  });
}

/** An approval counts as one of production unless what it is for is known to be something else. */
function neededFactor({ event, role }: HumanAct, { rules, policy }: ControlContext): Needed {
  const environment = environmentOf(event, rules);
  const elsewhere = environment !== undefined && !isProduction(environment, rules);
  return role === 'approver' && !elsewhere ? policy.parameters.approver_factor : policy.parameters.requester_factor;
}

type Needed = Policy['parameters']['approver_factor'];
type Kind = Policy['parameters']['factor_classes'][string];

function kindOf(factor: StoredEvent, { parameters }: Policy): Kind | undefined {
  const name = factor.facts.login?.factor;
  return name !== undefined && Object.hasOwn(parameters.factor_classes, name)
    ? parameters.factor_classes[name]
    : undefined;
}

function satisfies(kind: Kind, needed: Needed): boolean {
  return needed === 'phishing_resistant' ? kind === 'phishing_resistant' : kind !== 'none';
}
