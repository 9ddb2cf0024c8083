import { emailKey } from '../../model/keys.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { recyclings } from './bonds.ts';
import type { Vouched } from './bonds.ts';
import type { Sighting } from './parties-of.ts';

interface Holder {
  readonly key: string;
  first: Micros;
  last: Micros;
  event: string;
}

/**
 * The addresses that events write beside accounts: asserted only, because an address can be given to somebody else
 * (sources.md 4.1). Where accounts of one provider bore it one after the other, each holds it from when it was first seen
 * there to when it was last; the first since ever, the last until now. Where they bore it at the same time nothing tells
 * them apart by time, and all of them keep it: then it decides nothing.
 */
export function mailBonds(sightings: Iterable<Sighting>, changes: Iterable<StoredEvent>): readonly Vouched[] {
  const byAddress = new Map<string, Map<string, Holder>>();
  for (const sighting of sightings) {
    const email = emailKey(sighting.actor.email)?.key;
    if (email !== undefined && email !== sighting.actor.key) addHolder(byAddress, email, sighting);
  }
  const recycled = recyclings(changes);
  return [...byAddress].flatMap(([email, holders]) => {
    const scopes = new Map<string, Holder[]>();
    for (const holder of holders.values()) {
      const scope = holder.key.slice(0, holder.key.lastIndexOf('/') + 1);
      scopes.set(scope, [...(scopes.get(scope) ?? []), holder]);
    }
    return [...scopes.values()].flatMap((group) => bondsOfGroup(email, group, recycled.get(email) ?? []));
  });
}

function bondsOfGroup(
  email: string,
  group: readonly Holder[],
  recycled: readonly { readonly at: Micros; readonly event: string }[],
): readonly Vouched[] {
  const inOrder = group.toSorted((a, b) => a.first - b.first || (a.key < b.key ? -1 : 1));
  const isOneByOne = inOrder.every((holder, index) => holder.last < (inOrder[index + 1]?.first ?? Infinity));
  return inOrder.map((holder, index) => {
    const isFirst = index === 0;
    const isLast = index === inOrder.length - 1;
    const end = recycled.filter(({ at }) => holder.first < at).toSorted((a, b) => a.at - b.at)[0];
    const to = isOneByOne && !isLast ? holder.last + 1 : undefined;
    const until = end === undefined ? to : Math.min(end.at, to ?? Infinity);
    return {
      key: holder.key,
      other: email,
      grade: 'asserted',
      event: holder.event,
      method: 'email',
      ...(isOneByOne && !isFirst ? { from: holder.first } : {}),
      ...(until === undefined ? {} : { to: until }),
      ...(end !== undefined && until === end.at ? { ended: end.event } : {}),
    };
  });
}

function addHolder(
  byAddress: Map<string, Map<string, Holder>>,
  email: string,
  { actor: { key }, first, last, event }: Sighting,
): void {
  const holders = byAddress.get(email) ?? new Map<string, Holder>();
  byAddress.set(email, holders);
  const held = holders.get(key);
  if (held === undefined) {
    holders.set(key, { key, first, last, event });
    return;
  }
  if (first < held.first) [held.first, held.event] = [first, event];
  held.last = Math.max(held.last, last);
}
