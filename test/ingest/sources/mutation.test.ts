import { describe, expect, test } from 'vitest';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { SOURCES } from '../../../model/source.ts';
import { inputOf } from '../../support/adapter-input.ts';
import { HOSTILE_VALUES, surviveMutations } from '../../support/mutate-samples.ts';

describe('mutations', () => {
  // `npm run test:mutations` tries 100,000 of each.
  test.each(SOURCES)('%s: 5,000 of its samples never make it throw, and each ends as event or reason', (source) => {
    const counts = surviveMutations(source, 5_000, 20_260_820);
    expect(counts.accepted + counts.refused).toBe(5_000);
    expect(counts.accepted).toBeGreaterThan(500);
  });

  test.each(SOURCES)('%s: no JSON value makes it throw', (source) => {
    for (const json of HOSTILE_VALUES)
      expect(adapterFor(source)?.parse(inputOf(json, { instance: 'h.example' })).ok).toBe(false);
  });
});
