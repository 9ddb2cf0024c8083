import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './free-ports.ts';

/** A Keycloak that runs from a folder of its own. */
export interface KeycloakProcess {
  readonly url: string;
  /** What it has written to its console: JSON lines. */
  console(): string;
  stop(): Promise<void>;
}

/** The administrator, made up; the database in which it stands is made once and copied for each run. */
export const KEYCLOAK_ADMIN = { name: 'admin', password: 'admin-password-made-up-1' } as const;

/** Little memory, and no time spent on making fast what runs for minutes. */
export const JAVA_ENV = {
  JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
  JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx512m',
} as const;

const READY_MS = 900_000;

// Keycloak ends with whoever started it, however that ends: its keeper reads from a pipe whose other end only we hold.
const KEEPER = `exec 3<&0
"$@" </dev/null >>"$LOG" 2>&1 &
server=$!
(cat <&3 >/dev/null; kill -TERM $server 2>/dev/null; sleep 20; kill -KILL $server 2>/dev/null) &
keeper=$!
wait $server
kill -KILL $keeper 2>/dev/null
exit 0`;

/** Starts Keycloak from a built folder, in which it also writes, on a free port of 127.0.0.1; resolves when it answers. */
export async function runKeycloak(home: string): Promise<KeycloakProcess> {
  const [port = 0, management = 0] = await freePorts(2);
  const log = join(home, 'console.log');
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
      KC_BOOTSTRAP_ADMIN_USERNAME: KEYCLOAK_ADMIN.name,
      KC_BOOTSTRAP_ADMIN_PASSWORD: KEYCLOAK_ADMIN.password,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const running: KeycloakProcess = {
    url,
    console: () => readFileSync(log, 'utf8'),
    async stop() {
      const gone = child.exitCode === null ? once(child, 'exit') : undefined;
      child.stdin.end();
      await gone;
    },
  };
  const until = Date.now() + READY_MS;
  while (!(await answers(url))) {
    if (child.exitCode === null && Date.now() < until) {
      await sleep(500);
      continue;
    }
    await running.stop();
    throw new Error(`Keycloak did not start:\n${running.console().slice(-3_000)}`);
  }
  return running;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/realms/master`, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}
