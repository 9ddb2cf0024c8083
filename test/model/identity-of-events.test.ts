import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../model/canonical-json.ts';
import { contentHashOf, eventIdOf } from '../../model/event-id.ts';
import { positionOf, refOf } from '../../model/position.ts';
import { FAMILIES, SOURCES, familyOf } from '../../model/source.ts';
import { and, not, or } from '../../model/truth.ts';
import type { Truth } from '../../model/truth.ts';

describe('three-valued logic', () => {
  const values: Truth[] = [true, false, 'unknown'];

  test('unknown never becomes a pass', () => {
    expect(and(true, 'unknown')).toBe('unknown');
    expect(and(false, 'unknown')).toBe(false);
    expect(or(true, 'unknown')).toBe(true);
    expect(or(false, 'unknown')).toBe('unknown');
    expect([and(), or()]).toEqual([true, false]);
  });

  test('De Morgan holds for all values', () => {
    for (const a of values) for (const b of values) expect(not(and(a, b))).toBe(or(not(a), not(b)));
  });
});

describe('references', () => {
  test('a place goes into one number and back, and order within a partition is the order of the log', () => {
    for (const topic of FAMILIES) {
      for (const [partition, offset, index] of [
        [0, 0, 0],
        [1, 17, 3],
        [1_023, 2 ** 36 - 1, 4_095],
      ] as const) {
        expect(positionOf(refOf({ topic, partition, offset }, index))).toEqual({ topic, partition, offset, index });
      }
    }
    expect(refOf({ topic: 'ce', partition: 2, offset: 9 }, 4_095)).toBeLessThan(
      refOf({ topic: 'ce', partition: 2, offset: 10 }),
    );
    expect(refOf({ topic: 'ssf', partition: 1_023, offset: 2 ** 36 - 1 }, 4_095)).toBeLessThan(2n ** 64n);
  });

  test('what does not fit is refused', () => {
    for (const bad of [
      { partition: 1_024, offset: 0 },
      { partition: 0, offset: 2 ** 36 },
    ])
      expect(() => refOf({ topic: 'ce', ...bad })).toThrow();
    expect(() => refOf({ topic: 'ce', partition: 0, offset: 0 }, 4_096)).toThrow();
  });

  test('the places of families never move: stored references depend on them', () => {
    expect(FAMILIES.slice(0, 9)).toEqual([
      'custody.self',
      'gitlab.audit',
      'gitlab.hook',
      'okta.log',
      'ce',
      'aws.cloudtrail',
      'k8s.audit',
      'vault.audit',
      'hoop',
    ]);
    expect(SOURCES.every((source) => FAMILIES.includes(familyOf(source)))).toBe(true);
  });
});

describe('the identity of events', () => {
  const event = { family: 'okta.log', instance: 'org.example', dedupeKey: 'uuid-1' } as const;

  test('depends on tenant, family, instance and dedupe key, and on nothing that could blur them', () => {
    const ids = [
      eventIdOf('a', event),
      eventIdOf('b', event),
      eventIdOf('a', { ...event, family: 'ce' }),
      eventIdOf('a', { ...event, instance: 'org.exampl', dedupeKey: 'euuid-1' }),
      eventIdOf('a', { ...event, dedupeKey: 'uuid-2' }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(eventIdOf('a', event)).toBe(ids[0]);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('content is compared whatever the order of its keys', () => {
    expect(contentHashOf({ content: { a: 1, b: [true, null, 'x'] } })).toBe(
      contentHashOf({ content: { b: [true, null, 'x'], a: 1 } }),
    );
    expect(contentHashOf({ content: { a: 1 } })).not.toBe(contentHashOf({ content: { a: '1' } }));
    expect(canonicalJson({ b: undefined, a: [undefined, 1], '"': 'é' })).toBe('{"\\"":"é","a":[null,1]}');
  });
});
