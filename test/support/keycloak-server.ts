import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './free-ports.ts';
import { JAVA_ENV, fetchKeycloak } from './keycloak-dist.ts';

export interface TestKeycloak {
  readonly url: string;
  readonly admin: { readonly name: string; readonly password: string };
  /** What it has written to its console: JSON lines, among them those of its event listener. */
  console(): string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

const READY_MS = 420_000;

// Keycloak ends with whoever started it, however that ends: its keeper reads from a pipe whose other end only we hold.
const KEEPER = `exec 3<&0
"$@" </dev/null >>"$LOG" 2>&1 &
server=$!
(cat <&3 >/dev/null; kill -TERM $server 2>/dev/null; sleep 8; kill -KILL $server 2>/dev/null) &
keeper=$!
wait $server
kill -KILL $keeper 2>/dev/null
exit 0`;

/**
 * Starts a real Keycloak on a free port of 127.0.0.1, with its database in memory and all else in a temp folder. It takes
 * half a minute, more on a busy machine. It stops with `stop`, and when this process ends in any way.
 */
export async function startKeycloak(say: (text: string) => void = () => undefined): Promise<TestKeycloak> {
  const dist = await fetchKeycloak(say);
  const folder = mkdtempSync(join(tmpdir(), 'custody-keycloak-'));
  // It writes below its own folder, so each run has one: copied, since it must not share what it writes.
  const home = join(folder, 'home');
  spawnSync('cp', ['-r', dist, home]);
  const [port = 0, management = 0] = await freePorts(2);
  const log = join(folder, 'console.log');
  const admin = { name: 'admin', password: 'admin-password-made-up-1' };
  say(`Keycloak: starting on port ${port}`);
  const options = [
    'start', '--optimized', '--http-enabled=true', '--http-host=127.0.0.1', `--http-port=${port}`, `--http-management-port=${management}`,
    '--hostname-strict=false', '--cache=local', '--log-console-output=json', '--spi-events-listener--jboss-logging--success-level=info',
  ]; // prettier-ignore
  const child = spawn('/bin/sh', ['-c', KEEPER, 'keeper', 'bash', 'bin/kc.sh', ...options], {
    cwd: home,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {
      ...process.env,
      ...JAVA_ENV,
      LOG: log,
      KC_BOOTSTRAP_ADMIN_USERNAME: admin.name,
      KC_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const server: TestKeycloak = {
    url,
    admin,
    console: () => readFileSync(log, 'utf8'),
    async stop() {
      const gone = child.exitCode === null ? once(child, 'exit') : undefined;
      child.stdin.end();
      await gone;
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  const until = Date.now() + READY_MS;
  while (!(await answers(url))) {
    if (child.exitCode === null && Date.now() < until) {
      await sleep(500);
      continue;
    }
    const said = server.console().slice(-3_000);
    await server.stop();
    throw new Error(`Keycloak did not start:\n${said}`);
  }
  return server;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/realms/master`, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}
