import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'bin/custody.mjs');

export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun {
  readonly child: ChildProcess;
  readonly end: Promise<CliEnd>;
  /** Resolves with all of stderr so far as soon as it holds the text; rejects if the process ends before. */
  says(text: string | RegExp): Promise<string>;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What is started; the command line of the checkout if left out. */
  readonly bin?: string;
}

/** Builds what an installation runs, for tests that start very many processes: it begins in half the time. */
export async function buildCli(): Promise<string> {
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  return join(ROOT, 'dist/custody.js');
}

/** Starts the real command line in a process of its own. Settings of the machine it runs on are kept out. */
export function startCli(args: readonly string[], { env = {}, cwd, bin = BIN }: CliOptions = {}): CliRun {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [bin, ...args], {
    env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const watch of watchers) watch();
    });
  const end = new Promise<CliEnd>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return {
    child,
    end,
    says: (wanted) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          if (typeof wanted === 'string' ? !text.stderr.includes(wanted) : !wanted.test(text.stderr)) return;
          watchers.delete(watch);
          resolve(text.stderr);
        };
        watchers.add(watch);
        watch();
        void end.then(({ code }) => reject(new Error(`ended with ${code} before saying ${wanted}: ${text.stderr}`)));
      }),
  };
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  return startCli(args, options).end;
}

export interface RunningServer {
  readonly url: string;
  readonly run: CliRun;
  stop(signal?: NodeJS.Signals): Promise<CliEnd>;
}

/** Starts `custody start` on a free port and waits until it listens. */
export async function startServer(args: readonly string[], options: CliOptions = {}): Promise<RunningServer> {
  const run = startCli(['start', '--port', '0', ...args], {
    ...options,
    env: { CUSTODY_LOG_LEVEL: 'warn', ...options.env },
  });
  const said = await run.says(/listens on http\S+,/);
  return {
    url: /listens on (http\S+),/.exec(said)?.[1] ?? '',
    run,
    stop(signal = 'SIGTERM') {
      run.child.kill(signal);
      return run.end;
    },
  };
}
