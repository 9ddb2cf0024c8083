import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { ACTIONS } from '../../../model/action.ts';
import { parseKey } from '../../../model/key.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { CORPUS_FILES, OTHER_FILES, REAL_SERVER_FILES, hostOf } from '../../support/corpus-files.ts';

describe('corpus', () => {
  test.skipIf(!existsSync(join(SHARED, 'corpus')))('no file of it is left out (needs ../shared/corpus)', () => {
    const there = readdirSync(join(SHARED, 'corpus'), { recursive: true, encoding: 'utf8' }).filter(
      (file) => /\.ndjson(?:\.gz)?$/.test(file) && !file.endsWith('.expected.ndjson'),
    );
    const read = [...CORPUS_FILES, ...REAL_SERVER_FILES].map(({ file }) => file);
    expect([...new Set([...read, ...Object.keys(OTHER_FILES)])].toSorted()).toEqual(there.toSorted());
  });

  test.skipIf(!existsSync(join(SHARED, 'corpus'))).each(CORPUS_FILES)(
    '$file (needs ../shared/corpus)',
    ({ source, file, instance, refused = [] }) => {
      const lines = readLines(join(SHARED, 'corpus', file)) ?? [];
      expect(lines.length).toBeGreaterThan(0);
      const reasons = new Set<string>();
      for (const json of lines) {
        const parsed = adapterFor(source)?.parse(inputOf(json, { instance: instance ?? hostOf(json) }));
        if (!parsed?.ok) {
          reasons.add(`${parsed?.reason} ${parsed?.detail}`);
          continue;
        }
        for (const event of parsed.events) {
          expect(event.type).not.toBe('');
          expect(Object.hasOwn(ACTIONS, event.action)).toBe(true);
          expect(event.nativeId).not.toBe('');
          expect(event.unread).toEqual([]);
          for (const key of event.keys) expect(parseKey(key.key)?.type).toBe(key.type);
          expect(event.keys.map((key) => key.key).filter((key) => /[/:](?:unknown|null|none|0)$/i.test(key))).toEqual(
            [],
          );
        }
      }
      expect([...reasons].toSorted()).toEqual(refused);
    },
  );
});
