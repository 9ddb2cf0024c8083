import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openNotes } from '../../../ingest/log/noted-log.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const record = { timestampMs: 1, key: 'org', headers: {}, value: Buffer.from('{}') };

describe('notes beside a log without transactions', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  beforeAll(async () => void (folder = await tempFolder()));
  afterAll(() => folder.remove());

  test('are there after a restart, by names of any length', async () => {
    const log = createMemoryLog();
    const long = `poll okta.log/${'x'.repeat(3_000)} cursor`;
    const first = openNotes(folder.path, log);
    expect(first.note(long)).toBeUndefined();
    await first.remember({ name: long, text: '"one"' });
    await first.remember({ name: long, text: '"tw\u00f6"' });
    await first.close();
    const second = openNotes(folder.path, log);
    expect(second.note(long)).toBe('"tw\u00f6"');
    await second.close();
  });

  test('a note never stands without its records', async () => {
    const log = createMemoryLog();
    const away = openNotes(folder.path, { append: () => Promise.reject(new Error('away')) });
    await expect(away.appendNoted('okta.log', 'org', [record], { name: 'poll', text: '1' })).rejects.toThrow('away');
    expect(away.note('poll')).toBeUndefined();
    await away.close();
    const notes = openNotes(folder.path, log);
    const range = await notes.appendNoted('okta.log', 'org', [record], { name: 'poll', text: '1' });
    expect(range).toMatchObject({ firstOffset: 0, lastOffset: 0 });
    expect([notes.note('poll'), await log.endOffset({ topic: 'okta.log', partition: 0 })]).toEqual(['1', 1]);
    await notes.close();
  });
});
