import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../../cli/command.ts';
import { findServer } from '../../ingest/folder.ts';
import { startClickHouse } from './clickhouse-fixture.ts';
import type { TestClickHouse } from './clickhouse-fixture.ts';
import { startBrokers } from './kafka-brokers.ts';
import type { TestCluster } from './kafka-brokers.ts';
import { missingForKafka } from './kafka-jars.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const READY_MS = 90_000;

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
  /** Undefined where KAFKA_BROKERS names brokers of others. */
  readonly brokers: TestCluster | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Starts one more `custody ingest`; resolves when it works. */
  ingest(): Promise<TestProcess & { readonly url: string }>;
  readonly serve: TestProcess & { readonly url: string; readonly token: string };
  stop(): Promise<void>;
}

/**
 * Starts a cluster below the data folder of a context: a broker, topics of its own, a ClickHouse server over chdb,
 * `custody serve`, and some `custody ingest`. The policy is that of the context.
 */
export async function startCluster(
  context: CommandContext,
  say: (text: string) => void = () => undefined,
  workers = 2,
): Promise<TestClusterOfOurs> {
  const { dataFolder, configFile } = context.settings;
  const given = process.env['KAFKA_BROKERS'];
  const missing = given === undefined ? missingForKafka() : undefined;
  if (missing !== undefined) throw new Error(missing);
  await mkdir(dataFolder, { recursive: true });
  const brokers = given === undefined ? await startBrokers(1, (text) => say(`${text}\n`)) : undefined;
  const clickhouse = await startClickHouse(dataFolder);
  const env = await settingsOf(dataFolder, brokers?.addresses.join(',') ?? given ?? '', clickhouse);
  const running: TestProcess[] = [];
  const start = (
    name: string,
    args: readonly string[],
  ): TestProcess & { until(text: RegExp): Promise<RegExpExecArray> } => {
    const folder = join(dataFolder, `${name}-${running.length}`);
    const config = configFile === undefined ? [] : ['--config', configFile];
    const started = startCustody([name, ...args, '--data', folder, ...config], env);
    running.push(started);
    return started;
  };
  await startCustody(['topics'], env).ended();
  const ingest = async (): Promise<TestProcess & { readonly url: string }> => {
    const worker = start('ingest', ['--port', '0']);
    const [, url = ''] = await worker.until(/monitoring at (\S+)/);
    return { ...worker, url };
  };
  const folder = join(dataFolder, 'serve-0');
  const [first] = await Promise.all([ingest()]);
  say(`custody ingest: ${first.url}\n`);
  for (let more = 1; more < workers; more += 1) await ingest();
  const served = startCustody(
    ['serve', '--port', '0', '--data', folder, ...(configFile === undefined ? [] : ['--config', configFile])],
    env,
  );
  running.push(served);
  const [, url = ''] = await served.until(/listens on (\S+),/);
  const server = await findServer(folder);
  say(`custody serve: ${url}\n`);
  return {
    context: { ...context, settings: { ...context.settings, dataFolder: folder } },
    clickhouse,
    brokers,
    env,
    ingest,
    serve: { ...served, url, token: server?.token ?? '' },
    async stop() {
      await Promise.all(running.toReversed().map((process) => process.stop()));
      await clickhouse.stop();
      await brokers?.stop();
    },
  };
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
