import { setImmediate } from 'node:timers/promises';
import { sortHeaders } from '../../ledger/leaf.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import type { Family } from '../../model/source.ts';
import type { LoggedRecord } from '../log/event-log.ts';
import { createPacker } from './pack.ts';
import type { PartitionDeps } from './partition.ts';
import { storeBatch } from './store-batch.ts';
import type { StoredBatch } from './store-batch.ts';
import type { TransformJob } from './transform.ts';

/** A stretch of records on its way: with the thread, or waiting to be stored. */
export interface Step {
  /** Stores it, once the thread is done; may be called again after a failure. `fresh`: nothing of it can be there yet. */
  store(fresh: boolean): Promise<StoredBatch>;
  /** An earlier batch became another than it was, so what this one repeats must be looked at once more. */
  look(): void;
  /** Gives back what it holds. */
  close(): void;
}

/** Waits for room, then gives the records to the thread. */
export async function openStep(
  deps: PartitionDeps,
  place: StoredPartition & { topic: Family },
  records: readonly LoggedRecord[],
): Promise<Step> {
  const free = await deps.slot();
  const id = deps.nextJobId();
  const job: TransformJob = {
    ...place,
    id,
    writerEpoch: deps.writerEpoch,
    tables: 'all',
    refused: [],
    prefix: `${deps.scratch.folder}/${id}`,
  };
  let transformed = deps.transformer.transform(job, await packLogged(records, deps.stamp()));
  transformed.catch(() => undefined);
  let again = false;
  return {
    async store(fresh) {
      if (again) transformed = deps.transformer.transform(job);
      again = true;
      let result = await transformed;
      const overlapped = deps.transformer.overlaps(id);
      if (overlapped) {
        transformed = deps.transformer.transform(job);
        result = await transformed;
      }
      again = false;
      const stored = await storeBatch(deps, job, result, fresh);
      return { ...stored, changed: stored.changed || overlapped };
    },
    look: () => void (again = true),
    close() {
      deps.transformer.release(id);
      free();
    },
  };
}

// So many records are packed before other work may go first: some milliseconds.
const PACKED_AT_ONCE = 1_000;

async function packLogged(records: readonly LoggedRecord[], ingestedAtUs: number): Promise<ArrayBuffer> {
  const packer = createPacker(records.reduce((sum, { value, key }) => sum + value.length + key.length + 300, 64));
  let last: LoggedRecord['headers'] | undefined;
  let text = '';
  for (const [index, { offset, timestampMs, key, headers, value }] of records.entries()) {
    if (headers !== last) text = JSON.stringify(Object.fromEntries(sortHeaders(headers)));
    last = headers;
    packer.add({ offset, receivedAtMs: timestampMs, ingestedAtUs, key, headers: text, value });
    if (index % PACKED_AT_ONCE === PACKED_AT_ONCE - 1) await setImmediate();
  }
  return packer.block();
}
