import type { IngestWorker } from '../../ingest/worker/worker.ts';
import type { Writer } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from './cloudtrail-records.ts';
import type { EventLog, LogRecord } from '../../ingest/log/event-log.ts';
import { failingWriter } from './failing-writer.ts';
import type { Fate, Statement } from './failing-writer.ts';

/** What a scenario of faults is played with: the worker of the product, or the null control. */
export type MakeWorker = (
  writer: Writer,
  how: { readonly maxBatchRecords: number; readonly dies: boolean },
) => Promise<Pick<IngestWorker, 'start' | 'stop' | 'idle'>>;

export const EVENTS_OF_SCENARIO = 90;

/** Records of made-up events, from one index to another. */
export const eventsOf = (from: number, to: number): LogRecord[] =>
  Array.from({ length: to - from }, (_, at) => cloudtrailRecord(cloudtrailEvent(from + at)));

/** 90 events, ten of them twice, and one in conflict: 101 records. */
export async function fillLog(log: EventLog): Promise<void> {
  const records = eventsOf(0, EVENTS_OF_SCENARIO);
  const conflict = cloudtrailRecord(cloudtrailEvent(5, { eventName: 'DeleteService' }));
  await log.append('aws.cloudtrail', 'a', [...records.slice(0, 60), ...records.slice(30, 40), conflict]);
  await log.append('aws.cloudtrail', 'a', records.slice(60));
}

/**
 * A worker whose process ends at one writing statement, before the engine has it or after its answer was lost; then one
 * that works, with other batches. Gives whether the first came so far.
 */
export async function crashAndGoOn(writer: Writer, make: MakeWorker, at: number, fate: Fate): Promise<boolean> {
  let reached = false;
  const broken = failingWriter(writer, ({ kind, index }: Statement) => {
    if (index < at || (index === at && kind === 'read')) return 'work';
    reached = true;
    return index === at ? fate : 'fail_before';
  });
  const dying = await make(broken, { maxBatchRecords: 60, dies: true });
  const started = dying.start().then(() => dying.idle());
  await Promise.race([started.catch(() => undefined), until(() => reached)]);
  await dying.stop();
  await Promise.race([started.catch(() => undefined), until(() => reached)]);
  const next = await make(writer, { maxBatchRecords: 45, dies: false });
  await next.start();
  await next.idle();
  await next.stop();
  return reached;
}

/** Resolves as soon as the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 120_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end;) {
    const holds = condition();
    if (await holds) return;
    // What has to ask somebody else asks less often.
    await new Promise((resolve) => setTimeout(resolve, typeof holds === 'boolean' ? 2 : 200));
  }
  throw new Error('waited in vain');
}
