import { mkdirSync } from 'node:fs';
import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import { createLeases } from '../../ingest/trees/leases.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store, Writer } from '../../store/clickhouse.ts';
import { openServerStore } from '../../store/server-store.ts';
import type { FaultChild } from './fault-process.ts';
import { testWorker } from './ingest-harness.ts';

// Run by tests of faults in a process of its own, which they kill, hold and starve: fault-child.ts JSON. It carries what
// the log holds into the store, tells its parent on stdout how it fares, one JSON a line, and ends with 0 when it is told
// to (SIGTERM) or when everything is stored (`once`).
const asked = JSON.parse(process.argv[2] ?? '{}') as FaultChild;
const say = (what: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
mkdirSync(asked.folder, { recursive: true });

/** Sleeps so that nothing of this process runs meanwhile: no heartbeat, no answer. */
const freeze = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Ends the process, or holds it, at one statement of the worker, counted from its first insert. */
function atStatement(writer: Writer): Writer {
  const { at } = asked;
  if (at === undefined) return writer;
  let index = -1;
  const meet = async <T>(isInsert: boolean, work: () => Promise<T>): Promise<T> => {
    if (index >= 0 || isInsert) index += 1;
    const isHere = index === at.statement;
    if (isHere && at.fate === 'die_before') process.kill(process.pid, 'SIGKILL');
    if (isHere && at.fate === 'stand_still') {
      say({ reached: index });
      // The parent holds the process; what follows runs only when it is let go.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    const answer = await work();
    if (isHere && at.fate === 'die_after') process.kill(process.pid, 'SIGKILL');
    return answer;
  };
  return {
    ...writer,
    read: (query) => meet(false, () => writer.read(query)),
    bytes: (query) => meet(false, () => writer.bytes(query)),
    run: (sql, params) => meet(false, () => writer.run(sql, params)),
    insertFrom: (insert) => meet(true, () => writer.insertFrom(insert)),
    insertFile: (insert) => meet(true, () => writer.insertFile(insert)),
  };
}

/** The log with a handler that misbehaves at its first batch. */
function misbehaving(log: EventLog): EventLog {
  const { freezeMs, reject, hog } = asked;
  let batches = 0;
  return {
    ...log,
    consume: (options, handler) =>
      log.consume(options, {
        ...handler,
        async batch(batch) {
          batches += 1;
          if (batches === 1) say({ batch: batch.firstOffset });
          if (batches === 1 && freezeMs !== undefined) freeze(freezeMs);
          await handler.batch(batch);
          if (batches === 2 && reject === true) void Promise.reject(new TypeError('nobody waits for this'));
          if (batches === 2 && hog === true) eat();
        },
      }),
  };
}

const eaten: unknown[] = [];
function eat(): void {
  for (;;) eaten.push(Array.from({ length: 100_000 }, (_, at) => ({ at })));
}

const log = misbehaving(
  asked.kafka
    ? await openKafkaLog({ ...asked.kafka, families: ['aws.cloudtrail'] })
    : openEmbeddedLog({ folder: asked.logFolder ?? asked.folder }),
);
const store: Store = asked.server
  ? await openServerStore({ server: asked.server })
  : await openStore({ folder: asked.folder });
const session = await store.openReader();
const leases =
  asked.holder === undefined
    ? undefined
    : createLeases({ session: store.writer, holder: asked.holder, now: () => Date.now() * 1_000 });
const worker = testWorker({ ...store, writer: atStatement(store.writer) }, log, asked.folder, {
  maxBatchRecords: asked.maxBatchRecords ?? 50,
  restMs: 0,
  ...(leases ? { leases, known: 'assigned' as const } : {}),
  onFault: ({ problem, fatal }) => say({ fault: problem.code, fatal }),
});
async function end(): Promise<void> {
  await worker.stop();
  await log.close();
  await session.close();
  await store.close();
  process.exit(0);
}
process.once('SIGTERM', () => void end());
say({ opened: true });
await worker.start();
if (asked.once === true) {
  await worker.idle();
  await end();
}
