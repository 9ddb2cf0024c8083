import { once } from 'node:events';
import { startBrokers } from './kafka-brokers.ts';
import { missingForKafka } from './kafka-jars.ts';

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
const orphaned = new Promise<string>((resolve) => {
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    resolve('the parent ended');
  }, 500);
});
await Promise.race([orphaned, once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')]);
await cluster.stop();
process.exit(0);
