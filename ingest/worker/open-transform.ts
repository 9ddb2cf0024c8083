import { LIMITS, refOf } from '../../model/position.ts';
import type { Policy } from '../../model/policy.ts';
import type { Store } from '../../store/clickhouse.ts';
import { nextWriterEpoch } from '../../store/log-state.ts';
import { findTellings } from '../../store/find-tellings.ts';
import { findEvents, readEventIds, recallRecords } from '../../store/stored-records.ts';
import type { OwnReader } from '../../store/reader.ts';
import type { TopicPartition } from '../log/event-log.ts';
import { openScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { ThreadDeps } from './start-thread.ts';
import { startTransformPool } from './transform-pool.ts';
import type { Transformer } from './transform.ts';

export interface OpenTransformOptions {
  readonly store: Pick<Store, 'writer' | 'openReader'>;
  readonly policy: Policy;
  readonly saltKey: Uint8Array;
  readonly folder: string;
  /** `assigned`: no events are read at the start, because each partition's are when it becomes ours. */
  readonly known?: 'all' | 'assigned';
  /** In place of the thread; for tests. */
  readonly startTransformer?: (deps: ThreadDeps) => Promise<Transformer>;
}

export interface OpenTransform {
  readonly transformer: Transformer;
  readonly scratch: Scratch;
  readonly writerEpoch: number;
  readonly nextJobId: () => number;
  /** Reads the accepted events between two references, ends included; gives where a later read may begin. */
  readonly load: (from: bigint, to: bigint) => Promise<bigint>;
  readonly close: () => Promise<void>;
}

const IDS_A_READ = 500_000;
const LAST_REF = (1n << 64n) - 1n;

/**
 * What worker and rebuild share: the thread, told which events the store holds, a session to ask about the rest, and the
 * scratch folder.
 */
export async function openTransform(options: OpenTransformOptions): Promise<OpenTransform> {
  const { store, policy, saltKey } = options;
  const reader = await store.openReader();
  const scratch = await openScratch(options.folder);
  const context = {
    tenant: policy.tenant,
    policy: { sources: policy.sources, pipeline_variables: policy.pipeline_variables },
  };
  const start = options.startTransformer ?? startTransformPool;
  const transformer = await start({
    context,
    saltKey,
    ask: (ids) => findEvents(reader, ids),
    askTellings: (question) => findTellings(reader, policy.tenant, question),
    recall: (refs) => recallRecords(reader, refs),
  });
  const load = (from: bigint, to: bigint): Promise<bigint> => loadKnown(reader, transformer, policy.tenant, from, to);
  if (options.known !== 'assigned') await load(0n, LAST_REF);
  let job = 0;
  return {
    transformer,
    scratch,
    writerEpoch: await nextWriterEpoch(store.writer),
    nextJobId: () => (job += 1),
    load,
    async close() {
      await transformer.close();
      await reader.close();
      await scratch.close();
    },
  };
}

async function loadKnown(
  reader: OwnReader,
  transformer: Transformer,
  tenant: string,
  first: bigint,
  to: bigint,
): Promise<bigint> {
  for (let from = first; ;) {
    const { ids, nextRef } = await readEventIds(reader, tenant, from, IDS_A_READ, to);
    transformer.addKnown(ids);
    if (ids.length < IDS_A_READ * 16) return nextRef;
    from = nextRef;
  }
}

/** Reads the events of partitions as they become ours. What was read once, or was ours since, is not read again. */
export function createLoading(
  deps: Pick<OpenTransformOptions, 'known'>,
  opened: Pick<OpenTransform, 'load'>,
): { load(place: TopicPartition): Promise<void> } {
  const next = new Map<string, bigint>();
  return {
    async load({ topic, partition }) {
      if (deps.known !== 'assigned') return;
      const name = `${topic}/${partition}`;
      const from = next.get(name) ?? refOf({ topic, partition, offset: 0 });
      const to = refOf({ topic, partition, offset: LIMITS.offset - 1 }, LIMITS.eventsPerRecord - 1);
      next.set(name, await opened.load(from, to));
    },
  };
}
