import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, LogRecord } from '../../ingest/log/event-log.ts';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import { openServerStore } from '../../store/server-store.ts';
import type { Store } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestClusterOfOurs, TestProcess } from '../support/cluster.ts';
import { scalar } from '../support/ingest-harness.ts';
import { startBrokers } from '../support/kafka-brokers.ts';
import { rawKafka } from '../support/kafka-clients.ts';
import { seededRandom } from '../support/kill-imports.ts';
import { carryInPeace, figuresOf, lostOf, md5Of, twiceOf } from '../support/storm-check.ts';
import type { Acknowledged } from '../support/storm-check.ts';
import { tempFolder } from '../support/temp-folder.ts';

// npm run test:storm -- [MINUTES] [SEED]: three processes of custody ingest in one group over three brokers and a ClickHouse
// server as the tests have it. Every 5 s a member joins the group or leaves it; every 30 s one of the three is ended, by
// SIGTERM or SIGKILL, and another started; every 75 s a broker is restarted. Meanwhile events are appended with acks=all.
// In the end nothing acknowledged may be missing, nothing may count twice, and rows and leaves must be those of one worker
// that reads the same topic in peace. Exit code 1 if not. Ten minutes where nothing is said; not in CI.
const TOPIC = 'aws.cloudtrail';
const PARTITIONS = 3;
const SESSION_MS = 30_000;
const EVERY_MS = { rebalance: 5_000, worker: 30_000, broker: 75_000, append: 100, tell: 10_000 } as const;
const APPENDED_AT_ONCE = 10;
// The group waits for one that was killed until its session is over, and stores nothing meanwhile: were it the rule, the
// storm would find nobody at work.
const KILLED = 0.25;
const DRAIN_MS = 15 * 60_000;
const POLICY = 'tenant: storm\n';

const minutes = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run test:storm -- [MINUTES] [SEED]');
  process.exit(2);
}
const random = seededRandom(seed);
const said = { joins: 0, leaves: 0, terminated: 0, killed: 0, started: 0, brokers: 0, appendFaults: 0, events: 0 };
const acknowledged: Acknowledged[] = [];
const started = performance.now();
const say = (text: string): void =>
  console.log(`${((performance.now() - started) / 1_000).toFixed(0).padStart(5)} s  ${text}`);

/** Does work again and again, so long after the beginning of the one before, until it is told to end. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    const next = performance.now() + ms;
    await work();
    await sleep(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => undefined);
  }
}

// One record in forty repeats an earlier one, one in ninety is no JSON: both must end as they do in peace.
function recordAt(index: number): { readonly key: string; readonly record: LogRecord } {
  const event = index % 40 === 39 ? index - 30 : index;
  const record = cloudtrailRecord(cloudtrailEvent(event));
  const key = `account-${event % 9}`;
  return index % 90 === 89
    ? { key, record: { ...record, value: Buffer.from(`{"cut off": ${index}`) } }
    : { key, record };
}

async function appendSome(log: EventLog, signal: AbortSignal): Promise<void> {
  const from = said.events;
  said.events += APPENDED_AT_ONCE;
  const appending = Array.from({ length: APPENDED_AT_ONCE }, async (_, at) => {
    const { key, record } = recordAt(from + at);
    // What was not acknowledged is sent again, as a sender would; it may then stand there twice and is counted once.
    for (;;) {
      try {
        const { partition, firstOffset } = await log.append(TOPIC, key, [record]);
        acknowledged.push({ partition, offset: firstOffset, md5: md5Of(record.value) });
        return;
      } catch (error) {
        said.appendFaults += 1;
        if (signal.aborted && performance.now() - started > minutes * 60_000 + DRAIN_MS) throw error;
        await sleep(500);
      }
    }
  });
  await Promise.all(appending);
}

/** A member that joins with the next call and leaves with the one after it. It takes partitions and reads none. */
function createVisitor(brokers: readonly string[], prefix: string): { turn(): Promise<void>; leave(): Promise<void> } {
  const open = (): ReturnType<ReturnType<typeof rawKafka>['consumer']> =>
    rawKafka(brokers).consumer({
      groupId: `${prefix}custody-worker`,
      sessionTimeout: SESSION_MS,
      maxBytesPerPartition: 1_024,
    });
  let visitor: ReturnType<typeof open> | undefined;
  const leave = async (): Promise<void> => {
    const leaving = visitor;
    visitor = undefined;
    if (!leaving) return;
    said.leaves += 1;
    await leaving.disconnect().catch(() => undefined);
  };
  return {
    leave,
    async turn() {
      if (visitor) return leave();
      said.joins += 1;
      const joining = (visitor = open());
      await joining
        .connect()
        .then(() => joining.subscribe({ topics: [prefix + TOPIC] }))
        .then(() => joining.run({ autoCommit: false, eachBatch: () => Promise.resolve() }))
        .catch(() => undefined);
    },
  };
}

