import type { Facts } from '../../model/facts.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/**
 * That two keys are one party, or from a time on are not, by the word of one event. An issuer's alias and a register's
 * merge are exact, an e-mail beside an account asserted.
 */
export interface Vouched {
  readonly key: string;
  readonly other: string;
  readonly grade: 'exact' | 'asserted';
  readonly event: string;
  /** `issuer`, `email`, `extern_uid`, or how the register knows: `scim`, `saml`, `user_identities`, `admin`. */
  readonly method?: string;
  /** The identity at a provider, by GitLab's name for it, that ties the two together. */
  readonly through?: string;
  /** When it holds: `from <= t < to`, microseconds UTC; a missing end is open. */
  readonly from?: Micros;
  readonly to?: Micros;
  /** The event that ended it. */
  readonly ended?: string;
  /** They are different persons while this holds. */
  readonly apart?: true;
}

interface Change {
  readonly identity: NonNullable<Facts['identity']>;
  readonly at: Micros;
  readonly ref: string;
  readonly event: string;
}

/**
 * What merges and splits come to, pair by pair. Each change stays in force until the next one of the same pair: a split
 * reverses a merge from its time on, a later merge reverses the split. A first merge without a time of its own holds for
 * the time before too, because a register learns late what was so all along; one after a split only from when it was told.
 */
export function bondsOfChanges(events: Iterable<StoredEvent>): readonly Vouched[] {
  const pairs = new Map<string, Change[]>();
  for (const event of events) {
    const { identity } = event.facts;
    if (identity === undefined || identity.change === 'state' || event.outcome !== 'success') continue;
    const change = { identity, at: identity.from ?? event.occurredAt, ref: event.ref, event: event.event };
    for (const pair of pairsOf(identity.accounts)) pairs.set(pair, [...(pairs.get(pair) ?? []), change]);
  }
  return [...pairs].flatMap(([pair, changes]) => {
    const [key = '', other = ''] = pair.split('\u0000');
    const inOrder = changes.toSorted((a, b) => a.at - b.at || (a.ref < b.ref ? -1 : 1));
    return inOrder.map((change, index) => bondOf(key, other, change, inOrder[index + 1], index === 0));
  });
}

/** From when an address was somebody else's (RISC `identifier-recycled`), by address: what it said before is over then. */
export function recyclings(
  events: Iterable<StoredEvent>,
): ReadonlyMap<string, readonly { at: Micros; event: string }[]> {
  const found = new Map<string, { at: Micros; event: string }[]>();
  for (const { facts, event, occurredAt } of events) {
    const [address, ...more] = facts.identity?.accounts ?? [];
    if (facts.identity?.change !== 'split' || address === undefined || more.length > 0) continue;
    for (const key of address)
      found.set(key, [...(found.get(key) ?? []), { at: facts.identity.from ?? occurredAt, event }]);
  }
  return found;
}

function bondOf(key: string, other: string, change: Change, next: Change | undefined, isFirst: boolean): Vouched {
  const { identity, at, event } = change;
  const isOpen = isFirst && identity.change === 'merge' && identity.from === undefined;
  return {
    key,
    other,
    grade: 'exact',
    event,
    method: identity.method,
    ...(isOpen ? {} : { from: at }),
    ...(next === undefined ? {} : { to: next.at, ended: next.event }),
    ...(identity.change === 'split' ? { apart: true as const } : {}),
  };
}

// Every key of an account with every key of another: whichever of them an event names, the answer is the same.
function pairsOf(accounts: readonly (readonly string[])[]): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (const [index, account] of accounts.entries())
    for (const other of accounts.slice(index + 1))
      for (const a of account)
        for (const b of other) if (a !== b) pairs.add(a < b ? `${a}\u0000${b}` : `${b}\u0000${a}`);
  return pairs;
}
