import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { SOURCES } from '../../model/source.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { ROOT, SHARED, inputOf, readLines } from './adapter-input.ts';
import { CORPUS_FILES, REAL_SERVER_FILES, hostOf } from './corpus-files.ts';
import { storeEvent } from './memory-graph.ts';

/** The events of the project's own samples, of all sources. */
export function* sampleEvents(): Generator<StoredEvent> {
  for (const source of SOURCES) {
    const folder = join(ROOT, 'test/samples', source.replace('.', '-'));
    for (const file of readdirSync(folder).toSorted()) {
      const sample = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
        record: unknown;
        instance?: string;
        headers?: Readonly<Record<string, string>>;
      };
      const { record, instance = 'source.example', headers = {} } = sample;
      const parsed = adapterFor(source)?.parse(inputOf(record, { instance, headers }));
      if (parsed?.ok) yield* parsed.events.map((event) => storeEvent(event, '1', event.occurred.at));
    }
  }
}

/** The events of the corpus and of the real servers' logs; nothing where they are absent. */
export function* corpusEvents(): Generator<StoredEvent> {
  if (!existsSync(join(SHARED, 'corpus'))) return;
  for (const { source, file, instance } of [...CORPUS_FILES, ...REAL_SERVER_FILES]) {
    for (const json of readLines(join(SHARED, 'corpus', file)) ?? []) {
      const parsed = adapterFor(source)?.parse(inputOf(json, { instance: instance ?? hostOf(json) }));
      if (parsed?.ok) yield* parsed.events.map((event) => storeEvent(event, '1', event.occurred.at));
    }
  }
}
