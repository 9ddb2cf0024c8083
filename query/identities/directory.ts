import type { ActorKind } from '../../model/actor.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Identities } from '../identity.ts';
import type { Account } from './accounts.ts';
import type { Claim, Reason } from './explain.ts';

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
  /** Whether there are more accounts than were looked at. */
  readonly cut: boolean;
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
  for (const account of accounts) {
    const shown = showAccount(account);
    const { person, reasons, conflict } = identities.explain(account.key, at);
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
  return { persons: inOrder, unresolved, conflicts, cut };
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
