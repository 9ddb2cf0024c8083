import type { ActorKind, ActorRef } from '../../model/actor.ts';
import { emailKey } from '../../model/keys.ts';
import type { Micros } from '../../model/time.ts';
import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findActionEvents } from '../../store/queries/find-action-events.ts';
import { findParties } from '../../store/queries/find-parties.ts';
import type { PartyRow } from '../../store/queries/find-parties.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Sighting } from './parties-of.ts';

/** An account as events name it. `first` and `last` are microseconds UTC. */
export interface Account {
  readonly key: string;
  readonly kind: ActorKind;
  readonly display?: string;
  readonly email?: string;
  readonly events: number;
  readonly first: Micros;
  readonly last: Micros;
}

/** A party as it stood in events, with how many there were. */
export interface CountedSighting extends Sighting {
  readonly events: number;
}

/** Distinct ways in which parties are named; more are left out, and the answer says so. */
export const MAX_SIGHTINGS = 200_000;

export interface Sightings {
  readonly sightings: readonly CountedSighting[];
  readonly changes: readonly StoredEvent[];
  /** Whether there are more than are given. */
  readonly cut: boolean;
}

/** End of the time that is asked for: 2200-01-01, microseconds UTC. */
const END_OF_TIME = 7_258_118_400_000_000;

/** Everybody whom events name as a party, and what registers said of them, as of a moment. */
export async function readSightings(reader: Reader, tenant: string, asOfMs: number): Promise<Sightings> {
  const [rows, changes] = await Promise.all([
    reader.read(findParties(tenant, asOfMs, MAX_SIGHTINGS + 1)),
    readIdentityChanges(reader, tenant, asOfMs),
  ]);
  return {
    sightings: rows.slice(0, MAX_SIGHTINGS).flatMap(sightingsOfRow),
    changes,
    cut: rows.length > MAX_SIGHTINGS,
  };
}

/** What registers said of accounts at any time: merges and splits. */
export async function readIdentityChanges(
  reader: Reader,
  tenant: string,
  asOfMs: number,
): Promise<readonly StoredEvent[]> {
  const actions = ['identity.merge', 'identity.split', 'identity.state'];
  return (await reader.read(findActionEvents(tenant, actions, 0, END_OF_TIME, asOfMs))).map(toStoredEvent);
}

/** The accounts of sightings, each once: what was last said of it, how often it was seen, from when to when. */
export function accountsOf(sightings: readonly CountedSighting[]): readonly Account[] {
  const accounts = new Map<string, Account>();
  for (const { actor, events, first, last } of sightings.toSorted((a, b) => a.last - b.last)) {
    const held = accounts.get(actor.key);
    const display = actor.display ?? held?.display;
    const email = actor.email ?? held?.email;
    accounts.set(actor.key, {
      key: actor.key,
      kind: actor.kind === 'unknown' ? (held?.kind ?? actor.kind) : actor.kind,
      ...(display === undefined ? {} : { display }),
      ...(email === undefined ? {} : { email: emailKey(email)?.key.slice('email:'.length) ?? email }),
      events: events + (held?.events ?? 0),
      first: Math.min(first, held?.first ?? first),
      last: Math.max(last, held?.last ?? last),
    });
  }
  return [...accounts.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function sightingsOfRow(row: PartyRow): readonly CountedSighting[] {
  const { events, first_us: first, last_us: last, event } = row;
  const read = JSON.parse(row.party) as Partial<ActorRef> & {
    readonly onBehalfOf?: ActorRef;
    readonly actChain?: readonly ActorRef[];
    readonly initiator?: ActorRef;
  };
  const parties =
    read.key === undefined ? [read.onBehalfOf, read.initiator, ...(read.actChain ?? [])] : [read as ActorRef];
  return parties.flatMap((actor) =>
    actor === undefined || actor.key === '' ? [] : [{ actor, events, first, last, event }],
  );
}
