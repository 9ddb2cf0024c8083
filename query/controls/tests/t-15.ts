import type { ActorRef } from '../../../model/actor.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { clockOf } from '../../chains/rules.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { lifecyclesOf } from '../lifecycles.ts';

interface Activity {
  readonly event: StoredEvent;
  /** The leaver, by canonical key. */
  readonly person: string;
  /** How the act is the leaver's: in person, or through something that answers to him. */
  readonly through: string;
}

/** T-15: after somebody has left, neither he nor anything that is his does anything. */
export const T15: ControlTest<Activity> = {
  id: 'T-15',
  version: 1,
  title: 'No activity by a leaver',
  control:
    'From the deactivation of a person on, nothing succeeds in the name of that person: no login, request, approval, run or use, by any account, schedule, service or agent of his.',
  key: true,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition:
      'What was done in the period by people who were deactivated at any time, and by services and agents that answer to them: logins, requests, approvals, uses, and one item for each run.',
    source: 'independent',
    select: selectActivities,
  },
  stratumOf: ({ subject: { event, through } }) => `${event.family}: ${through}`,
  exclusions: [],
  attributes: [
    {
      code: 'leaver_active',
      text: 'The act came before the deactivation, or did not succeed.',
      check: isBeforeLeaving,
    },
  ],
  minLink: 'policy',
  parameters: ({ identities }) => ({
    'identities registered': String(identities.length),
    'feed of the personnel department': 'none: only deactivations at the identity provider are known',
  }),
  inputs: [
    'okta.log',
    'entra',
    'keycloak',
    'ce',
    'gitlab.hook',
    'gitlab.audit',
    'aws.cloudtrail',
    'k8s.audit',
    'vault.audit',
  ],
  proves: 'That whoever the identity provider deactivated did nothing afterwards that any connected source recorded.',
  doesNotProve:
    'Anything of somebody who left and whom nobody deactivated: without a feed of the personnel department that is not seen.',
};

/** What a leaver is looked for in. A job or deployment is part of its pipeline, a decision is not part of what it is on. */
const ACTIONS =
  /^(?:session\.login|access\.request|access\.approve|access\.deny|token\.request|deployment\.(?:approve|reject)|merge_request\.(?:open|update|approve|merge)|repo\.write|pipeline\.|job\.start$|job\.finish$|token\.(?:issue|exchange|use)|session\.assume|api\.|secret\.|exec\.session\.start)/;

function selectActivities(context: ControlContext): readonly Candidate<Activity>[] {
  const { graph, from, to, identities, rules } = context;
  const { leavers } = lifecyclesOf(graph, identities, rules);
  if (leavers.size === 0) return [];
  const first = new Map<string, Activity>();
  for (const event of graph.events.values()) {
    if (
      event.occurredAt < from ||
      event.occurredAt >= to ||
      event.disposition !== 'accepted' ||
      !ACTIONS.test(event.action)
    )
      continue;
    for (const { person, through } of answerable(context, event)) {
      if (!leavers.has(person)) continue;
      const id = `${runOf(event) ?? `${event.event} ${event.eventId}`} ${person}`;
      const held = first.get(id);
      if (
        !held ||
        event.occurredAt < held.event.occurredAt ||
        (event.occurredAt === held.event.occurredAt && event.ref < held.event.ref)
      )
        first.set(id, { event, person, through });
    }
  }
  return [...first].map(([canonical, subject]) => {
    const run = runOf(subject.event);
    return {
      canonical,
      item: subject.event.event,
      aliases: run === undefined ? [] : [run],
      at: subject.event.occurredAt,
      evidence: [subject.event.event],
      subject,
    };
  });
}

/** The run that an event is of: one leaver's schedule is one item, however many jobs it started. */
function runOf(event: StoredEvent): string | undefined {
  const named = event.keys.filter((key) => key.role !== 'mentions' && key.role !== 'decides');
  return (
    named.find((key) => key.key.startsWith('gitlab:pipeline:'))?.key ??
    named.find((key) => key.key.startsWith('gitlab:job:'))?.key
  );
}

/** The people who answer for an act: who acted, and the sponsor or owner of what acted. */
function answerable(context: ControlContext, event: StoredEvent): readonly { person: string; through: string }[] {
  const actors = [event.actor, ...event.actChain];
  return actors.flatMap((actor) => {
    const known = context.identities.resolve(actor, event.occurredAt);
    if (!known) return [];
    const own = [{ person: known.person, through: 'in person' }];
    const answers = behind(context, known.person, actor);
    return answers === undefined ? own : [...own, { person: answers.person, through: answers.through }];
  });
}

function behind(
  context: ControlContext,
  person: string,
  actor: ActorRef,
): { person: string; through: string } | undefined {
  const entry = entriesOf(context).get(person);
  const answers = entry?.sponsor ?? entry?.owner;
  if (typeof answers !== 'string') return undefined;
  const through = entry?.kind === 'ai_agent' || actor.kind === 'ai_agent' ? 'agent' : 'service account';
  return { person: context.identities.personOf(answers)?.person ?? answers, through };
}

type Entry = ControlContext['policy']['identities'][number];
const remembered = new WeakMap<ControlContext, ReadonlyMap<string, Entry>>();

function entriesOf(context: ControlContext): ReadonlyMap<string, Entry> {
  const known = remembered.get(context) ?? new Map(context.policy.identities.map((entry) => [entry.person, entry]));
  remembered.set(context, known);
  return known;
}

function isBeforeLeaving(
  { subject: { event, person, through } }: Candidate<Activity>,
  context: ControlContext,
): Answer {
  if (event.outcome === 'failure' || event.outcome === 'denied') return HOLDS;
  const { graph, identities, rules } = context;
  const { gone, event: leaving } = lifecyclesOf(graph, identities, rules).leavingOf(person, clockOf(rules, event));
  if (gone === false || !leaving) return HOLDS;
  const name = identities.personOf(person)?.display ?? person;
  const how = through === 'in person' ? name : `the ${through} of ${name}`;
  return gone === true
    ? fails('leaver_active', `Done by ${how}, who had been deactivated`, [leaving.event])
    : undecided('order_within_skew', `Done by ${how} at about the time of the deactivation`, [leaving.event]);
}
