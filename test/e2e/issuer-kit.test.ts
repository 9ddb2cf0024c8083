import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openIssuer } from '../../ingest/issuer-kit/issuer.ts';
import type { Issuer } from '../../ingest/issuer-kit/issuer.ts';
import type { Notice } from '../../ingest/issuer-kit/sender.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { ISSUER_SOURCE, ISSUER_TOKEN, writeIssuerPolicy } from '../support/issuer-policy.ts';
import { startServer } from '../support/run-cli.ts';
import type { RunningServer } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

// The kit against a real Custody in a process of its own, with a proxy between them that breaks what it is told to. The
// folder is one for the whole file: what was sent under one fault must still stand, once, after all others.
let folder: Awaited<ReturnType<typeof tempFolder>>;
let proxy: FaultProxy;
let server: RunningServer;
let policy = '';
const expected: string[] = [];
const notices: Notice[] = [];

const party = { kind: 'human', iss: 'https://idp.acme.example', sub: '00u1' } as const;

async function startCustody(): Promise<void> {
  server = await startServer(['--data', join(folder.path, 'data'), '--config', policy], { cwd: folder.path });
  proxy.target = server.url;
}

function issuer(): Promise<Issuer> {
  return openIssuer({
    url: proxy.url,
    token: ISSUER_TOKEN,
    source: ISSUER_SOURCE,
    spoolFolder: join(folder.path, 'spool'),
    maxBatchEvents: 10,
    backoffMs: [20, 100],
    timeoutMs: 2_000,
    onNotice: (notice) => notices.push(notice),
  });
}

async function emit(kit: Issuer, count: number): Promise<void> {
  const emitted = await Promise.all(
    Array.from({ length: count }, (_, nth) =>
      kit.emit({ type: 'requested', data: { request_id: `req-${expected.length + nth}`, requester: party } }),
    ),
  );
  expected.push(...emitted.map(({ id }) => id));
}

interface Held {
  readonly accepted: readonly { readonly id: string }[];
  readonly source: Record<string, unknown>;
}

/** What Custody holds of issuers (it also tells of itself): events by id, each as often as it is counted, and what it says of the source. */
async function held(): Promise<Held> {
  const { token } = JSON.parse(readFileSync(join(folder.path, 'data', 'server.json'), 'utf8')) as { token: string };
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (path: string): Promise<string> => (await fetch(`${server.url}${path}`, { headers })).text();
  const lines = (await ask('/v1/events?format=ndjson&limit=1000000')).split('\n').filter((line) => line !== '');
  const accepted = lines
    .map((line) => (JSON.parse(line) as { event: string }).event)
    .filter((event) => event.startsWith('event:ce/'))
    .map((event) => ({ id: event.slice(event.lastIndexOf('/') + 1) }));
  const { sources } = JSON.parse(await ask('/v1/sources')) as { sources: Record<string, unknown>[] };
  return { accepted, source: sources.find(({ family }) => family === 'ce') ?? {} };
}

/** Waits until the worker has stored so many; they are counted as soon as its note of the batch is there. */
async function expectAccepted(count: number): Promise<void> {
  const poll = { timeout: 30_000, interval: 200 };
  await expect.poll(async () => (await held()).source['accepted'], poll).toBe(count);
}

