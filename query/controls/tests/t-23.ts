import type { StoredEvent } from '../../../store/stored-event.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { fitsPattern } from '../protections.ts';
import type { Use } from '../uses.ts';

/** T-23: what a flow changes is what it was let in for. */
export const T23: ControlTest<Use> = {
  id: 'T-23',
  version: 1,
  title: 'Touches stay inside the approved target set',
  control:
    'A change of production is made only in the account, cluster or path that the request names, or that the role is declared for.',
  key: false,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition: 'Successful changes of production resources in the period, from the logs of the targets themselves. Reads are not among them.',
    source: 'independent',
    select: ({ uses }) =>
      uses.inPeriod
        .filter((use) => use.production && use.succeeded && use.writes)
        .map((use) => candidate(use.event.event, use.event.occurredAt, use, { canonical: use.id, aliases: use.others, evidence: [use.event.event] })),
  },
  stratumOf: ({ subject }) => subject.event.family,
  exclusions: [
    {
      code: 'registered_automation',
      text: 'Registered automation, which no request lets in.',
      applies: ({ subject }) => (subject.automation === undefined ? undefined : `Made by registered automation: ${subject.automation}`),
    },
    {
      code: 'no_chain',
      text: 'A change that hangs on no flow, which T-25 judges.',
      applies: ({ subject }, { flows }) =>
        flows.reachOf(subject.event) ? undefined : 'Hangs on no run, request or issued token; see T-25',
    },
  ],
  attributes: [
    { code: 'outside_targets', text: 'The resource is one that the role is declared for.', check: isDeclared },
    { code: 'outside_place', text: 'The account, cluster or Vault is one that the request or the credential names.', check: isInPlace },
  ],
  minLink: 'policy',
  parameters: ({ roles }) => ({
    'roles with declared targets': String(roles.filter(({ targets }) => targets.length > 0).length),
    reads: 'not looked at: the targets log them only in part',
  }),
  inputs: ['aws.cloudtrail', 'k8s.audit', 'vault.audit', 'ce'],
  proves: 'That each recorded change of production was made where the request or the role said it would be.',
  doesNotProve: 'Anything of reads, or of what a target does not log.',
}; // prettier-ignore

/** What a flow was let in for, as its requests, decisions and issues name it. */
interface Targets {
  readonly roles: readonly string[];
  readonly accounts: ReadonlySet<string>;
  readonly clusters: ReadonlySet<string>;
  readonly vaults: ReadonlySet<string>;
  readonly evidence: readonly string[];
}

const remembered = new WeakMap<ControlContext, Map<string, Targets>>();

function targetsOf({ event, credential }: Use, context: ControlContext): Targets {
  const known = remembered.get(context) ?? new Map<string, Targets>();
  remembered.set(context, known);
  const focal = credential === undefined || context.flows.isContested(credential) ? event.event : credential;
  const held = known.get(focal) ?? gather(context.flows.of(focal).events);
  known.set(focal, held);
  return held;
}

function gather(events: readonly StoredEvent[]): Targets {
  const asking = events.filter(({ stage, facts }) => stage === 'request' || facts.credential !== undefined || facts.decision !== undefined);
  const named = asking.flatMap(({ facts }) => [facts.target?.role, facts.credential?.target, ...(facts.request?.roles ?? [])]);
  const roles = [...new Set(named.filter((name) => name !== undefined))];
  const accounts = [
    ...roles.flatMap((name) => /^arn:[a-z-]+:iam::(\d{12}):/.exec(name)?.[1] ?? []),
    ...asking.flatMap(({ facts }) => [facts.target?.account, facts.credential?.target_account].filter((name) => name !== undefined)),
  ];
  const of = (type: string): string[] =>
    asking.flatMap(({ facts: { target } }) => (target?.type === type ? [target.cluster ?? target.name, target.name] : []));
  return { roles, accounts: new Set(accounts), clusters: new Set(of('k8s_cluster')), vaults: new Set(of('vault')), evidence: asking.map(({ event }) => event) };
} // prettier-ignore

function isDeclared({ subject }: Candidate<Use>, context: ControlContext): Answer {
  const { roles, evidence } = targetsOf(subject, context);
  const declared = roles.flatMap((name) => context.rules.roleOn(name, subject.event.occurredAt)?.targets ?? []);
  const resource = subject.event.resource?.key;
  if (declared.length === 0) return HOLDS;
  if (resource === undefined) return undecided('resource_unknown', 'The target did not record which resource was changed', evidence);
  return declared.some((pattern) => fitsPattern(resource, pattern))
    ? HOLDS
    : fails('outside_targets', `${subject.event.type} on ${resource}, which is none of ${declared.join(', ')}`, evidence);
} // prettier-ignore

function isInPlace({ subject }: Candidate<Use>, context: ControlContext): Answer {
  const { event } = subject;
  const targets = targetsOf(subject, context);
  const declared = targets.roles.some(
    (name) => (context.rules.roleOn(name, event.occurredAt)?.targets.length ?? 0) > 0,
  );
  if (declared) return HOLDS;
  const [place, named] =
    event.family === 'aws.cloudtrail' ? [event.facts.call?.account ?? event.instance, targets.accounts]
    : event.family === 'k8s.audit' ? [event.instance, targets.clusters]
    : [event.instance, targets.vaults]; // prettier-ignore
  if (named.has(place)) return HOLDS;
  return named.size === 0
    ? undecided('no_target_set', `Neither request nor role says where ${event.family} may be touched`, targets.evidence)
    : fails('outside_place', `${event.type} in ${place}; named are ${[...named].join(', ')}`, targets.evidence);
}
