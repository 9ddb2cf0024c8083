import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { openEmbeddedLog } from '../../../ingest/log/embedded-log.ts';
import type { EmbeddedLog } from '../../../ingest/log/local-index.ts';
import { describeEventLog, readSome, record } from '../../contracts/event-log.ts';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'custody-log-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describeEventLog('embedded', async ({ partitions }) => {
  const folder = newFolder();
  let log = openEmbeddedLog({ folder, partitions });
  return {
    log,
    async reopen() {
      await log.close();
      return (log = openEmbeddedLog({ folder, partitions }));
    },
    dispose: () => log.close(),
  };
});

describe('embedded log', () => {
  const FIRST = { topic: 'okta.log', partition: 0 } as const;
  async function withLog(use: (log: EmbeddedLog, folder: string) => Promise<void>): Promise<void> {
    const folder = newFolder();
    const log = openEmbeddedLog({ folder });
    try {
      await use(log, folder);
    } finally {
      await log.close();
    }
  }

  test('what a group committed is there after a restart', async () => {
    const folder = newFolder();
    const log = openEmbeddedLog({ folder });
    await log.append('okta.log', 'a', [record('one')]);
    const consumer = await log.consume(
      { group: 'w', topics: ['okta.log'] },
      { assigned: async () => 0, batch: async () => undefined },
    );
    await consumer.commit(FIRST, 1);
    await log.close();
    const again = openEmbeddedLog({ folder });
    expect(again.committed('w', FIRST)).toBe(1);
    expect(again.committed('other', FIRST)).toBe(0);
    await again.close();
  });

  test('another number of partitions is refused, because records would be sought in the wrong place', async () => {
    const folder = newFolder();
    await openEmbeddedLog({ folder, partitions: 2 }).close();
    expect(() => openEmbeddedLog({ folder, partitions: 3 })).toThrow(/2 partitions/);
    const log = openEmbeddedLog({ folder });
    expect(log.partitions('okta.log')).toBe(2);
    await log.close();
  });

  test('a position beyond the end is told, not waited for', async () => {
    await withLog(async (log) => {
      await log.append('okta.log', 'a', [record('one')]);
      const failure = await new Promise<unknown>((resolve) => {
        void log.consume(
          { group: 'g', topics: ['okta.log'] },
          {
            assigned: async () => 5,
            batch: async () => undefined,
            failed: (_, error) => resolve(error),
          },
        );
      });
      expect(failure).toMatchObject({ code: 'unavailable' });
    });
  });

  test('the cursor of an import moves with its records, and only from where it stands', async () => {
    await withLog(async (log) => {
      expect(log.index.cursor('file')).toBe(0);
      await log.index.appendAt('okta.log', 'a', [record('1'), record('2')], { name: 'file', from: 0, to: 2 });
      expect(log.index.cursor('file')).toBe(2);
      const again = log.index.appendAt('okta.log', 'a', [record('1'), record('2')], { name: 'file', from: 0, to: 2 });
      await expect(again).rejects.toMatchObject({ code: 'conflict', facts: { at: 2, from: 0 } });
      expect(await log.endOffset(FIRST)).toBe(2);
      expect(log.index.cursor('another')).toBe(0);
    });
  });

  test('two moves of one cursor that wait for the same commit are judged one after the other', async () => {
    await withLog(async (log) => {
      const results = await Promise.allSettled([
        log.index.appendAt('okta.log', 'a', [record('1')], { name: 'file', from: 0, to: 1 }),
        log.index.appendAt('okta.log', 'a', [record('x')], { name: 'file', from: 0, to: 1 }),
        log.index.appendAt('okta.log', 'a', [record('2')], { name: 'file', from: 1, to: 2 }),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      const batches = await readSome(log, 2);
      expect(batches.flatMap(({ records }) => records.map(({ value }) => value.toString()))).toEqual(['1', '2']);
    });
  });

  test('the same id with the same hash is a repeat, with another a conflict that keeps the call out', async () => {
    await withLog(async (log, folder) => {
      const identified = (name: string, hash: string) => ({ ...record(`${name} ${hash}`), identity: { name, hash } });
      const first = await log.index.appendIdentified('ce', 'a', [identified('a', '1'), identified('b', '1')], 'refuse');
      expect(first).toMatchObject({ verdicts: ['new', 'new'], appended: { firstOffset: 0, lastOffset: 1 } });
      const second = await log.index.appendIdentified(
        'ce',
        'a',
        [identified('a', '1'), identified('c', '1')],
        'refuse',
      );
      expect(second.verdicts).toEqual(['repeat', 'new']);
      const refused = await log.index.appendIdentified(
        'ce',
        'a',
        [identified('d', '1'), identified('b', '2')],
        'refuse',
      );
      expect(refused).toEqual({ verdicts: ['new', 'conflict'] });
      // Of a refused call nothing is remembered, so it may come again once it is mended.
      const mended = await log.index.appendIdentified('ce', 'a', [identified('d', '2')], 'refuse');
      expect(mended.verdicts).toEqual(['new']);
      const kept = await log.index.appendIdentified('ce', 'a', [identified('b', '2')], 'keep');
      expect(kept).toMatchObject({ verdicts: ['conflict'], appended: { firstOffset: 5 } });
      await log.close();
      const again = openEmbeddedLog({ folder });
      expect((await again.index.appendIdentified('ce', 'a', [identified('b', '1')], 'refuse')).verdicts).toEqual([
        'repeat',
      ]);
      await again.close();
    });
  });

  test('one call that uses an id twice with two contents is a conflict', async () => {
    await withLog(async (log) => {
      const records = ['1', '2'].map((hash) => ({ ...record(hash), identity: { name: 'a', hash } }));
      expect(await log.index.appendIdentified('ce', 'a', records, 'refuse')).toEqual({ verdicts: ['new', 'conflict'] });
      expect(await log.endOffset({ topic: 'ce', partition: 0 })).toBe(0);
    });
  });

  test(
    'kill -9: all that was acknowledged is there, and every append is whole or absent',
    { timeout: 120_000 },
    async () => {
      const folder = newFolder();
      let acknowledged = 0;
      for (let round = 0; round < 8; round++) {
        acknowledged = Math.max(acknowledged, await runAndKill(folder, 40 + Math.random() * 250));
        const log = openEmbeddedLog({ folder });
        const end = await log.endOffset(FIRST);
        expect(end).toBeGreaterThanOrEqual(acknowledged);
        // The child appends ten at a time and moves a cursor with them.
        expect(end % 10).toBe(0);
        expect(log.index.cursor('import')).toBe(end);
        const records = end === 0 ? [] : (await readSome(log, end)).flatMap((batch) => batch.records);
        expect(
          records.every(
            ({ offset, value }, at) => offset === at && value.toString().startsWith(`${at}:`) && value.length === 700,
          ),
        ).toBe(true);
        await log.close();
      }
      expect(acknowledged).toBeGreaterThan(0);
    },
  );
});

/** Starts a process that appends for ever, kills it, and gives how many records it had acknowledged. */
function runAndKill(folder: string, afterMs: number): Promise<number> {
  const program = fileURLToPath(new URL('../../support/append-for-ever.ts', import.meta.url));
  const child = fork(program, [folder], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let acknowledged = 0;
  return new Promise((resolve, reject) => {
    child.on('message', (count: number) => {
      if (acknowledged === 0) setTimeout(() => child.kill('SIGKILL'), afterMs);
      acknowledged = count;
    });
    child.on('error', reject);
    child.on('exit', () => resolve(acknowledged));
  });
}
