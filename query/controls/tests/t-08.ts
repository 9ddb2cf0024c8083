import type { Policy } from '../../../model/policy.ts';
import type { Micros } from '../../../model/time.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { environmentOf } from '../../chains/environments.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { expiryOf } from '../credentials.ts';
import { spell, spellSeconds } from '../words.ts';

/** A credential that was issued, as T-08 judges it. */
export interface Issued {
  readonly birth: StoredEvent;
  /** The end that the last renewal by as-of states, else the birth; microseconds UTC. */
  readonly expiresAt?: number;
  readonly environment?: string;
}

const FAMILIES = ['ce', 'aws.cloudtrail', 'vault.audit'] as const;

/** T-08: the life of each credential, from its first issue to the end of its last renewal, is within the policy. */
export const T08: ControlTest<Issued> = {
  id: 'T-08',
  version: 1,
  title: 'Credential lifetime within policy',
  control:
    'Every credential that is issued states an end, no later than the longest life that the policy allows for its environment.',
  key: true,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Credentials first issued in the period: tokens of registered issuers, AWS sessions, Vault tokens, in all environments.',
    source: 'own_records',
    select: selectIssued,
  },
  stratumOf: ({ subject }) =>
    `${STRATA[subject.birth.family] ?? subject.birth.family}: ${subject.environment ?? 'unclassified'}`,
  exclusions: [],
  attributes: [
    { code: 'no_expiry', text: 'The credential states an end.', check: ({ subject }) => statesEnd(subject) },
    {
      code: 'lifetime',
      text: 'From the first issue to the end is no longer than the limit of its environment.',
      check: isWithinLimit,
    },
  ],
  minLink: 'policy',
  parameters: (policy) =>
    Object.fromEntries(
      Object.entries(policy.parameters.ttl_max_s).map(([name, limit]) => [`ttl_max ${name}`, spellSeconds(limit)]),
    ),
  inputs: FAMILIES,
  proves: 'That each issuer stated an end within the limit for every credential it reported as issued.',
  doesNotProve: 'That a verifier honours the end; T-09 looks at that. The lifetime is the one that the issuer claims.',
};

const STRATA: Readonly<Record<string, string>> = {
  ce: 'issuer token',
  'aws.cloudtrail': 'AWS session',
  'vault.audit': 'Vault token',
};

function selectIssued(context: ControlContext): readonly Candidate<Issued>[] {
  const { graph, credentials, rules } = context;
  const found = new Map<string, Candidate<Issued>>();
  for (const event of graph.events.values()) {
    const key = event.facts.credential?.key;
    if (
      key === undefined ||
      found.has(key) ||
      !FAMILIES.some((family) => family === event.family) ||
      key.startsWith('vault:lease:')
    )
      continue;
    const births = credentials.birthsOf(key);
    const birth = births.find((candidate) => candidate.facts.credential?.renewed !== true);
    if (!birth || birth.occurredAt < context.from || birth.occurredAt >= context.to) continue;
    const last = births.at(-1) ?? birth;
    const [expiresAt, environment] = [expiryOf(last), environmentOf(birth, rules)];
    found.set(key, {
      canonical: key,
      item: key,
      aliases: credentials.sameAs(key).filter((name) => name !== key),
      at: birth.occurredAt,
      evidence: [...new Set([birth.event, last.event])],
      subject: {
        birth,
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(environment === undefined ? {} : { environment }),
      },
    });
  }
  return [...found.values()];
}

function statesEnd(subject: Issued): Answer {
  return subject.expiresAt === undefined ? fails('no_expiry', 'Issued without a stated end') : HOLDS;
}

/** How long a credential was issued for, microseconds, and the limit of its environment, seconds; each absent where it is not known. */
export function lifetimeOf(subject: Issued, policy: Policy): { readonly life?: Micros; readonly limit?: number } {
  const { birth, expiresAt, environment } = subject;
  const limits = policy.parameters.ttl_max_s;
  const limit = environment === undefined ? undefined : (own(limits, environment) ?? own(limits, 'default'));
  const life =
    expiresAt === undefined ? undefined : expiresAt - (birth.facts.credential?.issued_at ?? birth.occurredAt);
  return { ...(life === undefined ? {} : { life }), ...(limit === undefined ? {} : { limit }) };
}

/** What is not classified is within policy only if it would be within every limit. */
function isWithinLimit({ subject }: Candidate<Issued>, { policy }: ControlContext): Answer {
  const { life, limit } = lifetimeOf(subject, policy);
  if (life === undefined) return HOLDS;
  const { environment } = subject;
  const strictest = Math.min(...Object.values(policy.parameters.ttl_max_s));
  if (life <= (limit ?? strictest) * 1_000_000) return HOLDS;
  const said = `Good for ${spell(life)}`;
  if (limit === undefined)
    return undecided(
      'environment_unclassified',
      `${said}; the policy names no environment for it, so no limit applies for certain`,
    );
  return fails('lifetime', `${said}; the limit for ${environment} is ${spell(limit * 1_000_000)}`);
}

function own(limits: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(limits, name) ? limits[name] : undefined;
}
