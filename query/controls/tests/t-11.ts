import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { addressOf, networkOf } from '../networks.ts';
import type { Use } from '../uses.ts';

interface Held {
  readonly key: string;
  /** Uses of the credential and of all that was derived from it, in order of time. */
  readonly uses: readonly Use[];
}

/** T-11: a credential stays with the one it was given to. */
export const T11: ControlTest<Held> = {
  id: 'T-11',
  version: 1,
  title: 'One credential, one holder',
  control: 'A credential is issued once, for one job, and is not presented from two networks.',
  key: false,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition:
      "Credentials with at least one use in the period: the issuer's token, or the first credential where no issuer is involved, with all that derives from it. Standing keys are left out: T-12 judges them.",
    source: 'independent',
    select: selectHeld,
  },
  exclusions: [],
  attributes: [
    { code: 'several_holders', text: 'The calls that carry it name one job only.', check: hasOneHolder },
    { code: 'issued_twice', text: 'Its id was issued once only.', check: wasIssuedOnce },
    { code: 'two_networks', text: 'All its uses come from one network.', check: isInOneNetwork },
  ],
  minLink: 'policy',
  parameters: ({ runners }) => ({ 'runners registered': String(runners.length) }),
  inputs: ['ce', 'aws.cloudtrail', 'k8s.audit', 'vault.audit'],
  proves: 'That no credential was seen in two places, or under two jobs, by what the targets recorded.',
  doesNotProve: 'That it was not copied and used again from the same network.',
};

function selectHeld(context: ControlContext): readonly Candidate<Held>[] {
  const groups = new Map<string, { uses: Use[]; names: Set<string> }>();
  for (const use of context.uses.inPeriod) {
    const { credential } = use;
    if (credential === undefined || context.graph.classOf(credential) !== 'chain') continue;
    const root = rootOf(context, credential);
    const group = groups.get(root) ?? { uses: [], names: new Set<string>() };
    group.uses.push(use);
    for (const name of namesBetween(context, credential, root)) group.names.add(name);
    groups.set(root, group);
  }
  return [...groups].flatMap(([key, { uses, names }]) => {
    const [first] = uses;
    if (!first) return [];
    names.delete(key);
    const births = context.credentials.birthsOf(key).slice(0, 1);
    return [
      {
        canonical: key,
        item: key,
        aliases: [...names].toSorted(),
        at: first.event.occurredAt,
        evidence: births.map((birth) => birth.event),
        subject: { key, uses },
      },
    ];
  });
}

/** The credential that a use counts for: the nearest that an issuer told the birth of, else the first of the line. */
function rootOf({ credentials, flows }: ControlContext, key: string): string {
  if (flows.isContested(key)) return tokenAmong(credentials.sameAs(key)) ?? key;
  const lineage = credentials.lineageOf(key);
  const issued = lineage.find((name) => credentials.birthsOf(name).some(({ family }) => family === 'ce'));
  if (issued !== undefined) return issued;
  const first = lineage.at(-1) ?? key;
  return tokenAmong(credentials.sameAs(first)) ?? first;
}

function tokenAmong(names: readonly string[]): string | undefined {
  return names.find((name) => name.startsWith('token:jti:'));
}

function namesBetween({ credentials, flows }: ControlContext, key: string, root: string): readonly string[] {
  if (flows.isContested(key)) return credentials.sameAs(key);
  const lineage = credentials.lineageOf(key);
  return [...lineage.slice(0, Math.max(1, lineage.indexOf(root) + 1)), ...credentials.sameAs(root)];
}

function hasOneHolder({ subject: { key, uses } }: Candidate<Held>, { flows, credentials }: ControlContext): Answer {
  const contested = [key, ...credentials.sameAs(key)].some((name) => flows.isContested(name));
  if (!contested) return HOLDS;
  const jobs = [...new Set(uses.flatMap((use) => flows.jobOf(use.event) ?? []))].toSorted();
  const who = jobs.length > 1 ? jobs.join(' and ') : 'more than one job';
  return fails('several_holders', `One id, carried by calls of ${who}`, eventsOf(uses));
}

function wasIssuedOnce({ subject: { key } }: Candidate<Held>, { credentials }: ControlContext): Answer {
  const births = credentials
    .birthsOf(key)
    .filter(({ family, facts }) => family === 'ce' && facts.credential?.renewed !== true);
  if (births.length < 2) return HOLDS;
  return fails(
    'issued_twice',
    `The issuer told ${births.length} times that it issued this id`,
    births.map(({ event }) => event),
  );
}

function isInOneNetwork({ subject: { uses } }: Candidate<Held>, { policy }: ControlContext): Answer {
  const networks = new Map<string, Use>();
  let unknown = 0;
  for (const use of uses) {
    const { address, service } = addressOf(use.event);
    if (service) continue;
    if (address === undefined) unknown += 1;
    else {
      const network = networkOf(policy, address, use.event.occurredAt);
      if (!networks.has(network)) networks.set(network, use);
    }
  }
  if (networks.size > 1)
    return fails(
      'two_networks',
      `Used from ${[...networks.keys()].toSorted().join(' and ')}`,
      eventsOf([...networks.values()]),
    );
  return unknown > 0 && unknown === uses.length
    ? undecided('no_address', 'No target recorded from where it was used', eventsOf(uses))
    : HOLDS;
}

function eventsOf(uses: readonly Use[]): readonly string[] {
  return uses.slice(0, 20).map((use) => use.event.event);
}
