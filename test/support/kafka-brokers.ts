import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { freePorts } from './free-ports.ts';
import { fetchKafka } from './kafka-jars.ts';
import { securedSettings } from './kafka-secured.ts';
import type { BrokerLines, SecuredListener } from './kafka-secured.ts';

/** One broker of a test cluster. It keeps its port and its data over stops and starts. */
export interface TestBroker {
  readonly address: string;
  /** Where it keeps its partitions, a folder each. */
  readonly data: string;
  start(): void;
  /** `SIGTERM` lets it hand over its partitions, `SIGKILL` does not. Resolves when the process is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Holds the process (`SIGSTOP`) or lets it go on (`SIGCONT`): a broker that hangs. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface TestCluster {
  readonly addresses: readonly string[];
  /** Those of the secured listeners by their names; of one broker, the first. */
  readonly secured: Readonly<Record<string, string>>;
  readonly brokers: readonly TestBroker[];
  /** Resolves when all brokers answer. */
  ready(): Promise<void>;
  /** Stops the brokers and removes their data. */
  stop(): Promise<void>;
}

const LOG_SETTINGS = join(import.meta.dirname, '../../deploy/kafka/log4j2.properties');
const CLUSTER_ID = '4L6g3nShT-eMCtK--X86sw';
const READY_MS = 90_000;

// The broker ends with whoever started it, however that ends: its keeper reads from a pipe whose other end only we hold,
// and the end of the pipe is the end of the broker.
const KEEPER = `exec 3<&0
"$@" </dev/null >>"$LOG" 2>&1 &
broker=$!
echo $broker
(cat <&3 >/dev/null; kill -TERM $broker 2>/dev/null; sleep 8; kill -KILL $broker 2>/dev/null) &
keeper=$!
wait $broker
kill -KILL $keeper 2>/dev/null
exit 0`;

/**
 * Starts a cluster of real brokers in KRaft mode on free ports of 127.0.0.1, with the data in a temp folder. It takes
 * about 2 s for one and 5 s for three. They stop with `stop`, and when this process ends in any way. Listeners that ask who
 * comes stand beside the open one.
 */
export async function startBrokers(
  count: number,
  say: (text: string) => void = () => undefined,
  listeners: Readonly<Record<string, SecuredListener>> = {},
): Promise<TestCluster> {
  const jars = await fetchKafka(say);
  const folder = mkdtempSync(join(tmpdir(), 'custody-kafka-'));
  const names = Object.keys(listeners);
  const ports = await freePorts(count * 2 + count * names.length);
  const doorsOf = (at: number): Readonly<Record<string, string>> =>
    Object.fromEntries(
      names.map((name, index) => [name, `127.0.0.1:${ports[count * 2 + at * names.length + index] ?? 0}`]),
    );
  const voters = Array.from({ length: count }, (_, at) => `${at + 1}@127.0.0.1:${ports[count + at]}`).join(',');
  const addresses = ports.slice(0, count).map((port) => `127.0.0.1:${port}`);
  const brokers = addresses.map((address, at) => {
    const file = join(folder, `broker-${at + 1}.properties`);
    const own = settingsOf({ id: at + 1, count, voters, address, controller: ports[count + at] ?? 0, folder });
    writeFileSync(file, linesOf({ ...own, ...securedSettings(own, listeners, doorsOf(at)) }));
    return { file, log: join(folder, `broker-${at + 1}.log`), address };
  });
  say(`Apache Kafka: making ${count} folder(s)`);
  const users = Object.values(listeners).flatMap(({ scram = [] }) => scram.flatMap((user) => ['--add-scram', user]));
  await Promise.all(
    brokers.map(({ file, log }) =>
      ended(keep(jars, log, ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, ...users])),
    ),
  );
  say(`Apache Kafka: starting ${count} broker(s)`);
  const running = brokers.map(({ file, log, address }, at) =>
    createBroker(jars, file, log, { address, data: join(folder, `data-${at + 1}`) }),
  );
  const cluster: TestCluster = {
    addresses,
    secured: doorsOf(0),
    brokers: running,
    ready: () => untilReady(addresses, count),
    async stop() {
      await Promise.all(running.map((broker) => broker.stop('SIGKILL')));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await cluster.ready();
  } catch (error) {
    const logs = brokers.map(({ log }) => readFileSync(log, 'utf8').slice(-2_000)).join('\n');
    await cluster.stop();
    throw new Error(`the brokers did not start: ${String(error)}\n${logs}`, { cause: error });
  }
  return cluster;
}

function createBroker(
  jars: string,
  file: string,
  log: string,
  place: Pick<TestBroker, 'address' | 'data'>,
): TestBroker {
  let child: ChildProcess | undefined;
  let pid: Promise<number> | undefined;
  const start = (): void => {
    child = keep(jars, log, ['kafka.Kafka', file]);
    pid = new Promise((resolve) => child?.stdout?.setEncoding('utf8').once('data', (text) => resolve(Number(text))));
  };
  start();
  return {
    ...place,
    start,
    async stop(signal = 'SIGTERM') {
      if (!child || !pid) return;
      const gone = ended(child);
      process.kill(await pid, signal);
      await gone;
      child = undefined;
    },
    signal: (signal) => void pid?.then((id) => process.kill(id, signal)),
  };
}

function keep(jars: string, log: string, args: readonly string[]): ChildProcess {
  const java = ['java', '-Xmx384m', '-XX:TieredStopAtLevel=1', '-cp', join(jars, '*')];
  closeSync(openSync(log, 'a'));
  return spawn('/bin/sh', ['-c', KEEPER, 'keeper', ...java, `-Dlog4j2.configurationFile=${LOG_SETTINGS}`, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, LOG: log },
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

interface BrokerSettings {
  readonly id: number;
  readonly count: number;
  readonly voters: string;
  readonly address: string;
  readonly controller: number;
  readonly folder: string;
}

function settingsOf({ id, count, voters, address, controller, folder }: BrokerSettings): BrokerLines {
  mkdirSync(join(folder, `data-${id}`), { recursive: true });
  const majority = Math.ceil((count + 1) / 2);
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters,
    listeners: `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://${address}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, `data-${id}`),
    'offsets.topic.replication.factor': count,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': count,
    'transaction.state.log.num.partitions': 3,
    'transaction.state.log.min.isr': count === 1 ? 1 : majority,
    'min.insync.replicas': count === 1 ? 1 : majority,
    'default.replication.factor': count,
    // A join takes 0.4 s instead of 3 s.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'auto.create.topics.enable': false,
  };
}

function linesOf(settings: BrokerLines): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function untilReady(addresses: readonly string[], count: number): Promise<void> {
  const until = Date.now() + READY_MS;
  for (;;) {
    const kafka = new kafkajs.Kafka({
      clientId: 'custody-test',
      brokers: [...addresses],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { retries: 0 },
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      if (brokers.length === count) return;
    } catch (error) {
      if (Date.now() > until) throw error;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
    if (Date.now() > until) throw new Error('not all brokers are there');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