async function exchangeWorker(cluster: TestClusterOfOurs, workers: TestProcess[]): Promise<void> {
  const [leaving] = workers.splice(Math.floor(random() * workers.length), 1);
  const kill = random() < KILLED;
  said[kill ? 'killed' : 'terminated'] += 1;
  await leaving?.stop(kill ? 'SIGKILL' : 'SIGTERM');
  workers.push(await cluster.ingest());
  said.started += 1;
}

async function untilStored(store: Store, log: EventLog): Promise<void> {
  for (const end = performance.now() + DRAIN_MS; ; await sleep(1_000)) {
    const missing: string[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const last = (await log.endOffset({ topic: TOPIC, partition }).catch(() => Infinity)) - 1;
      const sealed = `SELECT max(last_offset) FROM seals WHERE topic = '${TOPIC}' AND partition = ${partition} AND state = 'sealed'`;
      if (last >= 0 && Number(await scalar(store, sealed).catch(() => '-1')) < last) missing.push(String(partition));
    }
    if (missing.length === 0) return;
    if (performance.now() > end)
      throw new Error(`the partitions ${missing.join(', ')} are not stored and sealed to their ends`);
  }
}

const folder = await tempFolder('custody-storm-');
const brokers = await startBrokers(3, say);
let faults: string[] = ['it did not come to its end'];
try {
  const configFile = join(folder.path, 'custody.yaml');
  await writeFile(configFile, POLICY);
  const dataFolder = join(folder.path, 'cluster');
  const settings = { dataFolder, configFile, url: undefined, token: undefined, logLevel: 'warn', color: false };
  const context = { settings, out: () => Promise.resolve(), say: () => undefined, live: false };
  const replicas = {
    CUSTODY_KAFKA_PARTITIONS: String(PARTITIONS),
    CUSTODY_KAFKA_REPLICATION: '3',
    CUSTODY_KAFKA_MIN_INSYNC: '2',
  };
  const cluster = await startCluster(context, (text) => say(text.trim()), 0, replicas, brokers);
  try {
    faults = await storm(cluster, dataFolder);
  } finally {
    await cluster.stop();
  }
} finally {
  await brokers.stop();
  await folder.remove();
}
if (faults.length > 0) console.error(`FAILED, seed ${seed}: ${faults.join('; ')}`);
else say('0 lost, 0 twice, and the same rows and leaves as in peace');
process.exit(faults.length > 0 ? 1 : 0);

