import { refOf } from '../../model/position.ts';
import type { Telling, TellingsQuestion } from '../../store/find-tellings.ts';
import type { IdentifiedEvent } from './derive.ts';
import type { TransformJob } from './transform.ts';

/**
 * Happenings that a source tells in two forms that share no id (Keycloak's log and REST API, sources.md 1.7.1): whichever
 * comes second is a duplicate of the first, under its id, so that each is counted once. Each telling of one form is
 * paired with one of the other, the nearest in time.
 */
export interface Tellings {
  /**
   * The accepted event that `event` is the other telling of. What stands at the same place or later counts as absent, so
   * that the answer is the same at every derivation. None, where the first lacks a key or fact that this one has: a
   * second row is better than something lost.
   */
  find(ref: bigint, event: IdentifiedEvent, stored: TellingGroups): Telling | undefined;
  /** Notes what a batch told; `of` is what it is the other telling of. */
  add(batch: number, ref: bigint, event: IdentifiedEvent, of?: Telling): void;
  /** Digests of both forms, written as ids are: batches that share one must not be judged side by side. */
  idsOf(batch: number): readonly string[];
  release(batch: number): void;
}

/** Tellings of the same digest: all of them, and who was paired with which accepted one. */
interface Group {
  readonly told: Telling[];
  readonly pairs: Map<bigint, Telling>;
}
export type TellingGroups = ReadonlyMap<string, Group>;

/** By digest, so that each event looks only at those that say the same. */
export function groupTellings(tellings: Iterable<Telling>): TellingGroups {
  const groups = new Map<string, Group>();
  for (const telling of tellings) addTo(groups, telling);
  return groups;
}

function addTo(groups: Map<string, Group>, telling: Telling): void {
  const group = groups.get(telling.digest) ?? { told: [], pairs: new Map<bigint, Telling>() };
  groups.set(telling.digest, group);
  group.told.push(telling);
  if (!telling.accepted && !group.pairs.has(telling.firstRef)) group.pairs.set(telling.firstRef, telling);
}

/** Tellings of batches that are not in the store yet; those in it are asked for with `questionOf`. */
export function createTellings(): Tellings {
  const inFlight = new Map<number, Map<string, Group>>();
  const ids = new Map<number, Set<string>>();
  return {
    find(ref, event, stored) {
      const { twin } = event.event;
      const digests = event.twin;
      if (!twin || !digests) return undefined;
      const sources = [stored, ...inFlight.values()];
      // Paired with another telling of this form already; one of the same name is this one, come again.
      const isTaken = (candidate: Telling): boolean =>
        sources.some((groups) => {
          const pair = groups.get(digests.own)?.pairs.get(candidate.ref);
          return pair !== undefined && pair.ref < ref && pair.nativeId !== event.event.nativeId;
        });
      const { at } = event.event.occurred;
      const near = (one: Telling): number => Math.abs(one.at - at);
      let best: Telling | undefined;
      for (const groups of sources)
        for (const one of groups.get(digests.other)?.told ?? []) {
          if (!one.accepted || one.ref >= ref || one.at < twin.from || one.at > twin.to) continue;
          const isNearer = !best || near(one) < near(best) || (near(one) === near(best) && one.ref < best.ref);
          if (isNearer && !isTaken(one)) best = one;
        }
      return best && holdsAll(best, event) ? best : undefined;
    },
    add(batch, ref, event, of) {
      if (!event.twin) return;
      const { own, other } = event.twin;
      const groups = inFlight.get(batch) ?? new Map<string, Group>();
      inFlight.set(batch, groups);
      addTo(groups, {
        ref,
        eventId: of?.eventId ?? event.eventId,
        digest: own,
        nativeId: event.event.nativeId,
        at: event.event.occurred.at,
        accepted: of === undefined,
        firstRef: of?.ref ?? ref,
        keys: event.texts.keysJson,
        facts: event.texts.facts,
      });
      ids.set(batch, (ids.get(batch) ?? new Set()).add(idOf(own)).add(idOf(other)));
    },
    idsOf: (batch) => [...(ids.get(batch) ?? [])],
    release(batch) {
      inFlight.delete(batch);
      ids.delete(batch);
    },
  };
}

/** What the store must be asked before a slice is judged; undefined where nothing is told in two forms. */
export function questionOf(job: TransformJob, events: Iterable<IdentifiedEvent>): TellingsQuestion | undefined {
  const digests = new Set<string>();
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const { event, twin } of events) {
    if (!event.twin || !twin) continue;
    digests.add(twin.own).add(twin.other);
    from = Math.min(from, event.twin.from);
    to = Math.max(to, event.twin.to);
  }
  if (digests.size === 0) return undefined;
  const place = { topic: job.topic, partition: job.partition };
  const firstRef = refOf({ ...place, offset: 0 });
  // A telling that was paired lies within the same time of its other half, and that of this one.
  return { digests: [...digests], from: Math.max(0, from - REACH_US), to: to + REACH_US, firstRef, lastRef: firstRef + PLACES }; // prettier-ignore
}

const REACH_US = 2_000_000;
const PLACES = (1n << 48n) - 1n;

// The first may say more, as a line tells the session of an impersonator, but nothing less.
function holdsAll(first: Telling, { texts }: IdentifiedEvent): boolean {
  const named = (json: string): readonly string[] =>
    (JSON.parse(json) as readonly (readonly string[])[]).map(([key, , role]) => `${role} ${key}`);
  const held = new Set(named(first.keys));
  if (!named(texts.keysJson).every((name) => held.has(name))) return false;
  const facts = JSON.parse(first.facts) as Readonly<Record<string, unknown>>;
  return Object.entries(JSON.parse(texts.facts) as Record<string, unknown>).every(
    ([name, value]) => JSON.stringify(facts[name]) === JSON.stringify(value),
  );
}

function idOf(digest: string): string {
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-${digest.slice(12, 16)}-${digest.slice(16, 20)}-${digest.slice(20)}`;
}
