import type { Truth } from '../../model/truth.ts';
import type { Directory, ShownAccount, ShownConflict, ShownPerson, UnknownProvider } from './directory.ts';
import type { Explanation } from './explain.ts';

export const IDENTITY_VIEWS = ['persons', 'unresolved', 'conflicts'] as const;
export type IdentityView = (typeof IDENTITY_VIEWS)[number];

interface Page {
  /** How many of each there are; `items` is a part of one of them. */
  readonly counts: Readonly<Record<IdentityView, number>>;
  /** What to give as `after` for the next page; null at the end. */
  readonly next: string | null;
  readonly cut: boolean;
  /** Names of providers under which accounts are tied to somebody, and nobody knows to whom. */
  readonly unknown_providers: readonly UnknownProvider[];
}

/** A page of `GET /v1/identities`. */
export type PageAnswer = Page &
  (
    | { readonly view: 'persons'; readonly items: readonly ShownPerson[] }
    | { readonly view: 'unresolved'; readonly items: readonly ShownAccount[] }
    | { readonly view: 'conflicts'; readonly items: readonly ShownConflict[] }
  );

/** The answer of `GET /v1/identities/{key}`. */
export interface AccountAnswer {
  /** UTC; absent: now. */
  readonly at?: string;
  readonly explanation: Explanation;
  /** The person with all accounts; absent where it is nobody's. */
  readonly person?: ShownPerson;
  /** Whether another account is the same party, an agent counted as its sponsor. */
  readonly compared?: { readonly key: string; readonly same: Truth; readonly explanation: Explanation };
}

/** At most `limit` of a view, those whose key comes after `after`. */
export function pageOf(
  directory: Directory,
  view: IdentityView,
  { after, limit, kind }: { readonly after?: string; readonly limit: number; readonly kind?: string },
): PageAnswer {
  const { persons, unresolved, conflicts, cut, unknownProviders: unknown_providers } = directory;
  const counts = { persons: persons.length, unresolved: unresolved.length, conflicts: conflicts.length };
  const take = <Item extends { readonly kind: string }>(
    items: readonly Item[],
    keyOf: (item: Item) => string,
  ): { items: readonly Item[]; next: string | null } => {
    const rest = items.filter((item) => (kind === undefined || item.kind === kind) && (after === undefined || keyOf(item) > after)); // prettier-ignore
    const shown = rest.slice(0, limit);
    const last = shown.at(-1);
    return { items: shown, next: rest.length > limit && last !== undefined ? keyOf(last) : null };
  };
  if (view === 'persons') return { view, counts, cut, unknown_providers, ...take(persons, (item) => item.person) };
  if (view === 'unresolved') return { view, counts, cut, unknown_providers, ...take(unresolved, (item) => item.key) };
  return { view, counts, cut, unknown_providers, ...take(conflicts, (item) => item.key) };
}
