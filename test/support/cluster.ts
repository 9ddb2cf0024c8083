import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../../cli/command.ts';
import { findServer } from '../../ingest/folder.ts';
import { openServerStore } from '../../store/server-store.ts';
import { startClickHouse } from './clickhouse-fixture.ts';
import type { TestClickHouse } from './clickhouse-fixture.ts';
import { startBrokers } from './kafka-brokers.ts';
import type { TestCluster } from './kafka-brokers.ts';
import { missingForKafka } from './kafka-jars.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const READY_MS = 180_000;
/** Whatever ends this process ends those that it started. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** One of our own processes, started as an operator would. */
export interface TestProcess {
  readonly name: string;
  /** Everything that it has said on stderr so far. */
  said(): string;
  /** The exit code. */
  stop(signal?: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): Promise<number | null>;
}

/** The processes of a cluster on this machine. */
export interface TestClusterOfOurs {
  /** The context of commands that go through `custody serve`. */
  readonly context: CommandContext;
  readonly clickhouse: TestClickHouse;
  /** Undefined where the brokers are others' to stop. */
  readonly brokers: TestCluster | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Starts one more `custody ingest`; resolves when it works. */
  ingest(): Promise<TestProcess & { readonly url: string }>;
  /** Starts the signer over a folder; resolves when it signs. */
  sign(folder: string): Promise<TestProcess & { readonly url: string }>;
  /** Starts one more `custody serve`, with other settings. */
  serveWith(more: Readonly<Record<string, string>>): Promise<TestProcess & { readonly url: string }>;
  readonly serve: TestProcess & { readonly url: string; readonly token: string };
  /** What all processes have said on stderr. */
  said(): string;
  stop(): Promise<void>;
}

/**
 * Starts a cluster below the data folder of a context: a broker, topics of its own, a ClickHouse server over chdb,
 * `custody serve`, and some `custody ingest`. The policy is that of the context. Brokers that run already are used and left.
 */
export async function startCluster(
  context: CommandContext,
  say: (text: string) => void = () => undefined,
  workers = 2,
  more: Readonly<Record<string, string>> = {},
  running?: TestCluster,
): Promise<TestClusterOfOurs> {
  const { dataFolder, configFile } = context.settings;
  const given = running ? running.addresses.join(',') : process.env['KAFKA_BROKERS'];
  const missing = given === undefined ? missingForKafka() : undefined;
  if (missing !== undefined) throw new Error(missing);
  await mkdir(dataFolder, { recursive: true });
  const steps: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of steps.splice(0).reverse()) await step();
  };
  try {
    const brokers = given === undefined ? await startBrokers(1, (text) => say(`${text}\n`)) : undefined;
    steps.push(() => brokers?.stop() ?? Promise.resolve());
    const clickhouse = await startClickHouse(dataFolder);
    steps.push(() => clickhouse.stop());
    const env = { ...(await settingsOf(dataFolder, brokers?.addresses.join(',') ?? given ?? '', clickhouse)), ...more };
    const config = configFile === undefined ? [] : ['--config', configFile];
    const started: TestProcess[] = [];
    const start = (name: string, folder: string, own = env): ReturnType<typeof startCustody> => {
      const one = startCustody([name, '--port', '0', '--data', folder, ...config], own);
      started.push(one);
      steps.push(() => one.stop());
      return one;
    };
    await startCustody(['topics'], env).ended();
    say('the topics are made\n');
    let count = 0;
    const ingest = async (): Promise<TestProcess & { readonly url: string }> => {
      const worker = start('ingest', join(dataFolder, `ingest-${(count += 1)}`));
      const [, url = ''] = await worker.until(/monitoring at (\S+)/);
      say(`custody ingest: ${url}\n`);
      return { ...worker, url };
    };
    const sign: TestClusterOfOurs['sign'] = async (place) => {
      const signer = start('sign', place);
      const [, at = ''] = await signer.until(/monitoring at (\S+)/);
      return { ...signer, url: at };
    };
    const serveWith: TestClusterOfOurs['serveWith'] = async (own) => {
      const another = start('serve', join(dataFolder, `serve-${randomUUID().slice(0, 8)}`), { ...env, ...own });
      const [, at = ''] = await another.until(/listens on (\S+),/);
      return { ...another, url: at };
    };
    // The first makes the tables; where there is none, they are made here, for custody serve waits for them.
    if (workers === 0) await (await openServerStore({ server: clickhouse.server() })).close();
    for (let more = 0; more < workers; more += 1) await ingest();
    const folder = join(dataFolder, 'serve');
    const served = start('serve', folder);
    const [, url = ''] = await served.until(/listens on (\S+),/);
    say(`custody serve: ${url}\n`);
    const serve = { ...served, url, token: (await findServer(folder))?.token ?? '' };
    const through = { ...context, settings: { ...context.settings, dataFolder: folder } };
    const said = (): string => started.map((one) => `${one.name}: ${one.said()}`).join('\n');
    return { context: through, clickhouse, brokers, env, ingest, sign, serveWith, serve, said, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function settingsOf(
  folder: string,
  brokers: string,
  clickhouse: TestClickHouse,
): Promise<Record<string, string>> {
  const { url, user, password } = clickhouse.server();
  const [keyFile, passwordFile] = [join(folder, 'salt.key'), join(folder, 'password')];
  await writeFile(keyFile, randomBytes(32), { mode: 0o600 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  return {
    CUSTODY_KAFKA_BROKERS: brokers,
    CUSTODY_KAFKA_TOPIC_PREFIX: `t${randomUUID().slice(0, 8)}.`,
    CUSTODY_KAFKA_PARTITIONS: '2',
    CUSTODY_KAFKA_REPLICATION: '1',
    CUSTODY_CLICKHOUSE_URL: url,
    CUSTODY_CLICKHOUSE_USER: user,
    CUSTODY_CLICKHOUSE_PASSWORD_FILE: passwordFile,
    CUSTODY_SALT_KEY_FILE: keyFile,
    CUSTODY_LOG_LEVEL: 'warn',
  };
}

/** Runs the command line as a process of its own. */
export function startCustody(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): TestProcess & { until(text: RegExp): Promise<RegExpExecArray>; ended(): Promise<void> } {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'custody.ts'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: ROOT,
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (text += part));
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const name = args[0] ?? '';
  return {
    name,
    said: () => text,
    async until(wanted) {
      for (const end = Date.now() + READY_MS; Date.now() < end && child.exitCode === null; await sleep(50)) {
        const found = wanted.exec(text);
        if (found) return found;
      }
      throw new Error(`custody ${name} did not get there: ${text}`);
    },
    async ended() {
      const [code] = await exit;
      if (code !== 0) throw new Error(`custody ${name} ended with ${code}: ${text}`);
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code] = await exit;
      return code;
    },
  };
}