/** Every event that was acknowledged stands there once, nothing else does, and the sequence has no hole. */
async function expectOnce(duplicates: 'none' | 'some'): Promise<void> {
  await expectAccepted(expected.length);
  const { accepted, source } = await held();
  expect(accepted.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
  expect(source).toMatchObject({ accepted: expected.length, conflict: 0, rejected: {}, gaps: [] });
  if (duplicates === 'some') expect(source['duplicate']).toBeGreaterThan(0);
  else expect(source['duplicate']).toBe(0);
}

beforeAll(async () => {
  folder = await tempFolder();
  policy = writeIssuerPolicy(folder.path);
  proxy = await startFaultProxy();
  await startCustody();
}, 60_000);
afterAll(async () => {
  server?.run.child.kill('SIGKILL');
  await proxy?.close();
  await folder?.remove();
});

describe('the issuer kit and a Custody that is not well', () => {
  test('sends in batches what it was given, and keeps a verified receipt for each event', async () => {
    const kit = await issuer();
    await emit(kit, 35);
    expect(await kit.flush()).toBe(true);
    await kit.close();
    expect(proxy.acts.length).toBeLessThan(35);
    expect(kit.status()).toMatchObject({ pending: 0, sequence: 35, refused: 0 });
    const kept = await Promise.all(expected.map((id) => kit.receiptOf(id)));
    expect(kept.map((receipt) => receipt?.verified)).toEqual(expected.map(() => 'yes'));
    expect(notices.filter(({ code }) => code === 'no_receipts' || code === 'bad_receipt')).toEqual([]);
    await expectOnce('none');
  });

  test('slow answers, 429 and 5xx: waits as it is told, loses nothing', async () => {
    let asked = 0;
    proxy.script = () => {
      asked += 1;
      if (asked === 1) return { status: 429, headers: { 'retry-after': '1' } };
      if (asked <= 4) return { status: [500, 502, 503][asked - 2] ?? 500, body: 'a proxy of nobody' };
      return asked === 5 ? { slowMs: 2_500 } : { slowMs: 50 };
    };
    const kit = await issuer();
    const start = performance.now();
    await emit(kit, 25);
    expect(await kit.flush()).toBe(true);
    await kit.close();
    expect(performance.now() - start).toBeGreaterThan(1_000);
    expect(asked).toBeGreaterThan(6);
    // The slow answer came too late for the kit, and the events were taken: so they came twice.
    await expectOnce('some');
  });

  test('connections that drop before and after the append', async () => {
    let asked = 0;
    proxy.script = () => {
      asked += 1;
      return asked % 3 === 1 ? 'drop' : asked % 3 === 2 ? 'lose' : 'pass';
    };
    const kit = await issuer();
    await emit(kit, 40);
    expect(await kit.flush()).toBe(true);
    await kit.close();
    expect(proxy.acts.filter((act) => act === 'lose').length).toBeGreaterThanOrEqual(3);
    await expectOnce('some');
  });

  test('a Custody that is killed, is away, and comes back', async () => {
    proxy.script = () => 'pass';
    const kit = await issuer();
    await emit(kit, 5);
    await server.stop('SIGKILL');
    proxy.target = undefined;
    await emit(kit, 60);
    await sleep(500);
    expect(kit.status()).toMatchObject({ state: 'waiting' });
    expect(kit.status().pending).toBeGreaterThanOrEqual(60);
    await startCustody();
    await emit(kit, 5);
    expect(await kit.flush()).toBe(true);
    await kit.close();
    await expectOnce('some');
  }, 60_000);

  test('an issuer that is killed again and again: what it acknowledged is there once, without a hole', async () => {
    let asked = 0;
    proxy.script = () => {
      asked += 1;
      return asked % 4 === 0 ? 'lose' : asked % 7 === 0 ? { status: 503 } : 'pass';
    };
    for (let life = 0; life < 3; life += 1) {
      const child = spawn(
        process.execPath,
        [
          '--import',
          'tsx',
          'test/support/issuer-child.ts',
          proxy.url,
          join(folder.path, 'spool'),
          ISSUER_TOKEN,
          ISSUER_SOURCE,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.length > 2_000 * (life + 1)) child.kill('SIGKILL');
      });
      await once(child, 'close');
      expect(child.signalCode).toBe('SIGKILL');
      expected.push(...wholeLines(said).map((line) => line.split(' ')[1] ?? ''));
    }
    const kit = await issuer();
    expect(await kit.flush()).toBe(true);
    const { sequence } = kit.status();
    await kit.close();
    // What was on the disk when the kill came and was not yet acknowledged is sent as well: more may be there, never less.
    await expectAccepted(sequence);
    const { accepted, source } = await held();
    const ids = accepted.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(expected.filter((id) => !ids.includes(id))).toEqual([]);
    expect(source).toMatchObject({ accepted: sequence, conflict: 0, rejected: {}, gaps: [] });
    expect(existsSync(join(folder.path, 'spool', 'refused.ndjson'))).toBe(false);
  }, 120_000);
});

function wholeLines(text: string): readonly string[] {
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter((line) => line !== ''); // prettier-ignore
}
