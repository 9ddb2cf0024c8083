import type { Policy } from '../../model/policy.ts';
import type { Store } from '../../store/clickhouse.ts';
import { nextWriterEpoch } from '../../store/log-state.ts';
import { findEvents, readEventIds, recallRecords } from '../../store/stored-records.ts';
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
  /** In place of the thread; for tests. */
  readonly startTransformer?: (deps: ThreadDeps) => Promise<Transformer>;
}

export interface OpenTransform {
  readonly transformer: Transformer;
  readonly scratch: Scratch;
  readonly writerEpoch: number;
  readonly nextJobId: () => number;
  readonly close: () => Promise<void>;
}

const IDS_A_READ = 500_000;

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
    recall: (refs) => recallRecords(reader, refs),
  });
  for (let from = 0n; ;) {
    const { ids, nextRef } = await readEventIds(reader, policy.tenant, from, IDS_A_READ);
    transformer.addKnown(ids);
    if (ids.length < IDS_A_READ * 16) break;
    from = nextRef;
  }
  let job = 0;
  return {
    transformer,
    scratch,
    writerEpoch: await nextWriterEpoch(store.writer),
    nextJobId: () => (job += 1),
    async close() {
      await transformer.close();
      await reader.close();
      await scratch.close();
    },
  };
}
