import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { findServer, takeFolder } from '../../ingest/folder.ts';
import { isRunning, thisProcess } from '../../ingest/process-identity.ts';

const root = mkdtempSync(join(tmpdir(), 'custody-folder-'));
let count = 0;
const newPath = (): string => join(root, `data-${(count += 1)}`);
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
const program = fileURLToPath(new URL('../support/take-folder.ts', import.meta.url));

/** Starts a process that tries to take a folder; gives what it says. */
function taker(path: string, url?: string): { child: ChildProcess; said: Promise<string> } {
  const args = url === undefined ? [path] : [path, url];
  const child = fork(program, args, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  return { child, said: new Promise((resolve) => child.once('message', (message) => resolve(message as string))) };
}

function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  return gone;
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('data folder', () => {
  test('is made with its parts, for the owner alone', async () => {
    const path = newPath();
    const folder = takeFolder(path);
    expect([folder.path, folder.log, folder.store, folder.keys].map(modeOf)).toEqual([0o700, 0o700, 0o700, 0o700]);
    await folder.release();
    await takeFolder(path).release();
  });

  test('a folder that holds something else is refused, and left as it is', () => {
    const path = newPath();
    mkdirSync(path);
    writeFileSync(join(path, 'letter.txt'), 'dear');
    expect(() => takeFolder(path)).toThrow(expect.objectContaining({ code: 'configuration' }));
    expect(readFileSync(join(path, 'letter.txt'), 'utf8')).toBe('dear');
  });

  test('a second owner in the same process is refused', async () => {
    const folder = takeFolder(newPath());
    expect(() => takeFolder(folder.path)).toThrow(
      expect.objectContaining({ code: 'folder_in_use', facts: { pid: process.pid } }),
    );
    await folder.release();
  });

  test('a running server is found with its token, in a file that only the owner can read', async () => {
    const folder = takeFolder(newPath());
    expect(await findServer(folder.path)).toBeUndefined();
    folder.announce({ url: 'http://127.0.0.1:8080', token: 'made-up' });
    expect(modeOf(join(folder.path, 'server.json'))).toBe(0o600);
    expect(await findServer(folder.path)).toEqual({ pid: process.pid, url: 'http://127.0.0.1:8080', token: 'made-up' });
    await folder.release();
    expect(await findServer(folder.path)).toBeUndefined();
  });

  test('no folder, no server; nonsense in the file, no server', async () => {
    expect(await findServer(newPath())).toBeUndefined();
    const path = newPath();
    mkdirSync(path);
    for (const text of ['', '{', '[]', '{"pid":"1"}']) {
      writeFileSync(join(path, 'server.json'), text);
      expect(await findServer(path)).toBeUndefined();
    }
  });

  test('another process that holds it is named with its URL', async () => {
    const path = newPath();
    const { child, said } = taker(path, 'http://127.0.0.1:9');
    expect(await said).toBe('taken');
    const facts = { pid: child.pid, url: 'http://127.0.0.1:9' };
    expect(() => takeFolder(path)).toThrow(expect.objectContaining({ code: 'folder_in_use', facts }));
    expect(await findServer(path)).toMatchObject(facts);
  });

  test('kill -9 frees it at once, and what the dead said of itself is not believed', async () => {
    const path = newPath();
    const { child, said } = taker(path, 'http://127.0.0.1:9');
    expect(await said).toBe('taken');
    await killed(child);
    expect(await findServer(path)).toBeUndefined();
    const folder = takeFolder(path);
    expect(await findServer(path)).toBeUndefined();
    await folder.release();
  });

  test('of many that find a dead owner at once, exactly one wins', { timeout: 60_000 }, async () => {
    const path = newPath();
    const first = taker(path);
    expect(await first.said).toBe('taken');
    await killed(first.child);
    const said = await Promise.all(Array.from({ length: 6 }, () => taker(path).said));
    expect(said.toSorted()).toEqual([...Array.from({ length: 5 }, () => 'folder_in_use'), 'taken']);
  });
});

describe('who a process is', () => {
  const here = thisProcess();
  test.each([
    ['itself', here, 'yes'],
    ['the same number, started at another time', { ...here, started: '1' }, 'no'],
    ['a number that nobody has', { ...here, pid: 4_194_303 }, 'no'],
    ['before the machine was restarted', { ...here, boot: 'another' }, 'no'],
    ['in another container', { ...here, space: 'pid:[1]', pid: 1 }, 'unknown'],
    ['on another machine', { ...here, host: 'elsewhere', boot: 'another' }, 'unknown'],
  ] as const)('%s', (_, other, expected) => {
    expect(isRunning(other, here)).toBe(expected);
  });
});
