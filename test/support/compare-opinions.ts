import { join } from 'node:path';
import { adapterFor } from '../../ingest/sources/registry.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Source } from '../../model/source.ts';
import { SHARED, inputOf, readLines } from './adapter-input.ts';
import { CORPUS_FILES, hostOf } from './corpus-files.ts';
import { explanationOf } from './explained-opinions.ts';
import type { Both, Explained } from './explained-opinions.ts';
import { FIELDS, agrees, readOpinion } from './second-opinion.ts';
import type { Field } from './second-opinion.ts';

/** How one statement of a publisher compares with ours: as it is written, by a named explanation that shows, or not. */
export type Verdict = 'same' | Explained['kind'] | 'unexplained';

/** One statement of a publisher about one event: a field of a line of a file. */
export interface Compared extends Both {
  readonly source: Source;
  /** The file below the corpus, without its ending, and the line, from 0. */
  readonly file: string;
  readonly line: number;
  readonly field: Field;
}

/** Every statement that publishers of the corpus make on the five fields, beside our event of the same line. */
export function* publishedOpinions(): Generator<Compared> {
  for (const { source, file, instance } of CORPUS_FILES) {
    const name = file.replace(/\.ndjson$/, '');
    const readings = readLines(join(SHARED, 'corpus', `${name}.expected.ndjson`));
    if (!readings) continue;
    for (const [line, record] of (readLines(join(SHARED, 'corpus', file)) ?? []).entries()) {
      const parsed = adapterFor(source)?.parse(inputOf(record, { instance: instance ?? hostOf(record) }));
      const expected = readings[line];
      if (!parsed?.ok || expected === null || expected === undefined) continue;
      const opinion = readOpinion(expected);
      for (const event of parsed.events)
        for (const field of FIELDS)
          if (opinion[field] !== undefined) yield { source, file: name, line, field, record, expected, opinion, event };
    }
  }
}

/** Compares a statement with an event: ours of the line, or another one that is put in its place. */
export function compareOpinion(one: Compared, event: AuditEvent = one.event): Verdict {
  if (agrees(event, one.opinion, one.field) === true) return 'same';
  const explained = explanationOf(one.file, one.field, one.line);
  return explained?.shows({ ...one, event }) === true ? explained.kind : 'unexplained';
}

/** How many statements there are, and how they compare. */
export interface Agreement {
  readonly all: number;
  readonly same: number;
  readonly otherWords: number;
  readonly noOpinion: number;
}

/** Counts verdicts. */
export function agreementOf(verdicts: readonly Verdict[]): Agreement {
  const count = (verdict: Verdict): number => verdicts.filter((one) => one === verdict).length;
  return {
    all: verdicts.length,
    same: count('same'),
    otherWords: count('other words'),
    noOpinion: count('no opinion'),
  };
}

/** As it is written, and of the statements that are about the record, in whose words they may be. */
export function describeAgreement({ all, same, otherWords, noOpinion }: Agreement): string {
  const comparable = all - noOpinion;
  const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
  const raw = `${same}/${all} as written (${percent(same, all)})`;
  return same === all
    ? raw
    : `${raw}, ${same + otherWords}/${comparable} in our words (${percent(same + otherWords, comparable)})`;
}
