import { describe, expect, test } from 'vitest';
import { MAX_WINDOWS, runBacktest, windowsOf } from '../../../query/controls/backtest.ts';
import type { Backtest } from '../../../query/controls/backtest.ts';
import { checkGraph } from '../../../query/controls/check-graph.ts';
import { at, createFixture, sourceState } from '../../support/control-fixture.ts';
import { addCall } from '../../support/control-story.ts';

// February and March, each of 28 days, so that both windows are equally long.
const [MARCH, END] = [at('2026-03-01T00:00:00Z'), at('2026-03-29T00:00:00Z')];
const request = { framework: 'all', from: MARCH, to: END, asOf: END, tests: ['T-12'] } as const;

/** A back-test of T-12 over two windows, with so many uses in each and of these so many with a standing key. */
async function compare(
  before: readonly [number, number],
  last: readonly [number, number],
): Promise<Backtest['tests'][number]> {
  const fixture = createFixture();
  for (const [day, [uses, standing]] of [['2026-02-10', before], ['2026-03-10', last]] as const)
    for (let number = 0; number < uses; number += 1)
      addCall(fixture, `${day}-${number}`, `${day}T10:00:00Z`, { key: `aws:accesskey:${number < standing ? 'AKIA' : 'ASIA'}EXAMPLE` });
  const graph = fixture.graph();
  const sources = [sourceState({ family: 'aws.cloudtrail' })];
  const { tests } = await runBacktest(request, 1, (window) =>
    Promise.resolve(checkGraph({ graph, sources, policy: fixture.policy, request: window })),
  );
  return tests[0] ?? expect.unreachable();
} // prettier-ignore

describe('a back-test', () => {
  // Two-sided: 2 * C(20, 10) / C(40, 10).
  test.each([
    [[20, 0], [20, 10], 'worse', 2 * (184_756 / 847_660_528)],
    [[20, 10], [20, 0], 'better', 2 * (184_756 / 847_660_528)],
    [[4, 0], [4, 1], 'steady', 1],
    [[20, 10], [20, 10], 'steady', 1],
  ] as const)('of %j and then %j uses and standing keys tells: %s', async (before, last, verdict, p) => {
    const { windows, drift } = await compare(before, last);
    expect(windows.map(({ tested, exceptions }) => [tested, exceptions])).toEqual([before, last]);
    expect(drift.verdict).toBe(verdict);
    expect(drift.p_value).toBeCloseTo(p, 6);
    expect(drift.result_changed).toBe((before[1] === 0) !== (last[1] === 0));
  });

  test('without anything tested in one of the windows there is nothing to compare', async () => {
    expect((await compare([0, 0], [20, 10])).drift).toEqual({ verdict: 'no_basis', result_changed: true });
    expect((await compare([20, 10], [0, 0])).drift.verdict).toBe('no_basis');
  });

  test('its windows touch, end with the period, and are of a number that can be worked off', () => {
    const windows = windowsOf(request, 2);
    expect(windows.map(({ from, to }) => to - from)).toEqual([END - MARCH, END - MARCH, END - MARCH]);
    expect(windows.slice(0, -1).map(({ to }) => to)).toEqual(windows.slice(1).map(({ from }) => from));
    expect(windows.at(-1)).toEqual(request);
    for (const number of [0, 1.5, MAX_WINDOWS + 1]) expect(() => windowsOf(request, number)).toThrow(/1 to 24/);
    expect(() => windowsOf({ ...request, from: 0, to: 10 }, 1)).toThrow(/before 1970/);
  });
});
