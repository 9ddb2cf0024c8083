import { DAY_US } from '../../../model/time.ts';
import type { Micros } from '../../../model/time.ts';
import type { Policy } from '../../../model/policy.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { lifecyclesOf } from '../lifecycles.ts';
import type { SeenActor } from '../period-figures.ts';
import { namesAutomation } from '../registers.ts';

type Entry = Policy['identities'][number];

/** T-17: whoever acts is somebody. */
export const T17: ControlTest<SeenActor> = {
  id: 'T-17',
  version: 1,
  title: 'Every actor is a known principal',
  control:
    'Each account that acts belongs to one known person, service or agent; what several share is registered, and services and agents have an active owner who is a person.',
  key: false,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition: 'Distinct accounts, by source, that acted in the period. An account that a source did not name is no member.',
    source: 'independent',
    select: ({ actors }) =>
      actors.map((actor) =>
        candidate(actor.key, actor.at, actor, {
          canonical: `${actor.family} ${actor.instance} ${actor.key}`,
          evidence: [actor.event],
        }),
      ),
  },
  stratumOf: ({ subject }) => `${subject.family}: ${subject.kind}`,
  exclusions: [
    {
      code: 'part_of_the_system',
      text: 'The source itself acts: no principal stands behind it.',
      applies: ({ subject }, context) =>
        subject.kind === 'system' && entryOf(subject, context) === undefined ? `${subject.family} ${subject.instance} acts by itself` : undefined,
    },
    {
      code: 'registered_automation',
      text: 'Automation that the policy registers under its own name.',
      applies: ({ subject }, { policy }) => {
        const automation = namesAutomation(subject, policy);
        return automation && `Registered as automation: ${automation.name}`;
      },
    },
    {
      code: 'role_of_a_flow',
      text: 'A role that flows take on; whoever takes it on is the actor, and stands in their chains.',
      applies: ({ subject }, { rules }) => {
        const role = /^aws:role:(.+)$/.exec(subject.key)?.[1];
        return role !== undefined && rules.roleOn(role, subject.at) ? `${role} is a role of the inventory` : undefined;
      },
    },
  ],
  attributes: [
    { code: 'unresolved', text: 'The account resolves to one person, service or agent.', check: isResolved },
    { code: 'kind_unknown', text: 'It is known what sort of party it is.', check: isOfKnownKind },
    { code: 'shared_unregistered', text: 'If several use it, somebody is registered to answer for it.', check: isNotShared },
    { code: 'ownerless', text: 'A service or agent has an owner who is a person.', check: hasOwner },
    { code: 'owner_inactive', text: 'The owner was active when it acted.', check: hasActiveOwner },
  ],
  minLink: 'policy',
  needs: ['actors'],
  parameters: ({ parameters, identities }) => ({
    principal_grace: `${parameters.principal_grace_days} days`,
    'identities registered': String(identities.length),
  }),
  inputs: ['okta.log', 'entra', 'keycloak', 'gitlab.hook', 'gitlab.audit', 'ce', 'aws.cloudtrail', 'k8s.audit', 'vault.audit', 'hoop', 'teleport'],
  proves: 'That each account that acted belongs to somebody who is on record, and each machine account to a person.',
  doesNotProve: 'Who sat at the keyboard, or that a register entry is right. Accounts that never acted are not looked at.',
}; // prettier-ignore

function personOf({ key, kind, at }: SeenActor, { identities }: ControlContext): ReturnType<ControlContext['identities']['resolve']> {
  return identities.resolve({ key, kind: kind as 'unknown' }, at);
} // prettier-ignore

function entryOf(actor: SeenActor, context: ControlContext): Entry | undefined {
  const person = personOf(actor, context)?.person ?? actor.key;
  return context.policy.identities.find((entry) => entry.person === person || entry.aliases.includes(actor.key));
}

/** Within the days of grace after an account was first seen, what is missing may still be made good. */
function judged(code: string, sentence: string, actor: SeenActor, { policy, asOf }: ControlContext): Answer {
  const days = policy.parameters.principal_grace_days;
  return asOf < actor.firstAt + days * DAY_US
    ? undecided('not_yet_due', `${sentence}; it was first seen less than ${days} days before`)
    : fails(code, sentence);
}

function isResolved({ subject }: Candidate<SeenActor>, context: ControlContext): Answer {
  if (personOf(subject, context) ?? entryOf(subject, context)) return HOLDS;
  return judged('unresolved', `${subject.display ?? subject.key} is tied to no person, service or agent`, subject, context);
} // prettier-ignore

function isOfKnownKind({ subject }: Candidate<SeenActor>, context: ControlContext): Answer {
  const kind = entryOf(subject, context)?.kind ?? personOf(subject, context)?.kind ?? subject.kind;
  if (kind !== 'unknown' || subject.key.startsWith('idp:user:')) return HOLDS;
  return judged('kind_unknown', `Nothing says whether ${subject.key} is a person, a service or an agent`, subject, context);
} // prettier-ignore

function isNotShared({ subject }: Candidate<SeenActor>, context: ControlContext): Answer {
  const entry = entryOf(subject, context);
  if (entry?.shared !== true || typeof entry.owner === 'string') return HOLDS;
  return judged('shared_unregistered', `${subject.key} is used by several, and nobody is registered to answer for it`, subject, context);
} // prettier-ignore

/** Whoever answers for a service or an agent; `none` for a person, who needs nobody. */
function ownerOf(actor: SeenActor, context: ControlContext): { needed: boolean; owner?: string } {
  const entry = entryOf(actor, context);
  const kind = entry?.kind ?? actor.kind;
  const owner = entry?.sponsor ?? entry?.owner ?? projectOwnerOf(actor, context);
  return { needed: kind === 'service' || kind === 'ai_agent', ...(typeof owner === 'string' ? { owner } : {}) };
}

/** The jobs of a project act under its name (`project_path:<path>:...` is the subject of their ID tokens): its owner answers. */
function projectOwnerOf({ key }: SeenActor, { policy }: ControlContext): string | undefined {
  const path = /\/project_path:([^:]+):/.exec(key)?.[1];
  return path === undefined ? undefined : policy.projects.find((project) => project.path === path)?.owner;
}

function hasOwner({ subject }: Candidate<SeenActor>, context: ControlContext): Answer {
  const { needed, owner } = ownerOf(subject, context);
  if (!needed) return HOLDS;
  if (owner === undefined)
    return judged('ownerless', `Nobody is registered to answer for ${subject.display ?? subject.key}`, subject, context);
  const kind = context.identities.personOf(owner)?.kind ?? 'human';
  return kind === 'human' ? HOLDS : judged('ownerless', `${owner}, who is to answer for it, is of kind ${kind}`, subject, context);
} // prettier-ignore

function hasActiveOwner({ subject }: Candidate<SeenActor>, context: ControlContext): Answer {
  const { needed, owner } = ownerOf(subject, context);
  if (!needed || owner === undefined) return HOLDS;
  const { graph, identities, rules } = context;
  const person = identities.personOf(owner)?.person ?? owner;
  const at: Micros = subject.at;
  const { gone, event } = lifecyclesOf(graph, identities, rules).leavingOf(person, { at, precision: 'us', skewUs: 0 });
  if (gone === false || !event) return HOLDS;
  return gone === true
    ? fails('owner_inactive', `${owner}, who answers for it, had been deactivated`, [event.event])
    : undecided('order_within_skew', `It acted at about the time when ${owner} was deactivated`, [event.event]);
}