async function storm(cluster: TestClusterOfOurs, dataFolder: string): Promise<string[]> {
  const prefix = cluster.env['CUSTODY_KAFKA_TOPIC_PREFIX'] ?? '';
  const topics = { prefix, partitions: PARTITIONS, replication: 3, minInsync: 2, retentionDays: 30 };
  const log = await openKafkaLog({ brokers: brokers.addresses, topics, families: [TOPIC] });
  const store = await openServerStore({ server: cluster.clickhouse.server() });
  const workers: TestProcess[] = await Promise.all([cluster.ingest(), cluster.ingest(), cluster.ingest()]);
  const visitor = createVisitor(brokers.addresses, prefix);
  const counts = `SELECT count(), uniqExact(partition, offset) FROM records WHERE topic = '${TOPIC}'`;
  const tell = async (): Promise<void> => {
    const held = (await scalar(store, counts).catch(() => '? (the store was busy)')).split('\t')[0];
    const rest = `${said.joins} joined, ${said.leaves} left, workers ${said.terminated} ended ${said.killed} killed ${said.started} started, ${said.brokers} brokers restarted`;
    say(`${acknowledged.length} acknowledged (${said.appendFaults} tries again), ${held} stored; ${rest}`);
  };
  const end = new AbortController();
  const over = setTimeout(() => end.abort(), minutes * 60_000);
  say(`the storm begins, seed ${seed}: ${minutes} min`);
  await Promise.all([
    every(EVERY_MS.append, end.signal, () => appendSome(log, end.signal)),
    every(EVERY_MS.rebalance, end.signal, () => visitor.turn()),
    every(EVERY_MS.worker, end.signal, () => exchangeWorker(cluster, workers)),
    every(EVERY_MS.tell, end.signal, tell),
    sleep(EVERY_MS.broker / 3, undefined, { signal: end.signal }).then(
      () => every(EVERY_MS.broker, end.signal, restartBroker),
      () => undefined,
    ),
  ]);
  clearTimeout(over);
  await visitor.leave();
  say('the storm is over; the workers go on to the end');
  await untilStored(store, log);
  await tell();
  await Promise.all(workers.map((worker) => worker.stop()));
  const found = await judge(store, log, dataFolder);
  await store.close();
  await log.close();
  return found;
}

async function restartBroker(): Promise<void> {
  const broker = brokers.brokers[Math.floor(random() * brokers.brokers.length)];
  await broker?.stop(random() < 0.5 ? 'SIGKILL' : 'SIGTERM');
  await sleep(5_000);
  broker?.start();
  await brokers.ready();
  said.brokers += 1;
}

async function judge(store: Store, log: EventLog, dataFolder: string): Promise<string[]> {
  const lost = await lostOf(store, TOPIC, acknowledged);
  const twice = await twiceOf(store, TOPIC);
  const own = await figuresOf(store, TOPIC);
  const saltKey = await readFile(join(dataFolder, 'salt.key'));
  say(`one worker reads the same ${own['records']?.split('\t')[0]} records in peace`);
  const peace = await carryInPeace(log, TOPIC, { folder: join(folder.path, 'peace'), policy: POLICY, saltKey });
  const ends =
    "SELECT toString(disposition) AS name, count() FROM events WHERE family = 'aws.cloudtrail' GROUP BY name ORDER BY name";
  say(`${acknowledged.length} acknowledged, ${lost.length} lost; ${JSON.stringify(twice)}`);
  say(
    `takings of partitions: ${await scalar(store, `SELECT count() FROM leases WHERE topic = '${TOPIC}'`)}; second copies that seals found: ${await scalar(store, 'SELECT count() FROM dups')}`,
  );
  say(
    `events: ${(await scalar(store, ends)).replaceAll(/\s+/g, ' ')}; broken seals: ${await scalar(store, "SELECT countIf(state = 'broken') FROM seals")}`,
  );
  for (const [name, figure] of Object.entries(own))
    say(
      `${name.padEnd(11)} ${figure.replaceAll('\t', ' ')}${figure === peace[name] ? '' : `   in peace: ${peace[name]}`}`,
    );
  return [
    ...(lost.length > 0 ? [`${lost.length} lost, the first ${JSON.stringify(lost[0])}`] : []),
    ...Object.entries(twice)
      .filter(([, count]) => count !== 0)
      .map(([what, count]) => `${count} ${what}`),
    ...Object.keys(own)
      .filter((name) => own[name] !== peace[name])
      .map((name) => `${name} are not those of peace`),
  ];
}
