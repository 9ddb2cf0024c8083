import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dumpFolder } from '../support/dump-folder.ts';
import type { StoreDigests } from '../support/dump-folder.ts';
import { writeNativeFiles } from '../support/native-files.ts';
import type { NativeFiles } from '../support/native-files.ts';
import { runCli, startCli, startServer } from '../support/run-cli.ts';
import type { CliEnd } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let native: NativeFiles;
let data = '';
let before: StoreDigests;
let sent: StoreDigests;

const args = (...more: string[]): string[] => [...more, '--data', data, '--config', native.policy];
const custody = (...more: string[]): Promise<CliEnd> => runCli(args(...more), { cwd: folder.path });

beforeAll(async () => {
  folder = await tempFolder();
  native = writeNativeFiles(folder.path, 1_500, 1);
  data = join(folder.path, 'data');
  const { code, stderr } = await custody('deliver', native.deliveries);
  expect(code, stderr).toBeLessThan(2);
  before = await dumpFolder(data);
  sent = await dumpFolder(data, '', 'sent');
}, 120_000);
afterAll(() => folder.remove());

describe('custody rebuild', () => {
  test('gives the derived tables back, byte for byte', async () => {
    const { code, stdout, stderr } = await custody('rebuild', '--format', 'json');
    expect(code, stderr).toBe(0);
    const counts = JSON.parse(stdout) as Record<string, number>;
    expect(counts['records']).toBe(before['records']?.rows);
    expect(counts['events']).toBe(before['events']?.rows);
    expect(counts['keys']).toBe(before['event_keys']?.rows);
    expect((counts['edges'] ?? 0) * 2).toBe(before['edges']?.rows);
    expect(await dumpFolder(data)).toEqual(before);
  }, 120_000);

  test('killed in the middle, the next command completes it: the same bytes', async () => {
    for (const wait of [0, 150, 400]) {
      const run = startCli(args('rebuild'), { cwd: folder.path });
      await run.says('rebuilding').catch(() => undefined);
      await sleep(wait);
      run.child.kill('SIGKILL');
      await run.end;
      const trace = await custody('trace', native.showcase, '--format', 'json');
      expect(trace.code, trace.stderr).toBe(0);
      // That somebody traced is told in Custody's own log: what was sent to it is compared.
      expect(await dumpFolder(data, '', 'sent')).toEqual(sent);
    }
  }, 240_000);

  test('through a running server: meanwhile no query is answered from half a table', async () => {
    // A server tells in Custody's own log of its policy, and of everybody who reads.
    const server = await startServer(args(), { cwd: folder.path });
    const { token } = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as { token: string };
    const ask = async (path: string): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      return { status: answer.status, text: await answer.text() };
    };
    const path = `/v1/trace?key=${encodeURIComponent(native.showcase)}`;
    const whole = await ask(path);
    expect(whole.status).toBe(200);
    const rebuilding = custody('rebuild');
    const seen = new Map<number, number>();
    const state = { ended: false };
    void rebuilding.finally(() => (state.ended = true));
    while (!state.ended) {
      const answer = await ask(path);
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      if (answer.status === 200) expect(answer.text).toBe(whole.text);
      else expect(JSON.parse(answer.text)).toMatchObject({ status: 503, code: 'unavailable' });
      await sleep(10);
    }
    expect((await rebuilding).code).toBe(0);
    expect(seen.get(503) ?? 0).toBeGreaterThan(0);
    expect([...seen.keys()].filter((status) => status !== 200)).toEqual([503]);
    expect((await ask(path)).text).toBe(whole.text);
    expect((await server.stop()).code).toBe(0);
    expect(await dumpFolder(data, '', 'sent')).toEqual(sent);
  }, 120_000);
});
