import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openStore } from '../../store/clickhouse.ts';
import { auditStore } from '../support/fault-audit.ts';
import { carryAll, startFaultChild } from '../support/fault-process.ts';
import type { FaultChild, FaultProcess } from '../support/fault-process.ts';
import { eventsOf, fillLog, until } from '../support/fault-scenario.ts';
import { describeOnKafka, openTestLog, testTopics } from '../support/kafka-fixture.ts';
import type { KafkaForTests } from '../support/kafka-fixture.ts';
import { seededRandom } from '../support/kill-imports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { runs } from '../support/verapdf.ts';

// Processes that are killed, starved and let down. Each is a process of its own over its own folder; when all is over
// this one opens the folder and audits it.
const TOPIC = 'aws.cloudtrail';
const SESSION_MS = 1_500;

describe('processes, on the embedded log', () => defineFaults(undefined));
describeOnKafka('processes, on Kafka', { brokers: 1, own: true }, defineFaults);

function defineFaults(kafka: KafkaForTests | undefined): void {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let base: FaultChild;
  let topics = testTopics();
  const started: FaultProcess[] = [];
  const start = (...args: Parameters<typeof startFaultChild>): FaultProcess => {
    const one = startFaultChild(...args);
    started.push(one);
    return one;
  };
  const openLog = async (): Promise<EventLog> =>
    kafka
      ? openKafkaLog({ brokers: kafka.addresses(), families: [TOPIC], topics })
      : openEmbeddedLog({ folder: folder.path });
  const fill = async (work: (log: EventLog) => Promise<unknown>): Promise<void> => {
    const log = await openLog();
    await work(log);
    await log.close();
  };
  const audit = async (): Promise<string[]> => {
    const log = await openLog();
    const store = await openStore({ folder: base.folder });
    try {
      return await auditStore(store, log);
    } finally {
      await store.close();
      await log.close();
    }
  };
  beforeEach(async () => {
    folder = await tempFolder('custody-fault-');
    topics = testTopics();
    if (kafka) await (await openTestLog(kafka.addresses(), [TOPIC], { topics })).close();
    base = {
      folder: join(folder.path, 'data'),
      logFolder: folder.path,
      ...(kafka ? { kafka: { brokers: kafka.addresses(), topics, sessionTimeoutMs: SESSION_MS } } : {}),
    };
  });
  afterEach(async () => {
    for (const one of started.splice(0)) {
      one.child.kill('SIGKILL');
      await one.end;
    }
    await folder.remove();
  });
  /** A new folder over the same log, as if nothing had been stored. */
  let tries = 0;
  const anew = (): FaultChild => (base = { ...base, folder: join(folder.path, `data-${(tries += 1)}`) });

  test('fault 01: SIGKILL at random moments', async () => {
    const random = seededRandom(7);
    await fill(async (log) => {
      for (let from = 0; from < 3_000; from += 100) await log.append(TOPIC, 'a', eventsOf(from, from + 100));
    });
    let inTheMiddle = 0;
    for (let kills = 0; kills < 12; kills += 1) {
      const one = start({ ...base, maxBatchRecords: 25, once: true });
      await one.says('batch').catch(() => undefined);
      await sleep(random() * 900);
      one.child.kill('SIGKILL');
      if ((await one.end).signal === 'SIGKILL') inTheMiddle += 1;
    }
    expect(inTheMiddle).toBeGreaterThan(3);
    await carryAll(base);
    expect(await audit()).toEqual([]);
  }, 600_000);

  test('fault 03: SIGKILL between any two statements, from the first insert to the commit', async () => {
    await fill(fillLog);
    const apart = kafka ? 7 : 4;
    for (const fate of ['die_before', 'die_after'] as const) {
      for (let statement = fate === 'die_before' ? 0 : 1; ; statement += apart) {
        const child = anew();
        const one = start({ ...child, once: true, at: { statement, fate } });
        const { signal, code, stderr } = await one.end;
        if (signal !== 'SIGKILL') {
          expect(code, stderr).toBe(0);
          expect(statement).toBeGreaterThan(15);
          break;
        }
        await carryAll({ ...child, maxBatchRecords: 33 });
        expect(await audit(), `${fate} of statement ${statement}`).toEqual([]);
      }
    }
  }, 1_200_000);

  test('fault 05: a process that runs out of memory ends, and the next one goes on', async () => {
    await fill(fillLog);
    const one = start({ ...base, maxBatchRecords: 20, hog: true }, ['--max-old-space-size=160']);
    const { code, signal, stderr } = await one.end;
    expect(signal ?? code, stderr).toBeOneOf(['SIGABRT', 134, 'SIGKILL']);
    expect(stderr).toMatch(/heap|memory/i);
    await carryAll(base);
    expect(await audit()).toEqual([]);
  });

  test('fault 06: SIGTERM under load: exit 0 within ten seconds', async () => {
    await fill(async (log) => {
      for (let from = 0; from < 5_000; from += 250) await log.append(TOPIC, 'a', eventsOf(from, from + 250));
    });
    const one = start({ ...base, maxBatchRecords: 25 });
    await one.says('batch');
    await sleep(300);
    const asked = performance.now();
    one.child.kill('SIGTERM');
    const { code, stderr } = await one.end;
    expect(code, stderr).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    await carryAll(base);
    expect(await audit()).toEqual([]);
  });

  test('fault 07: a rejection that nobody handles ends the process with a fault, and the next one goes on', async () => {
    await fill(fillLog);
    const one = start({ ...base, maxBatchRecords: 20, reject: true });
    const { code, signal, stderr } = await one.end;
    // Node ends with 1; the engine, whose threads are at work, may turn that into a signal. No supervisor takes either for well.
    expect(signal ?? code).toBeOneOf([1, 'SIGSEGV', 'SIGABRT']);
    expect(stderr).toContain('nobody waits for this');
    await carryAll(base);
    expect(await audit()).toEqual([]);
  });

  // strace counts calls by thread (not with its filter in the kernel, where it counts none after the first): the process ends where the first of its threads makes the call so many times.
  const canTrace = process.platform === 'linux' && runs('strace', ['-V']);
  if (!kafka)
    test.skipIf(!canTrace && process.env['CI'] === undefined)(
      'fault 02: SIGKILL at each rename, flush and write of the engine (skipped only where strace is not installed)',
      async () => {
        await fill((log) => log.append(TOPIC, 'a', eventsOf(0, 40)));
        let killed = 0;
        for (const calls of ['rename,renameat,renameat2', 'fdatasync,fsync', 'pwrite64,writev,ftruncate', 'unlink,unlinkat', 'mkdir,mkdirat']) {
          // The tables are made in peace, so that what is ended is an insert and not the making of tables.
          for (let when = 1; ; when += 1) {
            const child = anew();
            mkdirSync(child.folder);
            await (await openStore({ folder: child.folder })).close();
            const trace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:signal=SIGKILL:when=${when}`];
            const { signal, code } = await start({ ...child, once: true }, [], trace).end;
            if (code === 0) break;
            expect(signal ?? code).toBeOneOf(['SIGKILL', 137]);
            killed += 1;
            await carryAll(child);
            expect(await audit(), `${calls} ${when}`).toEqual([]);
          }
        }
        expect(killed).toBeGreaterThan(10);
      },
      1_200_000,
    ); // prettier-ignore

  // The kernel's own killer, where this process may make a group with a limit.
  const group = '/sys/fs/cgroup/memory/custody-fault';
  const canLimit = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes') && process.getuid?.() === 0;
  test.skipIf(!canLimit)('fault 05: the killer of the kernel (skipped where no memory group may be made)', async () => {
    await fill(fillLog);
    mkdirSync(group, { recursive: true });
    try {
      writeFileSync(`${group}/memory.limit_in_bytes`, String(400 * 2 ** 20));
      const one = start({ ...base, maxBatchRecords: 20, hog: true }, ['--max-old-space-size=4000'], ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh']);
      const { signal, code } = await one.end;
      expect(signal ?? code).toBeOneOf(['SIGKILL', 137]);
    } finally {
      await until(() => {
        try {
          rmdirSync(group);
          return true;
        } catch {
          return false;
        }
      }, 10_000);
    }
    await carryAll(base);
    expect(await audit()).toEqual([]);
  }, 240_000); // prettier-ignore
}
