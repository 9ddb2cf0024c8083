import type { ActorKind } from '../../model/actor.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Identities } from '../identity.ts';
import type { Account } from './accounts.ts';
import type { Claim, Reason, UnknownIdentity } from './explain.ts';

/** An account as the directory shows it. Times are UTC, six digits, "Z". */
export interface ShownAccount {
  readonly key: string;
  readonly kind: ActorKind;
  readonly display?: string;
  readonly email?: string;
  readonly events: number;
  readonly first_seen: string;
  readonly last_seen: string;
}

/** A person, or whatever else acts under own accounts, with each account and why it is counted to it. */
export interface ShownPerson {
  readonly person: string;
  readonly kind: ActorKind;
  readonly display?: string;
  readonly sponsor?: string;
  readonly accounts: readonly (ShownAccount & {
    readonly grade: 'exact' | 'asserted';
    readonly reasons: readonly Reason[];
  })[];
}

/** An account that more than one is said to be. */
export interface ShownConflict extends ShownAccount {
  readonly claims: readonly Claim[];
}

export interface Directory {
  readonly persons: readonly ShownPerson[];
  readonly unresolved: readonly ShownAccount[];
  readonly conflicts: readonly ShownConflict[];
  /** Providers that events name and the policy file does not, with how many accounts they are said to tie to somebody. */
  readonly unknownProviders: readonly UnknownProvider[];
  /** Whether there are more accounts than were looked at. */
  readonly cut: boolean;
}

/** GitLab's name for a provider behind which nobody is known. */
export interface UnknownProvider {
  readonly gitlab: string;
  readonly provider: string;
  readonly number?: number;
  readonly accounts: number;
}

/**
 * Who is who at a moment (now, where none is given): every account that an event names goes to one person, to nobody, or
 * into the conflicts besides. In order of their keys. Pure.
 */
export function buildDirectory(
  accounts: readonly Account[],
  identities: Identities,
  { at, cut = false }: { readonly at?: Micros; readonly cut?: boolean } = {},
): Directory {
  const persons = new Map<string, ShownPerson>();
  const unresolved: ShownAccount[] = [];
  const conflicts: ShownConflict[] = [];
  const unknown = new Map<string, UnknownProvider>();
  for (const account of accounts) {
    const shown = showAccount(account);
    const { person, reasons, conflict, unknown: stray } = identities.explain(account.key, at);
    for (const identity of stray) countProvider(unknown, identity);
    if (conflict.length > 0) conflicts.push({ ...shown, claims: conflict });
    if (person === undefined) {
      if (conflict.length === 0) unresolved.push(shown);
      continue;
    }
    const held = persons.get(person.person);
    const display = person.display ?? held?.display ?? account.display;
    const sponsor = person.sponsor ?? held?.sponsor;
    persons.set(person.person, {
      person: person.person,
      kind: person.kind ?? kindOf(held?.kind, account.kind),
      ...(display === undefined ? {} : { display }),
      ...(sponsor === undefined ? {} : { sponsor }),
      accounts: [...(held?.accounts ?? []), { ...shown, grade: person.grade, reasons }],
    });
  }
  const inOrder = [...persons.values()].toSorted((a, b) => (a.person < b.person ? -1 : 1));
  const unknownProviders = [...unknown].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  return { persons: inOrder, unresolved, conflicts, unknownProviders, cut };
}

function countProvider(counts: Map<string, UnknownProvider>, { host, provider, number }: UnknownIdentity): void {
  const id = `${host} ${provider} ${number ?? ''}`;
  const accounts = (counts.get(id)?.accounts ?? 0) + 1;
  counts.set(id, { gitlab: host, provider, ...(number === undefined ? {} : { number }), accounts });
}

/** An account with its times as text. */
export function showAccount({ first, last, ...account }: Account): ShownAccount {
  return { ...account, first_seen: formatMicros(first), last_seen: formatMicros(last) };
}

// A human somewhere is a human; else what is known of any account is better than nothing.
function kindOf(held: ActorKind | undefined, kind: ActorKind): ActorKind {
  if (held === undefined || held === 'unknown' || kind === 'human') return kind;
  return held;
}
