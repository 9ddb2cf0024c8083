import { describeEventLog } from '../contracts/event-log.ts';
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
});
