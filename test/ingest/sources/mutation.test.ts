import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { ACTIONS, OUTCOMES } from '../../../model/action.ts';
import { contentHashOf } from '../../../model/event-id.ts';
import { REASONS } from '../../../model/reason.ts';
import type { Source } from '../../../model/source.ts';
import { ROOT, inputOf } from '../../support/adapter-input.ts';

const SOURCES: readonly Source[] = [
  'gitlab.webhook',
  'gitlab.audit-stream',
  'gitlab.audit-rest',
  'okta.log',
  'hoop.event',
  'issuer.cloudevents',
  'aws.cloudtrail',
  'kubernetes.audit',
  'vault.audit',
  'entra.log',
  'keycloak.event',
  'teleport.event',
  'ssf.set',
  'github.audit',
];

// What a hostile sender may put anywhere.
const VALUES: readonly unknown[] = [
  null,
  '',
  '-',
  'unknown',
  'null',
  'x'.repeat(5_000),
  '\u0000',
  '[REDACTED:x]',
  'yesterday',
  '2026-02-30T00:00:00Z',
  0,
  -1,
  1.5,
  1e300,
  Number.MAX_SAFE_INTEGER,
  true,
  false,
  [],
  {},
  [[]],
  [null],
  [{}],
  { id: {} },
  { toString: 1 },
  JSON.parse('{"__proto__": {"a": 1}}'),
  'constructor',
  [1, 'a', { b: null }],
];

describe('mutations', () => {
  test.each(SOURCES)('%s: 5,000 of its samples never make it throw', (source) => {
    const adapter = adapterFor(source);
    const samples = samplesOf(source);
    expect(samples.length).toBeGreaterThan(3);
    const random = randomOf(20260820);
    for (let round = 0; round < 5_000; round += 1) {
      const json = structuredClone(samples[Math.floor(random() * samples.length)]);
      for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes -= 1) mutate(json, random);
      const parsed = adapter?.parse(inputOf(json, { instance: 'gitlab.org.example' }));
      if (!parsed?.ok) {
        expect(Object.hasOwn(REASONS, parsed?.reason ?? '')).toBe(true);
        continue;
      }
      for (const event of parsed.events) {
        expect(event.type).not.toBe('');
        expect(Object.hasOwn(ACTIONS, event.action)).toBe(true);
        expect(OUTCOMES).toContain(event.outcome);
        expect(Number.isSafeInteger(event.occurred.at)).toBe(true);
        expect(contentHashOf(event)).toMatch(/^[0-9a-f]{32}$/);
        expect(event.keys.some((key) => key.key.includes('[object'))).toBe(false);
      }
    }
  });

  test.each(SOURCES)('%s: no JSON value makes it throw', (source) => {
    for (const json of VALUES)
      expect(adapterFor(source)?.parse(inputOf(json, { instance: 'h.example' })).ok).toBe(false);
  });
});

function samplesOf(source: Source): unknown[] {
  const folder = join(ROOT, 'test/samples', source.replace('.', '-'));
  return readdirSync(folder).map(
    (file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { record: unknown }).record,
  );
}

function mutate(json: unknown, random: () => number): void {
  const places: { readonly holder: Record<string, unknown>; readonly name: string }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const name of Object.keys(value)) {
      const holder = value as Record<string, unknown>;
      places.push({ holder, name });
      visit(holder[name]);
    }
  };
  visit(json);
  const place = places[Math.floor(random() * places.length)];
  if (!place) return;
  if (random() < 0.2) delete place.holder[place.name];
  else place.holder[place.name] = structuredClone(VALUES[Math.floor(random() * VALUES.length)]);
}

// Mulberry32: the same seed gives the same rounds on every machine.
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
