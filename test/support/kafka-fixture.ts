import { afterAll, beforeAll, describe } from 'vitest';
import { startBrokers } from './kafka-brokers.ts';
import type { TestCluster } from './kafka-brokers.ts';
import { missingForKafka } from './kafka-jars.ts';

export { openTestLog, rawKafka, testTopics, withAdmin } from './kafka-clients.ts';

export interface KafkaForTests {
  readonly addresses: () => readonly string[];
  /** The brokers that were started here; fails where KAFKA_BROKERS names others, which tests may not stop. */
  readonly cluster: () => TestCluster;
}

/**
 * Tests against real brokers: those of KAFKA_BROKERS if `own` is false and it is set, else brokers of the tests' own.
 * Without either it says why and skips; under CI it fails instead.
 */
export function describeOnKafka(
  name: string,
  options: { readonly brokers: 1 | 3; readonly own?: boolean },
  define: (kafka: KafkaForTests) => void,
): void {
  const given = options.own === true ? undefined : process.env['KAFKA_BROKERS'];
  const missing = given === undefined ? missingForKafka() : undefined;
  const isCi = process.env['CI'] !== undefined && process.env['CI'] !== '' && process.env['CI'] !== 'false';
  if (missing !== undefined && !isCi) {
    describe.skip(`${name} (skipped: ${missing}, and KAFKA_BROKERS names no broker)`, () => define(noKafka));
    return;
  }
  describe(name, () => {
    let cluster: TestCluster | undefined;
    beforeAll(async () => {
      if (given === undefined) cluster = await startBrokers(options.brokers);
    });
    afterAll(() => cluster?.stop());
    define({
      addresses: () => cluster?.addresses ?? given?.split(',') ?? [],
      cluster() {
        if (!cluster) throw new Error('these brokers are not ours');
        return cluster;
      },
    });
  });
}

const noKafka: KafkaForTests = {
  addresses: () => [],
  cluster() {
    throw new Error('there are no brokers');
  },
};
