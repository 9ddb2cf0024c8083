import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreServer } from '../../store/settings.ts';
import type { FromServer, SeenStatement, ServerFault, ToServer } from './clickhouse-faults.ts';

/** A running test server. It keeps its port over stops and starts. */
export interface TestClickHouse {
  readonly server: (more?: Partial<StoreServer>) => StoreServer;
  /** Sets what the next statements meet, and forgets those that were seen. */
  fault(...faults: readonly ServerFault[]): Promise<void>;
  /** What came in since the faults were last set. */
  statements(): Promise<readonly SeenStatement[]>;
  /** Lets go on what hangs. */
  release(): Promise<void>;
  /** Ends the process at once, as a crash does. Its folder stays. */
  kill(): Promise<void>;
  /** Starts it again over the same folder and on the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const USER = 'writer';
const PASSWORD = 'for-tests-only';

/** Starts ClickHouse's HTTP interface over chdb in a folder. */
export async function startClickHouse(folder: string): Promise<TestClickHouse> {
  const path = join(folder, 'server');
  await mkdir(path, { recursive: true });
  let child: ChildProcess | undefined;
  let port = 0;

  async function start(): Promise<void> {
    const file = new URL('./clickhouse-server.ts', import.meta.url);
    const started = fork(file, [path, USER, PASSWORD, String(port)], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child = started;
    const first = (await Promise.race([
      once(started, 'message'),
      once(started, 'exit').then(() => Promise.reject(new Error('the test server ended before it listened'))),
    ])) as [FromServer];
    if (first[0].kind === 'ready') port = first[0].port;
  }

  async function ask(message: ToServer): Promise<FromServer> {
    if (!child) throw new Error('the test server does not run');
    const answered = once(child, 'message') as Promise<[FromServer]>;
    child.send(message);
    return (await answered)[0];
  }

  async function end(how: () => void): Promise<void> {
    const ended = child;
    child = undefined;
    if (!ended || ended.exitCode !== null) return;
    const exit = once(ended, 'exit');
    how();
    await exit;
  }

  await start();
  return {
    server: (more = {}) => ({
      url: `http://127.0.0.1:${port}`,
      user: USER,
      password: PASSWORD,
      database: 'default',
      silenceMs: 60_000,
      connections: 10,
      compression: 'none',
      ...more,
    }),
    fault: async (...faults) => void (await ask({ kind: 'faults', faults })),
    async statements() {
      const answer = await ask({ kind: 'statements' });
      return answer.kind === 'statements' ? answer.statements : [];
    },
    release: async () => void (await ask({ kind: 'release' })),
    kill() {
      const killed = child;
      return end(() => killed?.kill('SIGKILL'));
    },
    start,
    stop() {
      const stopped = child;
      return end(() => stopped?.send({ kind: 'stop' } satisfies ToServer));
    },
  };
}
