import type { KnownEvent } from '../../store/stored-records.ts';
import type { IdentifiedEvent } from './derive.ts';
import { packIds } from './known-ids.ts';
import type { KnownIds } from './known-ids.ts';
import type { Recall } from './recall.ts';
import { createTellings } from './tellings.ts';
import type { TellingGroups } from './tellings.ts';

/** How an event stands to those before it. `firstRef` is the accepted one of its id. */
export interface Standing {
  readonly disposition: 'accepted' | 'duplicate' | 'conflict';
  readonly firstRef: bigint;
  /** The id of the event that this is another telling of; absent: its own. */
  readonly eventId?: string;
}

/** What the store holds of the events of a slice: those of their ids, and tellings that may be of the same happenings. */
export interface Held {
  readonly events: ReadonlyMap<string, KnownEvent>;
  readonly tellings: TellingGroups;
}

/** Accepted events of batches that are not in the store yet, by batch. */
export interface Repeats {
  /** Ids for which the store must be asked before `judge` may be called. */
  toAsk(events: Iterable<IdentifiedEvent>): string[];
  /**
   * The standing of the event at `ref`. What stands at the same place or later counts as absent, so that the answer is
   * the same when a batch is derived a second time; the first that was accepted is the one to agree with.
   */
  judge(batch: number, ref: bigint, event: IdentifiedEvent, stored: Held): Standing;
  /** The ids that a batch brought first, and the digests of what it tells in one of two forms. */
  acceptedOf(batch: number): Buffer;
  /** Forgets a batch: from now on the store knows its events, or it was given up. */
  release(batch: number): void;
}

/** Over the ids that the store holds (`known`, which grows with every accepted event). `isSame` compares two contents. */
export function createRepeats(known: KnownIds, isSame: Recall['isSame']): Repeats {
  const inFlight = new Map<number, Map<string, KnownEvent>>();
  const tellings = createTellings();

  function held(id: string, below: bigint): KnownEvent | undefined {
    let first: KnownEvent | undefined;
    for (const batch of inFlight.values()) {
      const found = batch.get(id);
      if (found && found.ref < below && (!first || found.ref < first.ref)) first = found;
    }
    return first;
  }

  return {
    toAsk(events) {
      const ids = new Set<string>();
      for (const { eventId } of events) if (known.mayHold(eventId)) ids.add(eventId);
      return [...ids];
    },
    judge(batch, ref, event, stored) {
      const inStore = stored.events.get(event.eventId);
      // What is in flight was added to what is known, so most new events need no search through the batches.
      const inFlightFirst = known.mayHold(event.eventId) ? held(event.eventId, ref) : undefined;
      const first = inStore && inStore.ref < ref ? inStore : inFlightFirst;
      if (first) return { disposition: isSame(first, event) ? 'duplicate' : 'conflict', firstRef: first.ref };
      const told = event.twin && tellings.find(ref, event, stored.tellings);
      if (told) {
        tellings.add(batch, ref, event, told);
        return { disposition: 'duplicate', firstRef: told.ref, eventId: told.eventId };
      }
      if (event.twin) tellings.add(batch, ref, event);
      const entries = inFlight.get(batch) ?? new Map<string, KnownEvent>();
      inFlight.set(batch, entries.set(event.eventId, { eventId: event.eventId, ref, contentHash: event.contentHash }));
      known.add(event.eventId);
      return { disposition: 'accepted', firstRef: ref };
    },
    acceptedOf(batch) {
      const ids = [...(inFlight.get(batch)?.keys() ?? []), ...tellings.idsOf(batch)];
      return packIds(ids, ids.length);
    },
    release(batch) {
      inFlight.delete(batch);
      tellings.release(batch);
    },
  };
}
