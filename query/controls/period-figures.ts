import type { TestId } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { registeredSource } from './stream-days.ts';

/** Figures of a period that are counted in the store, because a test that looked at each event would hold them all. */
export type Figure = 'actors' | 'arrivals' | 'integrity' | 'runs' | 'ledger';

/** An account that acted in the period, as its source names it. */
export interface SeenActor {
  readonly family: string;
  readonly instance: string;
  readonly key: string;
  readonly kind: string;
  readonly display?: string;
  /** When it was first seen at all, and first in the period. */
  readonly firstAt: Micros;
  readonly at: Micros;
  /** Its first event in the period. */
  readonly event: string;
}

/** How the events of an installation arrived that it recorded within one hour. Lengths in microseconds. */
export interface ArrivalHour {
  readonly family: string;
  readonly instance: string;
  /** First moment of the hour, UTC. */
  readonly hour: Micros;
  readonly events: number;
  /** Events received later than the limit of the policy, and the longest delay. */
  readonly late: number;
  readonly worstUs: Micros;
  /** Delay from the source's stamp to the receipt: the least, and the one that 1 % are below. Negative: stamped in the future. */
  readonly leastUs: Micros;
  readonly p01Us: Micros;
  /** 99 % of the delays differ from the usual way by no more than this. */
  readonly p99OffUs: Micros;
  /** The greatest step back of the clock along the source's own counter; 0 where it has none. */
  readonly backUs: Micros;
}

/** Records of an installation received on one day, of which the leaf was computed again from what is stored. */
export interface IntegrityDay {
  readonly family: string;
  readonly instance: string;
  /** "2026-03-01", the day of receipt, UTC. */
  readonly day: string;
  readonly records: number;
  readonly altered: number;
  /** Places of the first of them: `<topic>/<partition>/<offset>`. */
  readonly places: readonly string[];
}

/** The records of an installation that were received on one day. */
export type RecordDay = Pick<IntegrityDay, 'family' | 'instance' | 'day'>;

/** An answer of the signed log, and what it rests on: facts, one sentence without a full stop. */
export interface LedgerAnswer {
  readonly truth: Truth;
  readonly why?: string;
}

/** What signed checkpoints say of the records; absent where none were made. */
export interface LedgerEvidence {
  /**
   * Whether the stored leaves of a day give the roots that were signed: false where they do not, unknown where no signed
   * checkpoint covers them.
   */
  covers(day: RecordDay): LedgerAnswer;
  /** Whether each checkpoint is an extension of the one before it. */
  readonly consistent: LedgerAnswer;
  /** Whether a checkpoint that covers the day is kept where administrators of this service cannot reach it. */
  anchored(day: RecordDay): LedgerAnswer;
}

/** A check of one test as it was stored. */
export interface StoredRun {
  readonly run: string;
  readonly createdAt: Micros;
  readonly test: TestId;
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
  readonly catalogue: string;
  readonly policy: string;
  readonly population: string;
  readonly digest: string;
}

export interface PeriodFigures {
  readonly actors?: readonly SeenActor[];
  readonly arrivals?: readonly ArrivalHour[];
  readonly integrity?: readonly IntegrityDay[];
  readonly ledger?: LedgerEvidence;
  readonly runs?: readonly StoredRun[];
}

interface Period {
  readonly from: Micros;
  readonly to: Micros;
}

/** Accounts by source, from events: for graphs that hold all that was received. */
export function seenActors(events: Iterable<StoredEvent>, { from, to }: Period): readonly SeenActor[] {
  const found = new Map<string, SeenActor>();
  const first = new Map<string, Micros>();
  for (const event of events) {
    const { actor, occurredAt: at, family, instance } = event;
    if (actor.key === '' || event.disposition !== 'accepted' || at >= to) continue;
    const id = `${family} ${instance} ${actor.key}`;
    first.set(id, Math.min(first.get(id) ?? at, at));
    const held = found.get(id);
    if (at < from || (held && held.at <= at)) continue;
    const { key, kind, display } = actor;
    found.set(id, {
      family,
      instance,
      key,
      kind,
      firstAt: at,
      at,
      event: event.event,
      ...(display === undefined ? {} : { display }),
    });
  }
  return [...found].map(([id, actor]) => ({ ...actor, firstAt: first.get(id) ?? actor.at }));
}

const HOUR_US = 3_600_000_000;

/** Arrivals by hour, from events: for graphs that hold all that was received. */
export function countArrivalHours(
  events: Iterable<StoredEvent>,
  policy: Policy,
  { from, to }: Period,
): readonly ArrivalHour[] {
  const groups = new Map<string, StoredEvent[]>();
  for (const event of events) {
    if (event.disposition !== 'accepted' || event.occurredAt < from || event.occurredAt >= to) continue;
    const id = `${event.family} ${event.instance} ${Math.floor(event.occurredAt / HOUR_US)}`;
    const list = groups.get(id);
    if (list) list.push(event);
    else groups.set(id, [event]);
  }
  const limit = policy.parameters.ingest_max_s * 1_000_000;
  return [...groups.values()].flatMap((list) => {
    const [first] = list;
    if (!first) return [];
    const { family, instance } = first;
    const usual = (registeredSource(policy, first)?.transport_ms ?? 0) * 1_000;
    const delays = list
      .map((event) => event.receivedAt - (event.observedAt ?? event.occurredAt))
      .toSorted((a, b) => a - b);
    const offs = delays.map((delay) => Math.abs(delay - usual)).toSorted((a, b) => a - b);
    const at = (values: readonly number[], share: number): number => values[Math.ceil(share * values.length) - 1] ?? 0;
    return [{
      family, instance, hour: Math.floor(first.occurredAt / HOUR_US) * HOUR_US, events: list.length,
      late: delays.filter((delay) => delay > limit).length, worstUs: delays.at(-1) ?? 0,
      leastUs: delays[0] ?? 0, p01Us: at(delays, 0.01), p99OffUs: at(offs, 0.99), backUs: stepBack(list),
    }]; // prettier-ignore
  });
}

function stepBack(events: readonly StoredEvent[]): Micros {
  const counted = events
    .filter((event) => /^\d{1,40}$/.test(event.sequence ?? ''))
    .map((event) => ({ number: BigInt(event.sequence ?? 0), at: event.occurredAt }))
    .toSorted((a, b) => (a.number < b.number ? -1 : 1));
  return Math.max(0, ...counted.map(({ at }, index) => (counted[index - 1]?.at ?? at) - at));
}
