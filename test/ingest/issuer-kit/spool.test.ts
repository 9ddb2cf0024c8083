import { appendFileSync, existsSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildEvent } from '../../../ingest/issuer-kit/build-event.ts';
import { openSpool } from '../../../ingest/issuer-kit/spool.ts';
import type { Spool } from '../../../ingest/issuer-kit/spool.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const SOURCE = 'https://broker.acme.example/eu1';
const MEBIBYTE = 1_048_576;
let folder: Awaited<ReturnType<typeof tempFolder>>;
let spool: Spool;

const event = (nth: number, padding = '') =>
  buildEvent(
    {
      type: 'requested',
      data: {
        request_id: `req-${nth}`,
        requester: { kind: 'human', iss: 'https://idp.acme.example', sub: '00u1' },
        ...(padding !== '' && { reason: padding }),
      },
    },
    SOURCE,
  );
const open = (maxBytes = MEBIBYTE, source = SOURCE): Promise<Spool> =>
  openSpool({ folder: folder.path, source, maxBytes, firstSequence: 1 });
const sequences = async (max = 1_000): Promise<readonly number[]> =>
  (await spool.peek(max, MEBIBYTE)).events.map(({ sequence }) => sequence);
const segments = (): readonly string[] => readdirSync(folder.path).filter((name) => name.endsWith('.events'));

beforeEach(async () => {
  folder = await tempFolder();
  spool = await open();
});
afterEach(async () => {
  await spool.close();
  await folder.remove();
});

