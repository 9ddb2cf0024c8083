import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { CORPUS_FILES, hostOf } from '../../support/corpus-files.ts';
import { FIELDS, agrees, readOpinion } from '../../support/second-opinion.ts';
import type { Field } from '../../support/second-opinion.ts';

/**
 * Where the publishers of the corpus give their own reading of a line, ours is compared with it on who, what, when,
 * outcome and address. Each disagreement is explained here, by file, field and line (from 0).
 */
const EXPLAINED: readonly {
  readonly file: string;
  readonly field: Field;
  readonly lines: readonly number[];
  readonly because: string;
}[] = [
  { file: 'okta/ocsf-examples', field: 'when', lines: [0], because: 'the publisher wrote another year' },
  { file: 'okta/ocsf-examples', field: 'what', lines: [1], because: 'the publisher misspelt the type' },
  { file: 'gitlab-audit/transcribed-elastic-audit-json-log', field: 'ip', lines: [0], because: 'the file log of GitLab tells `meta.remote_ip`, which neither stream nor REST has' },
  { file: 'cloudtrail/ocsf-examples', field: 'what', lines: [0, 1], because: 'the publisher names the kind of record, not what was done' },
  { file: 'cloudtrail/ocsf-examples', field: 'who', lines: [1], because: 'the publisher names the session, we the person by id' },
  { file: 'cloudtrail/sekoia-cloudtrail', field: 'outcome', lines: [2], because: 'the record holds an error code, which the publisher leaves out' },
  { file: 'cloudtrail/sekoia-cloudtrail', field: 'what', lines: [8], because: 'an insight is about a call and is none' },
  { file: 'kubernetes/sekoia-audit-log', field: 'ip', lines: [3], because: 'all but the last of the addresses are what the client said' },
  { file: 'vault/transcribed-elastic-test-audit', field: 'outcome', lines: [0], because: 'a request entry has no outcome yet' },
  { file: 'entra/sekoia-diagnostic-settings', field: 'what', lines: [2, 3, 4, 5, 8, 9, 10, 11, 12, 14], because: 'we tell kinds of sign-in, call and risk apart, where the publisher repeats the name of the category' },
  { file: 'entra/sekoia-diagnostic-settings', field: 'when', lines: [12, 14], because: 'the publisher takes when the record was written, we when the risk was found' },
  { file: 'entra/sekoia-graph-audit-signin', field: 'who', lines: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35], because: 'an application acts; the publisher names the user whom it changes' },
  { file: 'github-audit/ocsf-examples', field: 'ip', lines: [1], because: 'the publisher masked the address in another way' },
]; // prettier-ignore

const OF_FILES = CORPUS_FILES.filter(({ file }) => existsSync(expectedPath(file)));

function expectedPath(file: string): string {
  return join(SHARED, 'corpus', file.replace('.ndjson', '.expected.ndjson'));
}

describe('second opinion', () => {
  test.skipIf(OF_FILES.length === 0)(
    'every disagreement with a publisher is explained (needs ../shared/corpus)',
    () => {
      const found = new Map<string, number[]>();
      const told = new Map<Field, { same: number; all: number }>(FIELDS.map((field) => [field, { same: 0, all: 0 }]));
      for (const { source, file, instance } of OF_FILES) {
        const name = file.replace('.ndjson', '');
        const opinions = readLines(expectedPath(file)) ?? [];
        for (const [index, json] of (readLines(join(SHARED, 'corpus', file)) ?? []).entries()) {
          const parsed = adapterFor(source)?.parse(inputOf(json, { instance: instance ?? hostOf(json) }));
          const expected = opinions[index];
          if (!parsed?.ok || expected === null || expected === undefined) continue;
          for (const event of parsed.events)
            for (const field of FIELDS) {
              const same = agrees(event, readOpinion(expected), field);
              const sum = told.get(field);
              if (same === undefined || !sum) continue;
              const isExplained = EXPLAINED.some(
                (one) => one.file === name && one.field === field && one.lines.includes(index),
              );
              sum.all += 1;
              if (same || isExplained) sum.same += 1;
              if (!same) found.set(`${name} ${field}`, [...(found.get(`${name} ${field}`) ?? []), index]);
            }
        }
      }
      // Both ways: nothing unexplained, and no explanation for what agrees.
      expect(found).toEqual(new Map(EXPLAINED.map((one) => [`${one.file} ${one.field}`, [...one.lines]])));
      for (const [field, { same, all }] of told) {
        expect(all, field).toBeGreaterThan(30);
        expect(same / all, field).toBeGreaterThanOrEqual(0.98);
      }
    },
  );
});
