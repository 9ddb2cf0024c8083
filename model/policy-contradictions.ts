import { isInForce } from './policy-inventory.ts';
import type { Placed } from './policy-inventory.ts';
import type { Policy } from './policy.ts';
import type { Family } from './source.ts';

/** What a policy says that cannot be meant, though each field alone is well formed. */
export interface Contradiction {
  readonly severity: 'error' | 'warning';
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly remedy: string;
}

/** Looks for duplicates, ends before beginnings, and names that name nothing. `secrets`: names of the secrets file, if it is there. */
export function contradictionsOf(policy: Policy, secrets?: ReadonlySet<string>): readonly Contradiction[] {
  return [
    ...reversedTimes(policy, []),
    ...duplicates(policy),
    ...unknownEnvironments(policy),
    ...sharedAliases(policy),
    ...unanswered(policy),
    ...strayProviders(policy),
    ...unknownGuardrails(policy),
    ...missingSecrets(policy, secrets),
  ];
}

function reversedTimes(value: unknown, path: readonly (string | number)[]): readonly Contradiction[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => reversedTimes(item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  const { from, to } = value as { from?: unknown; to?: unknown };
  const own: readonly Contradiction[] =
    typeof from === 'number' && typeof to === 'number' && from >= to
      ? [{ severity: 'error', path: [...path, 'to'], message: 'ends before it begins', remedy: 'Give an end after the beginning, or leave `to` out while it still holds.' }]
      : []; // prettier-ignore
  return [...own, ...Object.entries(value).flatMap(([name, part]) => reversedTimes(part, [...path, name]))];
}

function duplicates(policy: Policy): readonly Contradiction[] {
  const lists: readonly (readonly [string, readonly string[], string])[] = [
    ['sources', policy.sources.map(({ family, instance }) => `${family} ${instance}`), 'Keep one entry for each family and instance.'],
    ['projects', policy.projects.map(({ id }) => `project ${id}`), 'Keep one entry a project.'],
    ['guardrails', policy.guardrails.map(({ id }) => `guardrail ${id}`), 'Give each guardrail an id of its own.'],
    ['findings', policy.findings.map(({ id }) => `finding ${id}`), 'Give each finding an id of its own.'],
    ['policy_versions', policy.policy_versions.map(({ policy: name, version }) => `${name}@${version}`), 'A version is never changed: give the new text a new version.'],
  ]; // prettier-ignore
  return lists.flatMap(([section, names, remedy]) =>
    names.flatMap((name, index): readonly Contradiction[] =>
      names.indexOf(name) === index
        ? []
        : [{ severity: 'error', path: [section, index], message: `${name} stands here twice`, remedy }],
    ),
  );
}

function unknownEnvironments({ environments, roles, approver_groups: groups }: Policy): readonly Contradiction[] {
  const placed = (map: Readonly<Record<string, Placed>>): string[] =>
    Object.values(map).flatMap((value) =>
      typeof value === 'string' ? [value] : value.map(({ environment }) => environment),
    );
  const rules = [
    ...environments.hoop_connections,
    ...environments.targets,
    ...Object.values(environments.vault_clusters).flatMap(({ path_rules: paths }) => paths),
  ];
  const known = new Set([
    ...environments.production,
    ...placed(environments.aws_accounts),
    ...placed(environments.kubernetes_clusters),
    ...placed(environments.gitlab),
    ...rules.map(({ environment }) => environment),
  ]);
  const tell = (path: readonly (string | number)[], name: string): readonly Contradiction[] =>
    known.has(name)
      ? []
      : [{ severity: 'warning', path, message: `no place has the environment "${name}"`, remedy: `Use one of ${[...known].join(', ')}, or say under \`environments\` which places it has.` }]; // prettier-ignore
  return [
    ...roles.flatMap(({ environment }, index) =>
      environment === undefined ? [] : tell(['roles', index, 'environment'], environment),
    ),
    ...groups.flatMap(({ applies_to: name }, index) => tell(['approver_groups', index, 'applies_to'], name)),
  ];
}

/** One account of two people at one time: whoever acts by it could be either. */
function sharedAliases({ identities }: Policy): readonly Contradiction[] {
  return identities.flatMap((entry, index) =>
    identities.slice(0, index).flatMap((other) => {
      if (other.person === entry.person || !overlap(entry, other)) return [];
      const common = entry.aliases.filter((alias) => alias === other.person || other.aliases.includes(alias));
      return common.map((alias): Contradiction => ({
        severity: 'error',
        path: ['identities', index, 'aliases', entry.aliases.indexOf(alias)],
        message: `${alias} is also ${other.person}`,
        remedy: 'Give the account to one of them, or to each for a time of its own with `from` and `to`.',
      }));
    }),
  );
}

function overlap(a: Policy['identities'][number], b: Policy['identities'][number]): boolean {
  const begins = Math.max(a.from ?? 0, b.from ?? 0);
  return isInForce(a, begins) && isInForce(b, begins);
}

function unanswered({ identities }: Policy): readonly Contradiction[] {
  return identities.flatMap(({ kind, sponsor, owner, person }, index): readonly Contradiction[] => {
    const field = kind === 'ai_agent' ? 'sponsor' : kind === 'service' ? 'owner' : undefined;
    if (field === undefined || typeof (field === 'sponsor' ? (sponsor ?? owner) : (owner ?? sponsor)) === 'string') return [];
    return [{ severity: 'warning', path: ['identities', index], message: `nobody answers for ${person}`, remedy: `Name a person as \`${field}\`; T-17 and T-19 ask for one.` }];
  });
} // prettier-ignore

const PROVIDERS: readonly Family[] = ['okta.log', 'entra', 'keycloak', 'ce'];

/** An issuer that is no registered source's: its people act nowhere, so whoever is tied to them is tied to nobody. */
function strayProviders({ identity_providers: providers, sources, identities }: Policy): readonly Contradiction[] {
  return providers.flatMap(({ issuer, provider }, index): readonly Contradiction[] => {
    const isSource = sources.some(({ family, instance }) => PROVIDERS.includes(family) && issuer.toLowerCase().includes(instance.toLowerCase()));
    const isListed = identities.some(({ person }) => person.startsWith(`idp:user:${issuer.replace(/\/+$/, '')}/`));
    if (isSource || isListed) return [];
    return [{ severity: 'warning', path: ['identity_providers', index, 'issuer'], message: `no source is of ${issuer}, behind ${provider}`, remedy: 'Write the issuer as in the keys of its users (idp:user:<issuer>/<subject>), and register the provider under `sources`.' }];
  });
} // prettier-ignore

function unknownGuardrails({ guardrails, setting_states: states, projects }: Policy): readonly Contradiction[] {
  const refs = projects.flatMap(({ id, protected_refs: patterns }) => patterns.map((ref) => `protected_ref:${id}/${ref}`));
  const known = new Set([...guardrails.map(({ id }) => id), ...refs]);
  return states.flatMap(({ guardrail }, index): readonly Contradiction[] =>
    known.has(guardrail)
      ? []
      : [{ severity: 'error', path: ['setting_states', index, 'guardrail'], message: `there is no guardrail "${guardrail}"`, remedy: 'Name one under `guardrails`, or a protected ref as protected_ref:<project>/<ref>.' }],
  );
} // prettier-ignore

function missingSecrets({ sources }: Policy, secrets: ReadonlySet<string> | undefined): readonly Contradiction[] {
  if (secrets === undefined) return [];
  return sources.flatMap(({ credentials }, index) =>
    credentials.flatMap(({ secret }, place): readonly Contradiction[] =>
      secrets.has(secret)
        ? []
        : [{ severity: 'error', path: ['sources', index, 'credentials', place, 'secret'], message: `the secrets file has no entry "${secret}"`, remedy: 'Add it to custody.secrets.yaml beside this file; until then Custody does not start.' }],
    ),
  );
} // prettier-ignore
