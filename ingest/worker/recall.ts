import { contentHashOf } from '../../model/event-id.ts';
import { positionOf } from '../../model/position.ts';
import type { KnownEvent, RecalledRecord } from '../../store/stored-records.ts';
import type { IdentifiedEvent } from './derive.ts';
import { findPacked } from './pack.ts';
import type { UnpackedRecord } from './pack.ts';
import type { TransformJob } from './transform.ts';

/**
 * Tells whether an event that came again says the same as the first of its id. Nearly always the bytes agree, which the
 * hash of the content shows; where they do not, the record of the first is fetched and both are compared as canonical
 * JSON, so that another order of members or another spacing is no conflict. So the canonical form, a seventh of the
 * whole transform, is computed for repeats alone.
 */
export interface Recall {
  /** The records of a batch that is on its way; `release` forgets them. */
  hold(job: TransformJob, block: ArrayBuffer): void;
  release(id: number): void;
  /** Fetches the stored firsts that `isSame` will need for these events. */
  prepare(events: Iterable<IdentifiedEvent>, stored: ReadonlyMap<string, KnownEvent>): Promise<void>;
  isSame(first: KnownEvent, event: IdentifiedEvent): boolean;
}

export interface RecallDeps {
  /** The stored records of these references. */
  readonly recall: (refs: readonly bigint[]) => Promise<readonly RecalledRecord[]>;
  /** The events of a record, in order; empty where it has none. */
  readonly derive: (record: Pick<UnpackedRecord, 'headers' | 'receivedAtMs' | 'value'>) => readonly IdentifiedEvent[];
}

// A record may have a megabyte, so few are fetched at a time.
const RECORDS_A_QUESTION = 32;
const MOST_KEPT = 10_000;

/** A recall that holds nothing yet. */
export function createRecall(deps: RecallDeps): Recall {
  const held = new Map<number, { job: TransformJob; block: ArrayBuffer; find?: ReturnType<typeof findPacked> }>();
  const contents = new Map<bigint, string>();

  function learn(ref: bigint, record: Parameters<RecallDeps['derive']>[0]): void {
    const event = deps.derive(record)[positionOf(ref).index];
    if (contents.size >= MOST_KEPT) contents.clear();
    if (event) contents.set(ref, contentHashOf(event.event));
  }

  function lookInBatches(ref: bigint): void {
    const { topic, partition, offset } = positionOf(ref);
    for (const batch of held.values()) {
      if (batch.job.topic !== topic || batch.job.partition !== partition) continue;
      batch.find ??= findPacked(batch.block);
      const record = batch.find(offset);
      if (record) return learn(ref, record);
    }
  }

  return {
    hold: (job, block) => void held.set(job.id, { job, block }),
    release: (id) => void held.delete(id),
    async prepare(events, stored) {
      const refs = new Set<bigint>();
      for (const event of events) {
        const first = event.isWhole || event.twin ? stored.get(event.eventId) : undefined;
        const isAlike = first?.contentHash === event.contentHash && !event.twin;
        if (first && !isAlike && !contents.has(first.ref)) refs.add(first.ref);
      }
      const all = [...refs];
      for (let from = 0; from < all.length; from += RECORDS_A_QUESTION) {
        const records = await deps.recall(all.slice(from, from + RECORDS_A_QUESTION));
        for (const { ref, ...record } of records) learn(ref, record);
      }
    },
    isSame(first, event) {
      if (first.contentHash === event.contentHash && !event.twin) return true;
      if (!event.isWhole && !event.twin) return false;
      if (!contents.has(first.ref)) lookInBatches(first.ref);
      return contents.get(first.ref) === contentHashOf(event.event);
    },
  };
}
