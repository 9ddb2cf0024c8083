import { createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { createChdbConnection } from 'chdb/connection';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, LogBatch } from '../../ingest/log/event-log.ts';
import { openTransform } from '../../ingest/worker/open-transform.ts';
import { packRecords } from '../../ingest/worker/pack.ts';
import type { IngestWorker } from '../../ingest/worker/worker.ts';
import { sortHeaders } from '../../ledger/leaf.ts';
import { emptyPolicy } from '../../model/policy.ts';
import type { Writer } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { openEngineLink } from '../../store/engine-link.ts';
import { COMMON } from '../../store/reader.ts';
import { createSession } from '../../store/session.ts';
import { EDGES, EVENTS, RECORDS, insertInto } from '../../store/tables.ts';
import { SALT_KEY, startInline } from './ingest-harness.ts';

/**
 * The null control of the fault list: a worker as it is often written. It exists so that the suite can be seen to fail.
 * - `commit_first`: the position is noted before the store has the rows, and an insert that fails is logged and left.
 * - `retry_by_token`: an insert that fails is sent again with the same deduplication token; nothing is read back, and the
 *   position comes from the log.
 */
export type Naivety = 'commit_first' | 'retry_by_token';

export interface NaiveDeps {
  readonly naivety: Naivety;
  readonly store: Pick<Store, 'openReader'> & { readonly writer: Writer };
  /** Names the token of the inserts that follow. */
  readonly token: (text: string) => Promise<void>;
  readonly log: EventLog;
  readonly folder: string;
  readonly maxBatchRecords: number;
  /** What the group committed: it outlives the worker, as it does in a broker. */
  readonly committed: Map<number, number>;
}

const TOPIC = 'aws.cloudtrail';

/** A worker that is not started. */
export function createNaiveWorker(deps: NaiveDeps): Pick<IngestWorker, 'start' | 'stop' | 'idle'> {
  const { log, committed, naivety } = deps;
  let opened: Awaited<ReturnType<typeof openTransform>> | undefined;
  let consumer: Awaited<ReturnType<EventLog['consume']>> | undefined;
  let fault: unknown;
  const stopping = new AbortController();

  async function insert(batch: LogBatch): Promise<void> {
    if (!opened) return;
    const { scratch, transformer, writerEpoch } = opened;
    const id = opened.nextJobId();
    const records = batch.records.map((record) => ({
      offset: record.offset,
      receivedAtMs: record.timestampMs,
      ingestedAtUs: Date.now() * 1_000,
      key: record.key,
      headers: JSON.stringify(Object.fromEntries(sortHeaders(record.headers))),
      value: record.value,
    }));
    const job = { id, topic: TOPIC, partition: batch.partition, sourceEpoch: 1, writerEpoch, tables: 'all', refused: [], prefix: `${scratch.folder}/${id}` } as const; // prettier-ignore
    const { files } = await transformer.transform(job, packRecords(records, 1_000_000));
    transformer.release(id);
    const token = `${TOPIC}/${batch.partition}/${batch.firstOffset}-${batch.lastOffset}`;
    const put = async (spec: typeof RECORDS, file: string): Promise<void> => {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        try {
          if (naivety === 'retry_by_token') await deps.token(`${spec.table} ${token}`);
          return await deps.store.writer.insertFile({ into: insertInto(spec), where: '', structure: spec.structure, file, params: {} }); // prettier-ignore
        } catch (error) {
          if (naivety === 'commit_first') return;
          fault = error;
        }
      }
      throw fault;
    };
    await put(RECORDS, files.records);
    await put(EVENTS, files.events);
    await put(EDGES, files.edges);
  }

  return {
    async start() {
      opened = await openTransform({
        ...deps,
        policy: emptyPolicy(),
        saltKey: SALT_KEY,
        startTransformer: startInline,
      });
      consumer = await log.consume(
        { group: 'naive', topics: [TOPIC], maxBatchRecords: deps.maxBatchRecords },
        {
          assigned: async (place) => committed.get(place.partition) ?? log.startOffset(place),
          async batch(batch) {
            if (naivety === 'commit_first') committed.set(batch.partition, batch.lastOffset + 1);
            await insert(batch);
            committed.set(batch.partition, batch.lastOffset + 1);
          },
          failed: (_, error) => void (fault = error),
        },
      );
    },
    async stop() {
      stopping.abort();
      await consumer?.stop();
      await opened?.close();
    },
    async idle() {
      for (let partition = 0; partition < log.partitions(TOPIC); partition += 1) {
        const end = await log.endOffset({ topic: TOPIC, partition });
        while (!stopping.signal.aborted && (committed.get(partition) ?? 0) < end) await sleep(10);
      }
    },
  };
}

/** A session on the store's folder whose inserts carry tokens, which the sessions of the product refuse. */
export interface TokenSession {
  readonly writer: Writer;
  readonly token: NaiveDeps['token'];
  /** How many tokens the engine keeps for the records; 0 as the product has it. */
  readonly window: (tokens: number) => Promise<void>;
}

/** Opens one beside those of the store. */
export async function openTokenSession(folder: string): Promise<TokenSession> {
  const connection = createChdbConnection({ path: join(folder, 'store') }) as unknown as NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>; // prettier-ignore
  const client: ClickHouseClient = createClient({ connection });
  const writer = createSession(await openEngineLink(client, COMMON), true);
  return {
    writer,
    async window(tokens) {
      await client.command({
        query: `ALTER TABLE records MODIFY SETTING non_replicated_deduplication_window = ${tokens}`,
      });
    },
    async token(text) {
      await writer.settle();
      await client.command({ query: `SET insert_deduplication_token = '${text.replaceAll("'", '')}'` });
    },
  };
}
