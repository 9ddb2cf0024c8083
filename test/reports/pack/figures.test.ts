import { describe, expect, test } from 'vitest';
import { LIFETIME_ENDS_S } from '../../../model/report-figures.ts';
import { packCheck } from '../../../reports/pack/populations.ts';
import type { PackCheck } from '../../../reports/pack/populations.ts';
import { PERIOD, STAGING_ROLE, at, createFixture, sourceState } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addRun } from '../../support/control-story.ts';

const DAY = '2026-03-10T10:00:00Z';

function check(fixture: Fixture, part: { tests?: readonly `T-${string}`[]; asOf?: string } = {}): Promise<PackCheck> {
  const { tests = ['T-08'], asOf = '2026-04-01T00:00:00Z' } = part;
  return packCheck({
    graph: fixture.graph(),
    policy: fixture.policy,
    sources: [sourceState({ family: 'ce', instance: 'https://issuer.example' }), sourceState({ family: 'okta.log', instance: 'silent' })],
    request: { framework: 'all', ...PERIOD, asOf: at(asOf), tests },
  });
} // prettier-ignore

const placeOf = (life: number): number => LIFETIME_ENDS_S.findIndex((end) => life <= end);

describe('the figures of a check', () => {
  test('lives by environment, at the edges of their classes, are those of T-08', async () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: DAY, lifeS: 300 });
    addRun(fixture, { job: 2, issuedAt: DAY, lifeS: 300.001 });
    addRun(fixture, { job: 3, issuedAt: DAY, lifeS: 3_600 });
    addRun(fixture, { job: 4, issuedAt: DAY, lifeS: 3_600.001 });
    addRun(fixture, { job: 5, issuedAt: DAY, lifeS: 604_801 });
    addRun(fixture, { job: 6, issuedAt: DAY, lifeS: undefined });
    addRun(fixture, { job: 7, issuedAt: DAY, role: STAGING_ROLE, lifeS: 43_200 });
    const { figures, check: result } = await check(fixture);
    const counts = (places: readonly number[]): readonly number[] => Array.from({ length: 12 }, (_, i) => places.filter((place) => place === i).length); // prettier-ignore
    expect(figures.lifetimes).toEqual([
      { environment: 'production', limit_s: 3_600, counts: counts([0, 1, placeOf(3_600), placeOf(3_600) + 1, 10, 11]), over: 2 },
      { environment: 'staging', limit_s: 43_200, counts: counts([placeOf(43_200)]), over: 0 },
    ]); // prettier-ignore
    const [t08] = result.tests;
    expect(figures.lifetimes.flatMap((one) => one.counts).reduce((sum, count) => sum + count, 0)).toBe(t08?.population.count); // prettier-ignore
    expect(t08?.items.filter(({ attribute }) => attribute === 'lifetime')).toHaveLength(2);
  });

  test('days are those of the period, counted by source; what nobody sent is none', async () => {
    const fixture = createFixture();
    const add = (name: string, moment: string): void => void fixture.add({ name, family: 'ce', action: 'config.change', at: moment }); // prettier-ignore
    for (const [i, moment] of ['2026-02-28T23:59:59.999Z', '2026-03-01T00:00:00Z', '2026-03-01T23:59:59Z', '2026-03-31T23:59:59Z', '2026-04-01T00:00:00Z'].entries())
      add(`e${i}`, moment); // prettier-ignore
    const instance = [...fixture.graph().events.values()][0]?.instance ?? '';
    const { figures } = await packCheck({
      graph: fixture.graph(),
      policy: fixture.policy,
      sources: [sourceState({ family: 'ce', instance }), sourceState({ family: 'okta.log', instance: 'silent' })],
      request: { framework: 'all', ...PERIOD, asOf: PERIOD.to, tests: ['T-08'] },
    });
    expect([figures.first_day, figures.days]).toEqual(['2026-03-01', 31]);
    expect(figures.coverage[0]?.events).toEqual([2, ...Array.from({ length: 29 }, () => 0), 1]);
    expect(figures.coverage[1]?.events).toEqual(Array.from({ length: 31 }, () => 0));
  });

  test('days end with the as-of, and there are no lives where T-08 is not run', async () => {
    const { figures } = await check(createFixture(), { tests: ['T-01'], asOf: '2026-03-03T12:00:00Z' });
    expect(figures).toMatchObject({ days: 3, lifetimes: [] });
    expect((await check(createFixture(), { asOf: '2026-02-01T00:00:00Z' })).figures).toMatchObject({ days: 0 });
  });
});
