import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchKeycloak } from './keycloak-dist.ts';
import { KEYCLOAK_ADMIN, runKeycloak } from './keycloak-process.ts';

export interface TestKeycloak {
  readonly url: string;
  readonly admin: { readonly name: string; readonly password: string };
  /** What it has written to its console: JSON lines, among them those of its event listener. */
  console(): string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts a real Keycloak on a free port of 127.0.0.1, with its data in a temp folder. It stops with `stop`, and when this
 * process ends in any way.
 */
export async function startKeycloak(say: (text: string) => void = () => undefined): Promise<TestKeycloak> {
  const dist = await fetchKeycloak(say);
  const folder = mkdtempSync(join(tmpdir(), 'custody-keycloak-'));
  // It writes below its own folder, so each run has a copy.
  const home = join(folder, 'home');
  spawnSync('cp', ['-r', dist, home]);
  say('Keycloak: starting');
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const running = await runKeycloak(home);
    return {
      url: running.url,
      admin: KEYCLOAK_ADMIN,
      console: () => running.console(),
      async stop() {
        await running.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
