import { expect, test } from 'vitest';
import { receivedAt } from '../../ingest/log/received-at.ts';
import { describeEventLog, readSome, record } from '../contracts/event-log.ts';
import { describeOnKafka, openTestLog, testTopics } from '../support/kafka-fixture.ts';

describeOnKafka('the log on Kafka', { brokers: 1 }, (kafka) => {
  describeEventLog('kafka', async ({ partitions }) => {
    const topics = testTopics({ partitions });
    const open = () => openTestLog(kafka.addresses(), ['okta.log', 'vault.audit'], { topics });
    let log = await open();
    return {
      log,
      async reopen() {
        await log.close();
        return (log = await open());
      },
      dispose: () => log.close(),
    };
  });

  test('the door knows when each record counts as received, also where its clock is ahead of the broker', async () => {
    const log = await openTestLog(kafka.addresses(), ['okta.log']);
    const [ahead, behind] = [Date.now() + 3_600_000, Date.now() - 3_600_000];
    const given = [ahead, behind].map((timestampMs) => record('x', { timestampMs }));
    const range = await log.append('okta.log', 'a', given);
    const read = (await readSome(log, 2)).flatMap(({ records }) => records);
    const [stamp] = range.stamps ?? [];
    expect(stamp).toMatchObject({ records: 2 });
    expect(read.map(({ timestampMs }) => timestampMs)).toEqual([stamp?.atMs, behind]);
    expect(read.map(({ timestampMs }) => timestampMs)).toEqual(
      given.map(({ timestampMs }) => receivedAt(timestampMs, stamp?.atMs)),
    );
    await log.close();
  });
});
