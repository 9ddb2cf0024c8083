import { or } from '../../../model/truth.ts';
import { isInForce } from '../../../model/policy-inventory.ts';
import type { Facts } from '../../../model/facts.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';

interface Access {
  readonly event: StoredEvent;
  readonly told: NonNullable<Facts['evidence_access']>;
}

/** T-37: whoever looks at the evidence is looked at too. */
export const T37: ControlTest<Access> = {
  id: 'T-37',
  version: 1,
  title: 'Access to the evidence is itself recorded and proper',
  control:
    'Evidence is read, exported and judged only by people who are entitled to it, for a stated purpose; administrators change nothing without an approved change, and nobody exports or judges exceptions of his own.',
  key: true,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition: "Accesses to the evidence in the period, by this service's own log: reads, queries, exports, acts of administration, dispositions.",
    source: 'own_records',
    select: ({ graph, from, to }) => {
      const found: Candidate<Access>[] = [];
      for (const event of graph.events.values()) {
        const told = event.facts.evidence_access;
        if (event.action !== 'evidence.access' || told === undefined || event.disposition !== 'accepted') continue;
        if (event.occurredAt < from || event.occurredAt >= to) continue;
        const canonical = graph.eventsNamed(event.event).length > 1 ? `${event.event} ${event.eventId}` : event.event;
        found.push(candidate(event.event, event.occurredAt, { event, told }, { canonical, evidence: [event.event] }));
      }
      return found;
    },
  },
  stratumOf: ({ subject }) => `${subject.told.action}: ${subject.event.outcome}`,
  exclusions: [],
  attributes: [
    { code: 'actor_unknown', text: 'It is recorded who it was.', check: isKnown },
    { code: 'not_entitled', text: 'Whoever it was is entitled to it.', check: isEntitled },
    { code: 'no_purpose', text: 'An export states its purpose.', check: statesPurpose },
    { code: 'unapproved_write', text: 'An act of administration has an approved change.', check: isApproved },
    { code: 'own_exception', text: 'Nobody exported or judged exceptions that are about himself.', check: isNotOwn },
  ],
  minLink: 'policy',
  parameters: ({ approved_changes: changes }) => ({ 'changes approved': String(changes.length) }),
  inputs: ['custody.self'],
  proves: 'That each recorded access to the evidence was one that its actor was entitled to.',
  doesNotProve: 'Anything of access past this service, to the disks below it; T-32 shows whether anything was changed there.',
}; // prettier-ignore

// What was refused shows that enforcement works.
function wasRefused({ event }: Access): boolean {
  return event.outcome === 'denied' || event.outcome === 'failure';
}

function isKnown({ subject }: Candidate<Access>): Answer {
  return subject.event.actor.key !== '' || wasRefused(subject)
    ? HOLDS
    : fails('actor_unknown', `Nothing says who did ${subject.told.action} on ${subject.told.object}`);
}

function isEntitled({ subject }: Candidate<Access>): Answer {
  if (wasRefused(subject) || subject.told.allowed === true) return HOLDS;
  const { key, display } = subject.event.actor;
  const said = `${display ?? key} did ${subject.told.action} on ${subject.told.object}`;
  return subject.told.allowed === false
    ? fails('not_entitled', `${said} without being entitled to it`)
    : undecided('entitlement_unknown', `${said}; nothing says whether that was allowed`);
}

function statesPurpose({ subject: { told, event } }: Candidate<Access>): Answer {
  if (told.action !== 'export' || wasRefused({ told, event }) || (told.purpose?.trim() ?? '') !== '') return HOLDS;
  return fails('no_purpose', `${told.object} was exported without a purpose`);
}

function isApproved({ subject: { told, event } }: Candidate<Access>, { policy }: ControlContext): Answer {
  if (told.action !== 'admin' || wasRefused({ told, event })) return HOLDS;
  const change = policy.approved_changes.find(
    (one) =>
      isInForce(one, event.occurredAt) &&
      (told.change === undefined ? one.event_type === 'evidence.admin' && (one.target === undefined || one.target === told.object) : one.id === told.change),
  ); // prettier-ignore
  return change ? HOLDS : fails('unapproved_write', `${told.object} was changed without an approved change`);
}

function isNotOwn({ subject: { told, event } }: Candidate<Access>, { identities }: ControlContext): Answer {
  if ((told.action !== 'export' && told.action !== 'disposition') || wasRefused({ told, event })) return HOLDS;
  const concerned = event.keys.filter(({ role }) => role === 'target').map(({ key }) => key);
  const same = or(...concerned.map((key) => identities.sameParty(event.actor, { kind: 'unknown', key }, event.occurredAt)));
  if (same === false) return HOLDS;
  const who = event.actor.display ?? event.actor.key;
  return same === true
    ? fails('own_exception', `${who} did ${told.action} on exceptions that are about himself: ${told.object}`)
    : undecided('unresolved_identity', `It cannot be said whether ${told.object} is about ${who}`);
} // prettier-ignore
