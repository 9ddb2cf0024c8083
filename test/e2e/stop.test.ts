import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Delivery } from '../../deploy/demo/delivery.ts';
import { writeNativeFiles } from '../support/native-files.ts';
import type { NativeFiles } from '../support/native-files.ts';
import { runCli, startServer } from '../support/run-cli.ts';
import type { CliEnd, RunningServer } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let native: NativeFiles;
let hooks: readonly Delivery[];
let next = 0;

beforeAll(async () => {
  folder = await tempFolder();
  native = writeNativeFiles(folder.path, 3_000, 1);
  hooks = readFileSync(native.deliveries, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Delivery)
    .filter(({ transport }) => transport === 'project_hook');
});
afterAll(() => folder.remove());

/** Senders that post one hook after another until the server is gone; each notes what was acknowledged. */
function load(url: string, senders: number): { acknowledged: () => number; done: Promise<unknown> } {
  let acknowledged = 0;
  const send = async (): Promise<void> => {
    for (;;) {
      const hook = hooks[next++ % hooks.length];
      if (!hook) return;
      const headers = { ...hook.headers };
      try {
        const answer = await fetch(`${url}/v1/ingest/gitlab.webhook`, { method: 'POST', headers, body: hook.body });
        await answer.arrayBuffer();
        if (answer.status === 202) acknowledged += 1;
        else if (answer.status === 503) return;
        else throw new RangeError(`answered ${answer.status}`);
      } catch (error) {
        if (error instanceof RangeError) throw error;
        return;
      }
    }
  };
  return { acknowledged: () => acknowledged, done: Promise.all(Array.from({ length: senders }, send)) };
}

const start = (data: string): Promise<RunningServer> =>
  startServer(['--data', data, '--config', native.policy], { cwd: folder.path });

async function heldRecords(data: string): Promise<number> {
  const end = await runCli(['sources', '--format', 'json', '--data', data, '--config', native.policy], {
    cwd: folder.path,
  });
  const { sources } = JSON.parse(end.stdout) as { sources: { family: string; records: number }[] };
  return sources.find(({ family }) => family === 'gitlab.hook')?.records ?? 0;
}

describe('a server that stops while senders send', () => {
  test('fault 06: SIGTERM: within ten seconds, exit 0, and what was acknowledged is held', async () => {
    const data = join(folder.path, 'term');
    const server = await start(data);
    const senders = load(server.url, 8);
    await sleep(3_000);
    const asked = performance.now();
    const end = await server.stop();
    expect(performance.now() - asked).toBeLessThan(10_000);
    await senders.done;
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).not.toMatch(/\n\s+at /);
    expect(senders.acknowledged()).toBeGreaterThan(50);
    const held = await heldRecords(data);
    expect(held).toBeGreaterThanOrEqual(senders.acknowledged());
    // A request may be stored and its answer lost with the socket: one a sender at most.
    expect(held).toBeLessThanOrEqual(senders.acknowledged() + 8);
  }, 120_000);

  test('fault 06: SIGTERM while a large import comes in: it is cut off, and the same import goes on', async () => {
    const data = join(folder.path, 'import');
    const file = join(folder.path, 'slow.ndjson');
    const { writeMixedHooks } = await import('../support/native-files.ts');
    writeMixedHooks(file, [3, 4]);
    const args = ['import', '--source', 'gitlab.webhook', '--data', data, '--config', native.policy, '--format', 'json', file]; // prettier-ignore
    const server = await start(data);
    const importing = runCli(args, { cwd: folder.path });
    await sleep(1_500);
    const end = await server.stop();
    expect(end.code, end.stderr).toBe(0);
    const cut = await importing;
    // It may have been done already; if not, it says what to do.
    if (cut.code === 3) expect(cut.stderr).toMatch(/again|reached/);
    const total = (one: CliEnd): number => {
      const { accepted, duplicate, conflict, rejected } = JSON.parse(one.stdout) as Record<string, number> & { rejected: Record<string, number> }; // prettier-ignore
      return (accepted ?? 0) + (duplicate ?? 0) + (conflict ?? 0) + Object.values(rejected).reduce((a, b) => a + b, 0);
    };
    const again = await runCli(args, { cwd: folder.path });
    expect(again.code, again.stderr).toBeLessThan(2);
    expect(total(again)).toBe(await heldRecords(data));
  }, 120_000);

  test('fault 01: SIGKILL: the next start takes the folder over, and what was acknowledged is held', async () => {
    const data = join(folder.path, 'kill');
    let acknowledged = 0;
    for (let round = 0; round < 2; round += 1) {
      const server = await start(data);
      const senders = load(server.url, 8);
      await sleep(2_000);
      await server.stop('SIGKILL');
      await senders.done;
      acknowledged += senders.acknowledged();
    }
    const held = await heldRecords(data);
    expect(acknowledged).toBeGreaterThan(50);
    expect(held).toBeGreaterThanOrEqual(acknowledged);
    expect(held).toBeLessThanOrEqual(acknowledged + 16);
  }, 120_000);
});
