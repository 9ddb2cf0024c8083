import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openServerStore } from '../../store/server-store.ts';
import type { Store } from '../../store/clickhouse.ts';
import { startClickHouse } from '../support/clickhouse-fixture.ts';
import type { TestClickHouse } from '../support/clickhouse-fixture.ts';
import { auditStore } from '../support/fault-audit.ts';
import { carryAll, startFaultChild } from '../support/fault-process.ts';
import type { FaultChild, FaultProcess } from '../support/fault-process.ts';
import { eventsOf } from '../support/fault-scenario.ts';
import { emptyStore, scalar } from '../support/ingest-harness.ts';
import { describeOnKafka, openTestLog, testTopics, withAdmin } from '../support/kafka-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

const TOPIC = 'aws.cloudtrail';
const SESSION_MS = 2_000;
/** How long a zombie is held; reliability.md says a minute: CUSTODY_FAULT_SECONDS=60. */
const HELD_MS = Number(process.env['CUSTODY_FAULT_SECONDS'] ?? 8) * 1_000;

// Workers of a cluster: processes of their own over one broker and one ClickHouse server. On the embedded log there is
// no second worker: the lock of the folder keeps it out (test/ingest/folder.test.ts).
describeOnKafka('workers that were given up, on Kafka', { brokers: 1, own: true }, (kafka) => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let clickhouse: TestClickHouse;
  let store: Store;
  let log: EventLog;
  let topics = testTopics();
  const started: FaultProcess[] = [];
  beforeAll(async () => {
    folder = await tempFolder('custody-fault-');
    clickhouse = await startClickHouse(folder.path);
    store = await openServerStore({ server: clickhouse.server() });
  });
  beforeEach(async () => {
    await emptyStore(store);
    topics = testTopics();
    log = await openTestLog(kafka.addresses(), [TOPIC], { topics });
    await log.append(TOPIC, 'a', eventsOf(0, 120));
  });
  afterEach(async () => {
    for (const one of started.splice(0)) {
      one.child.kill('SIGKILL');
      await one.end;
    }
    await log.close();
  });
  afterAll(async () => {
    await store.close();
    await clickhouse.stop();
    await folder.remove();
  });
  const childOf = (holder: string, more: Partial<FaultChild> = {}): FaultChild => ({
    folder: join(folder.path, holder),
    kafka: { brokers: kafka.addresses(), topics, sessionTimeoutMs: SESSION_MS },
    server: clickhouse.server(),
    holder,
    maxBatchRecords: 50,
    ...more,
  });
  const start = (child: FaultChild): FaultProcess => {
    const one = startFaultChild(child);
    started.push(one);
    return one;
  };

  test('fault 04: SIGSTOP, another worker takes over, SIGCONT: what the zombie still writes is found and not counted', async () => {
    const zombie = start(childOf('zombie', { at: { statement: 0, fate: 'stand_still' } }));
    await zombie.says('reached');
    zombie.child.kill('SIGSTOP');
    await carryAll(childOf('second'));
    expect(await scalar(store, 'SELECT count(), uniqExact(offset) FROM records')).toBe('120\t120');
    await sleep(HELD_MS);
    zombie.child.kill('SIGCONT');
    // It had passed the check of its lease and stood before the insert: that one comes, and it is the last.
    await zombie.says('fault');
    expect(zombie.said.find((one) => 'fault' in one)).toMatchObject({ fatal: true });
    zombie.child.kill('SIGKILL');
    await zombie.end;
    await log.append(TOPIC, 'a', eventsOf(120, 150));
    await carryAll(childOf('third'));
    expect(await scalar(store, 'SELECT uniqExact(offset) FROM records')).toBe('150');
    const copies = Number(await scalar(store, 'SELECT count() - uniqExact(offset) FROM records'));
    expect(copies).toBe(50);
    expect(await auditStore(store, log, { dups: copies })).toEqual([]);
  }, 300_000);

  test('fault 23: a handler that works longer than the session lasts: it stops, and its commit moves nothing back', async () => {
    const slow = start(childOf('slow', { freezeMs: SESSION_MS * 5 }));
    await slow.says('batch');
    await carryAll(childOf('second'));
    // It wakes, and finds that the partition is no longer its own; nothing of it is stored.
    await sleep(SESSION_MS * 5);
    slow.child.kill('SIGTERM');
    const { code, stderr } = await slow.end;
    expect(code, stderr).toBe(0);
    const groupId = `${topics.prefix}custody-worker`;
    const offsets = await withAdmin(kafka.addresses(), (admin) => admin.fetchOffsets({ groupId, topics: [topics.prefix + TOPIC] })); // prettier-ignore
    expect(offsets[0]?.partitions[0]?.offset).toBe('120');
    expect(await auditStore(store, log)).toEqual([]);
  }, 300_000);
});
