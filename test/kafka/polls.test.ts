import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import { createTopics } from '../../ingest/log/kafka-topics.ts';
import { createWorker } from '../../ingest/worker/worker.ts';
import { emptyPolicy } from '../../model/policy.ts';
import { DEAD_LETTERS } from '../../model/source.ts';
import { openStore } from '../../store/clickhouse.ts';
import { scalar } from '../support/ingest-harness.ts';
import { describeOnKafka, testTopics, withAdmin } from '../support/kafka-fixture.ts';
import { POLL_NOW } from '../support/poll-harness.ts';
import { seeded } from '../support/random.ts';
import { gitlabApi, oktaApi } from '../support/scripted-apis.ts';
import { saidBy } from '../support/said-by.ts';
import { startScriptedServer } from '../support/scripted-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const CHILD = fileURLToPath(new URL('../support/poll-until-killed.ts', import.meta.url));
const KILLS = 3;
const MISBEHAVIOUR = { throttles: 3, fails: 3, drops: 2, cuts: 3 };

// Kafka has no transaction with the note of how far a poll is: what a kill lets come again must be counted once.
describeOnKafka('a poll into Kafka that is killed', { brokers: 1 }, (kafka) => {
  test.each([
    { family: 'okta.log', ...oktaApi(600, POLL_NOW, 11) },
    { family: 'gitlab.audit', ...gitlabApi(600, POLL_NOW, 12) },
  ] as const)('$family: every event is counted once', async ({ family, events, script }) => {
    const folder = await tempFolder();
    const server = await startScriptedServer(script, { seed: 21, misbehaviour: MISBEHAVIOUR });
    const topics = testTopics();
    const options = { brokers: kafka.addresses(), topics, families: [family] };
    const given = [folder.path, server.url, family, '{}', JSON.stringify(options)];
    const random = seeded(events.length);
    await withAdmin(kafka.addresses(), (admin) => createTopics(admin, [family, DEAD_LETTERS], topics));
    const log = await openKafkaLog(options);
    const store = await openStore({ folder: join(folder.path, 'store') });
    try {
      for (let kill = 0; kill <= KILLS; kill += 1) {
        const child = fork(CHILD, given, { execArgv: ['--import', 'tsx'] });
        await saidBy(child, kill === KILLS ? 'whole' : 'page');
        if (kill < KILLS) await sleep(random() * 150);
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      const worker = createWorker({ store, log, folder: folder.path, policy: emptyPolicy(), saltKey: Buffer.alloc(32, 1), topics: [family] }); // prettier-ignore
      await worker.start();
      await worker.idle();
      await worker.stop();
      const end = await log.endOffset({ topic: family, partition: 0 });
      const counts = await scalar(
        store,
        "SELECT countIf(disposition = 'accepted'), countIf(disposition != 'accepted') FROM events",
      );
      expect(counts.split('\t').map(Number)).toEqual([events.length, end - events.length]);
      // At most a page of each start came again.
      expect(end - events.length).toBeLessThanOrEqual((KILLS + 1) * 25);
      expect(await scalar(store, "SELECT count() FROM records WHERE status NOT IN ('accepted', 'duplicate')")).toBe(
        '0',
      );
    } finally {
      await store.close();
      await log.close();
      await server.close();
      await folder.remove();
    }
  });
});