describe('the spool', () => {
  test('gives each event the next sequence, in the order of the appends, also where many come together', async () => {
    const given = await Promise.all(Array.from({ length: 700 }, (_, nth) => spool.append(event(nth), 1_000)));
    expect(given).toEqual(Array.from({ length: 700 }, (_, nth) => nth + 1));
    const { events } = await spool.peek(3, MEBIBYTE);
    expect(events.map(({ json }) => (JSON.parse(json) as { sequence: string }).sequence)).toEqual([
      '00000000000000000001',
      '00000000000000000002',
      '00000000000000000003',
    ]);
    expect((await spool.peek(1_000, 2_000)).events.length).toBeLessThan(5);
  });

  test('goes on after a restart where it stopped: neither a hole nor a number twice', async () => {
    for (let nth = 0; nth < 5; nth += 1) await spool.append(event(nth), 1_000);
    const batch = await spool.peek(2, MEBIBYTE);
    spool.settle(batch);
    await spool.close();
    spool = await open();
    expect(await sequences()).toEqual([3, 4, 5]);
    expect(await spool.append(event(6), 1_000)).toBe(6);
    spool.settle(await spool.peek(100, MEBIBYTE));
    await spool.close();
    spool = await open();
    expect(await sequences()).toEqual([]);
    expect(await spool.append(event(7), 1_000)).toBe(7);
  });

  test('a line torn anywhere is cut off, and its number given again', async () => {
    await spool.append(event(1), 1_000);
    await spool.append(event(2), 1_000);
    const path = join(folder.path, segments()[0] ?? '');
    const whole = readFileSync(path);
    const firstEnd = whole.indexOf(10) + 1;
    for (const cut of [firstEnd + 1, firstEnd + 17, firstEnd + 100, whole.length - 1]) {
      await spool.close();
      writeFileSync(path, whole);
      truncateSync(path, cut);
      spool = await open();
      expect([cut, await sequences()]).toEqual([cut, [1]]);
    }
    expect(await spool.append(event(3), 1_000)).toBe(2);
    expect(await sequences()).toEqual([1, 2]);
  });

  test('what a power loss left behind the end is set aside, not lost and not sent', async () => {
    await spool.append(event(1), 1_000);
    await spool.close();
    const path = join(folder.path, segments()[0] ?? '');
    appendFileSync(path, Buffer.concat([Buffer.alloc(300), Buffer.from('\n'), Buffer.alloc(10)]));
    spool = await open();
    expect(await sequences()).toEqual([1]);
    expect(readdirSync(folder.path).filter((name) => name.includes('.damaged-'))).toHaveLength(1);
    expect(await spool.append(event(2), 1_000)).toBe(2);
    expect(await sequences()).toEqual([1, 2]);
  });

  test('a line damaged in the middle is shown, and the events around it stay', async () => {
    for (let nth = 1; nth <= 3; nth += 1) await spool.append(event(nth), 1_000);
    await spool.close();
    const path = join(folder.path, segments()[0] ?? '');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"req-2"', '"req-9"'));
    spool = await open();
    const { events } = await spool.peek(10, MEBIBYTE);
    expect(events.map(({ sequence, damaged }) => [sequence, damaged])).toEqual([[1, false], [1, true], [3, false]]); // prettier-ignore
  });

  test('is bounded: a full spool makes the emitter wait, then refuses, and takes again when there is room', async () => {
    await spool.close();
    spool = await open(MEBIBYTE / 2);
    const big = 'x '.repeat(1_000);
    let taken = 0;
    for (; taken < 1_000; taken += 1) {
      const code = await spool.append(event(taken, big), 50).then(() => undefined, (error: { code?: string }) => error.code); // prettier-ignore
      if (code === undefined) continue;
      expect(code).toBe('spool_full');
      break;
    }
    expect(taken).toBeGreaterThan(100);
    expect(taken).toBeLessThan(300);
    const waiting = spool.append(event(taken, big), 10_000);
    spool.settle(await spool.peek(10, MEBIBYTE));
    // The refused one was given no number.
    expect(await waiting).toBe(taken + 1);
    expect(await sequences(1)).toEqual([11]);
  });

  test('segments that were answered are removed; what is on the disk stays near the bound', async () => {
    await spool.close();
    spool = await open(MEBIBYTE / 2);
    const big = 'y '.repeat(1_000);
    for (let nth = 0; nth < 600; nth += 1) {
      await spool.append(event(nth, big), 1_000);
      if (nth % 10 === 9) spool.settle(await spool.peek(10, MEBIBYTE));
    }
    const bytes = segments().reduce((sum, name) => sum + statSync(join(folder.path, name)).size, 0);
    expect(bytes).toBeLessThan(MEBIBYTE / 4);
    expect(spool.state()).toMatchObject({ pending: 0, last: 600, settled: 600 });
    await spool.close();
    spool = await open(MEBIBYTE / 2);
    expect(await spool.append(event(601), 1_000)).toBe(601);
  });

  test('belongs to one process and one source; only its owner can read it', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'spool_in_use' });
    await spool.append(event(1), 1_000);
    expect(statSync(folder.path).mode & 0o077).toBe(0);
    for (const name of readdirSync(folder.path)) expect([name, statSync(join(folder.path, name)).mode & 0o077]).toEqual([name, 0]); // prettier-ignore
    await spool.close();
    await expect(open(MEBIBYTE, 'https://other.example')).rejects.toMatchObject({ code: 'configuration' });
    writeFileSync(join(folder.path, 'state.json'), '{');
    await expect(open()).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('Restore it'),
    });
    writeFileSync(join(folder.path, 'state.json'), JSON.stringify({ source: SOURCE, settled: 0 }));
    spool = await open();
    expect(await sequences()).toEqual([1]);
  });

  test('takes over from a process that died', async () => {
    await spool.close();
    const dead = { pid: 2 ** 22 + 1, started: 'boot/1', host: (await import('node:os')).hostname() };
    writeFileSync(join(folder.path, 'owner'), JSON.stringify(dead));
    spool = await open();
    expect(JSON.parse(readFileSync(join(folder.path, 'owner'), 'utf8'))).toMatchObject({ pid: process.pid });
    await spool.close();
    expect(existsSync(join(folder.path, 'owner'))).toBe(false);
    spool = await open();
  });
});
