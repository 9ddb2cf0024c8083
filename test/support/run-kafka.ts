import { startBrokers } from './kafka-brokers.ts';
import { missingForKafka } from './kafka-jars.ts';
import { untilInterrupted } from './until-interrupted.ts';

/**
 * `npm run kafka -- [1|3]`: real brokers for development, until it is interrupted or its parent ends. Prints their
 * addresses on stdout, as CUSTODY_KAFKA_BROKERS and KAFKA_BROKERS take them.
 */

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const count = Number(process.argv[2] ?? '1');
const missing = missingForKafka();
if (missing !== undefined || ![1, 3].includes(count)) {
  say(missing ?? 'usage: npm run kafka -- [1|3]');
  process.exit(missing === undefined ? 2 : 3);
}
const parent = process.ppid;
const cluster = await startBrokers(count, say);
process.stdout.write(`${cluster.addresses.join(',')}\n`);
say('Ctrl-C stops the brokers and removes their data');
await untilInterrupted(parent);
await cluster.stop();
process.exit(0);
