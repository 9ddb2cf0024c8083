import type { Random } from './random.ts';

/** The made-up company of the demo: Fjordline, a ferry line. Hosts end in .example, addresses are documentation ranges. */
export const HOSTS = {
  gitlab: 'gitlab.fjordline.example',
  okta: 'fjordline.okta.example',
  broker: 'https://tokens.fjordline.example',
  brokerSource: 'https://tokens.fjordline.example/eu1',
  agents: 'https://agents.fjordline.example',
  hoop: 'hoop.fjordline.example',
} as const;

export const ACCOUNTS = { production: '210987654321', staging: '321098765432' } as const;
export const CLUSTERS = { production: 'ferry-prod', staging: 'ferry-stg' } as const;
export const VAULT = 'vault-fjord';

/** Where the rules of access themselves are kept, as merge requests. */
export const POLICY_PROJECT: Project = {
  id: 840,
  path: 'platform/access-policies',
  name: 'access-policies',
  target: 'aws',
};

/** The quarter that the demo tells, UTC. Fixed, so that every run gives the same bytes. */
export const PERIOD = { from: Date.UTC(2026, 6, 1), to: Date.UTC(2026, 9, 1) } as const;

export interface Person {
  readonly name: string;
  readonly email: string;
  readonly oktaId: string;
  readonly gitlabId: number;
  readonly username: string;
  readonly ip: string;
  readonly kind: 'human' | 'ai_agent';
  readonly sponsor?: Person;
}

export interface Project {
  readonly id: number;
  readonly path: string;
  readonly name: string;
  readonly target: 'aws' | 'kubernetes' | 'vault';
}

export interface Organisation {
  readonly people: readonly Person[];
  readonly developers: readonly Person[];
  readonly approvers: readonly Person[];
  readonly agent: Person;
  /** Somebody who leaves in the middle of the quarter. */
  readonly leaver: Person;
  readonly projects: readonly Project[];
  readonly runners: { readonly production: Runner; readonly shared: Runner };
}

export interface Runner {
  readonly id: number;
  readonly description: string;
  readonly ip: string;
  readonly tags: readonly string[];
}

const NAMES = [
  'Astrid Berg',
  'Bjarne Dahl',
  'Camilla Eide',
  'Dag Fosse',
  'Eli Grande',
  'Frode Hauge',
  'Guro Iversen',
  'Henrik Jansen',
  'Ingrid Kvale',
  'Jonas Lunde',
  'Kari Moen',
  'Lars Nygaard',
  'Mona Olsen',
  'Nils Pedersen',
  'Oda Quist',
];

const PROJECTS: readonly Omit<Project, 'id'>[] = [
  { path: 'booking/checkout', name: 'checkout', target: 'aws' },
  { path: 'booking/pricing', name: 'pricing', target: 'vault' },
  { path: 'harbour/berths', name: 'berths', target: 'kubernetes' },
  { path: 'harbour/timetable', name: 'timetable', target: 'aws' },
  { path: 'fleet/telemetry', name: 'telemetry', target: 'kubernetes' },
];

/** Who works there, on what, with which runners. */
export function createOrganisation(random: Random): Organisation {
  const people = NAMES.map((name, index) => person(random, name, index));
  const [sponsor] = people;
  const leaver = people.at(-1);
  if (!sponsor || !leaver) throw new RangeError('no people');
  const agent: Person = {
    name: 'release-agent',
    email: '',
    oktaId: 'release-agent',
    gitlabId: 9_001,
    username: 'release-agent',
    ip: '198.51.100.40',
    kind: 'ai_agent',
    sponsor,
  };
  return {
    people,
    developers: people.slice(0, 9),
    approvers: people.slice(9, -1),
    agent,
    leaver,
    projects: PROJECTS.map((project, index) => ({ ...project, id: 700 + index * 13 })),
    runners: {
      production: { id: 41, description: 'prod-runner', ip: '198.51.100.21', tags: ['prod'] },
      shared: { id: 44, description: 'shared-runner', ip: '198.51.100.90', tags: ['docker'] },
    },
  };
}

function person(random: Random, name: string, index: number): Person {
  const [first = '', last = ''] = name.toLowerCase().split(' ');
  return {
    name,
    email: `${first}.${last}@fjordline.example`,
    oktaId: `00u${random.word(17)}`,
    gitlabId: 310 + index * 7,
    username: `${first[0] ?? ''}${last}`,
    ip: `203.0.113.${20 + index}`,
    kind: 'human',
  };
}

/** Vault's own name for a person: one entity, whichever project the login is for. */
export function vaultEntityOf(person: Person): string {
  return `5e0c1f2a-0000-4000-8000-${String(person.gitlabId).padStart(12, '0')}`;
}

/** As whom a job of a person acts on a cluster: the cluster's mapping of claims makes the name. */
export function clusterUserOf(project: Project, person: Person): string {
  return `gitlab:${project.path}:${person.username}`;
}

/** The key under which Custody knows a person: the identity provider's, or the register of agents'. */
export function personKey(person: Person): string {
  return person.kind === 'ai_agent'
    ? `idp:user:${HOSTS.agents}/${person.oktaId}`
    : `idp:user:https://${HOSTS.okta}/${person.oktaId}`;
}

/** What a project's job asks for in an environment: a role at AWS, a cluster, a role of Vault. */
export function targetName(project: Project, environment: 'production' | 'staging'): string {
  if (project.target === 'kubernetes') return CLUSTERS[environment];
  return project.target === 'vault' ? `${VAULT}/role/${project.name}-${environment}` : roleArn(project, environment);
}

/** The role that a project's production (or staging) job takes at AWS. */
export function roleArn(project: Project, environment: 'production' | 'staging'): string {
  const suffix = environment === 'production' ? '' : '-stg';
  return `arn:aws:iam::${ACCOUNTS[environment]}:role/${project.name}-deploy${suffix}`;
}
