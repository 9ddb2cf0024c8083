import { readGitlabIdentity } from '../../model/keys.ts';
import type { GitlabIdentity } from '../../model/keys.ts';
import type { Policy } from '../../model/policy.ts';
import { formatMicros } from '../../model/time.ts';
import type { Vouched } from './bonds.ts';
import type { Person } from '../identity.ts';
import type { Reached } from './reach.ts';

/** One step of the way from an account to a person: who says that the two are one, how, and for which time. */
export interface Reason {
  readonly from: string;
  readonly to: string;
  readonly grade: 'exact' | 'asserted';
  /** `policy`, `scim`, `saml`, `extern_uid`, `user_identities`, `admin`, `issuer`, `email`, or the method that the policy file names. */
  readonly method: string;
  /** What GitLab says: who the account is at a provider, by GitLab's name for it. The policy file says whose name it is. */
  readonly through?: GitlabIdentity;
  /** The event that says so; absent for the policy file and for a provider's own account. */
  readonly event?: string;
  /** UTC, six digits, "Z"; `from <= t < to`. Absent: open. */
  readonly valid_from?: string;
  readonly valid_to?: string;
  readonly ended_by?: string;
}

/** Somebody whom an account is said to be. */
export interface Claim {
  readonly person: string;
  readonly grade: 'exact' | 'asserted';
  readonly reasons: readonly Reason[];
}

export interface Explanation {
  readonly key: string;
  readonly person?: Person;
  /** The way from the account to the person; empty where it is the person's own or nobody's. */
  readonly reasons: readonly Reason[];
  /** Whom it is said to be where that is more than one: then none of it can be relied on. */
  readonly conflict: readonly Claim[];
  /** Identities at providers that the policy file does not know: they tie the account to nobody. */
  readonly unknown: readonly UnknownIdentity[];
}

/** An identity at a provider behind which nobody is known, because `identity_providers` does not name it. */
export interface UnknownIdentity extends GitlabIdentity {
  readonly event: string;
  /** UTC, six digits, "Z"; absent: open. */
  readonly valid_from?: string;
  readonly valid_to?: string;
}

type Entry = Policy['identities'][number];

interface Known {
  readonly reached: readonly Reached[];
  /** What the policy file says of a key at that moment. */
  readonly entriesOf: (key: string) => readonly Entry[];
  /** Identities at a provider among what was reached, the best first. */
  readonly ownKeys: (reached: readonly Reached[]) => readonly Reached[];
  /** Bonds of a key at that moment behind which nobody is known. */
  readonly unknownOf: (key: string) => readonly Vouched[];
}

/** Tells why an account is a person's, and whether anything says that it is another's too. Pure. */
export function explainAccount(key: string, person: Person | undefined, known: Known): Explanation {
  const claims = claimsOf(known);
  return {
    key,
    ...(person === undefined ? {} : { person }),
    reasons: claims.find((claim) => claim.person === person?.person)?.reasons ?? [],
    conflict: isConflict(claims)
      ? claims.map(({ person: one, grade, reasons }) => ({ person: one, grade, reasons }))
      : [],
    unknown: unknownIdentities(known),
  };
}

function unknownIdentities({ reached, unknownOf }: Known): readonly UnknownIdentity[] {
  const found = new Map<string, UnknownIdentity>();
  for (const bond of reached.flatMap(({ key }) => unknownOf(key))) {
    const identity = readGitlabIdentity(bond.other);
    if (identity !== undefined) found.set(bond.other, { ...identity, event: bond.event, ...validityOf(bond) });
  }
  return [...found.values()];
}

function validityOf({ from, to }: Vouched): Pick<Reason, 'valid_from' | 'valid_to'> {
  return {
    ...(from === undefined ? {} : { valid_from: formatMicros(from) }),
    ...(to === undefined ? {} : { valid_to: formatMicros(to) }),
  };
}

interface Found extends Claim {
  /** The provider at which it is an identity; absent where the policy file names the person. */
  readonly provider?: string;
}

function claimsOf({ reached, entriesOf, ownKeys }: Known): readonly Found[] {
  const claims = new Map<string, Found>();
  const add = (claim: Found): void => {
    const held = claims.get(claim.person);
    if (held === undefined) claims.set(claim.person, claim);
  };
  for (const step of reached)
    for (const entry of entriesOf(step.key))
      add({ person: entry.person, grade: step.grade, reasons: [...wayTo(step, reached), ...registered(step.key, entry)] }); // prettier-ignore
  for (const step of ownKeys(reached)) {
    if (entriesOf(step.key).length > 0) continue;
    const provider = step.key.slice(0, step.key.lastIndexOf('/') + 1);
    add({ person: step.key, grade: step.grade, reasons: wayTo(step, reached), provider });
  }
  return [...claims.values()];
}

/**
 * Two persons of the policy file, two identities at one provider, or two identities that only an address ties to the
 * account. Identities at two providers that an exact bond joins are one person with two accounts.
 */
function isConflict(claims: readonly Found[]): boolean {
  const listed = claims.filter((claim) => claim.provider === undefined);
  const own = claims.filter((claim) => claim.provider !== undefined);
  const exact = own.filter((claim) => claim.grade === 'exact');
  if (listed.length > 1) return true;
  if (new Set(exact.map((claim) => claim.provider)).size < exact.length) return true;
  return listed.length === 0 && exact.length === 0 && own.length > 1;
}

function wayTo(step: Reached, reached: readonly Reached[]): readonly Reason[] {
  const byKey = new Map(reached.map((one) => [one.key, one]));
  const way: Reason[] = [];
  for (let one: Reached | undefined = step; one?.bond && one.via !== undefined; one = byKey.get(one.via)) {
    const { bond, via, key } = one;
    const through = bond.through === undefined ? undefined : readGitlabIdentity(bond.through);
    way.push({
      from: via,
      to: key,
      grade: bond.grade,
      method: bond.method ?? 'issuer',
      ...(through === undefined ? {} : { through }),
      event: bond.event,
      ...validityOf(bond),
      ...(bond.ended === undefined ? {} : { ended_by: bond.ended }),
    });
  }
  return way.toReversed();
}

function registered(key: string, entry: Entry): readonly Reason[] {
  if (key === entry.person) return [];
  return [
    {
      from: key,
      to: entry.person,
      grade: 'exact',
      method: entry.method,
      ...(entry.from === undefined ? {} : { valid_from: formatMicros(entry.from) }),
      ...(typeof entry.to === 'number' ? { valid_to: formatMicros(entry.to) } : {}),
    },
  ];
}
