import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { CORPUS_FILES, hostOf } from '../../support/corpus-files.ts';
import { EXPLAINED, explanationOf } from '../../support/explained-opinions.ts';
import { FIELDS, agrees, readOpinion } from '../../support/second-opinion.ts';
import type { Field } from '../../support/second-opinion.ts';

const OF_FILES = CORPUS_FILES.filter(({ file }) => existsSync(expectedPath(file)));

function expectedPath(file: string): string {
  return join(SHARED, 'corpus', file.replace('.ndjson', '.expected.ndjson'));
}

/**
 * Where the publishers of the corpus give their own reading of a line, ours is compared with it on who, what, when,
 * outcome and address. Each disagreement is explained (test/support/explained-opinions.ts), and its explanation is held
 * against the record.
 */
describe('second opinion', () => {
  test.skipIf(OF_FILES.length === 0)(
    'every disagreement with a publisher is explained (needs ../shared/corpus)',
    () => {
      const found = new Map<string, number[]>();
      const told = new Map<string, { same: number; explained: number; all: number }>();
      for (const { source, file, instance } of OF_FILES) {
        const name = file.replace('.ndjson', '');
        const opinions = readLines(expectedPath(file)) ?? [];
        for (const [line, record] of (readLines(join(SHARED, 'corpus', file)) ?? []).entries()) {
          const parsed = adapterFor(source)?.parse(inputOf(record, { instance: instance ?? hostOf(record) }));
          const expected = opinions[line];
          if (!parsed?.ok || expected === null || expected === undefined) continue;
          for (const event of parsed.events)
            for (const field of FIELDS) {
              const opinion = readOpinion(expected);
              const same = agrees(event, opinion, field);
              if (same === undefined) continue;
              const sum = told.get(`${source} ${field}`) ?? { same: 0, explained: 0, all: 0 };
              told.set(`${source} ${field}`, sum);
              sum.all += 1;
              if (same) sum.same += 1;
              else {
                const explained = explanationOf(name, field, line)?.shows({ record, opinion, event }) === true;
                if (explained) sum.explained += 1;
                found.set(`${name} ${field}`, [...(found.get(`${name} ${field}`) ?? []), line]);
              }
            }
        }
      }
      // Both ways: nothing unexplained, and no explanation for what agrees.
      expect(found).toEqual(new Map(EXPLAINED.map((one) => [`${one.file} ${one.field}`, [...one.lines]])));
      for (const field of FIELDS)
        expect(
          sumOf(told, field, (one) => one.all),
          field,
        ).toBeGreaterThan(30);
      for (const [name, { same, explained, all }] of told) {
        process.stdout.write(`${name}: ${same}/${all} agree, ${same + explained}/${all} agree or are explained\n`);
        expect((same + explained) / all, name).toBeGreaterThanOrEqual(0.98);
      }
      // As it was measured, so that no adapter becomes worse in silence.
      const worst = [...told].filter(([, { same, all }]) => same / all < 0.98).map(([name, { same, all }]) => `${name} ${same}/${all}`); // prettier-ignore
      expect(worst.toSorted()).toEqual([
        'aws.cloudtrail outcome 9/10',
        'aws.cloudtrail what 10/11',
        'entra.log what 51/61',
        'github.audit ip 1/2',
        'kubernetes.audit ip 5/6',
        'okta.log what 9/10',
        'okta.log when 9/10',
        'vault.audit outcome 2/3',
      ]);
    },
  );
});

function sumOf<Item>(told: ReadonlyMap<string, Item>, field: Field, pick: (item: Item) => number): number {
  return [...told].filter(([name]) => name.endsWith(` ${field}`)).reduce((sum, [, item]) => sum + pick(item), 0);
}
