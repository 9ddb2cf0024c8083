import { describe, expect, test } from 'vitest';
import type { ArrivalHour, IntegrityDay, LedgerEvidence } from '../../../query/controls/period-figures.ts';
import { at, createFixture } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';

const WHEN = '2026-03-10T12:00:00Z';

describe('T-32 stored evidence unaltered', () => {
  const day: IntegrityDay = { family: 'ce', instance: 'issuer', day: '2026-03-10', records: 5, altered: 0, places: [] };
  const ledger: LedgerEvidence = {
    covers: () => ({ truth: true }),
    consistent: { truth: true },
    anchored: () => ({ truth: true }),
  };
  const [no, open] = [
    { truth: false, why: 'so it is' },
    { truth: 'unknown', why: 'so it is' },
  ] as const;
  const run = (integrity: readonly IntegrityDay[], evidence: LedgerEvidence | undefined = ledger): ReturnType<Fixture['run']> =>
    createFixture().run('T-32', { figures: { integrity, ...(evidence === undefined ? {} : { ledger: evidence }) } }); // prettier-ignore

  test('records that are as they were, under a signed checkpoint that only grew, pass', () => {
    expect(run([day])).toMatchObject({ population: { count: 1 }, passed: 1, analytics: { 'records computed again': '5' } });
  }); // prettier-ignore

  test('one altered record is an exception that names its place', () => {
    const result = run([{ ...day, altered: 1, places: ['ce/0/17'] }]);
    expect(result.items).toMatchObject([{ item: 'stream:ce/issuer@2026-03-10', attribute: 'altered' }]);
    expect(result.items[0]?.finding).toBe('1 of 5 records are not what was stored: ce/0/17');
  });

  test.each([
    ['not as they were signed', { covers: () => no }, 'exception', 'not_as_signed'],
    ['not under a checkpoint', { covers: () => open }, 'undetermined', 'no_checkpoint'],
    ['under one that was rewritten', { consistent: no }, 'exception', 'not_append_only'],
    ['under one of unknown descent', { consistent: open }, 'undetermined', 'consistency_unknown'],
    ['anchored nowhere', { anchored: () => no }, 'exception', 'not_anchored'],
    ['anchored nobody knows where', { anchored: () => open }, 'undetermined', 'anchor_unknown'],
  ] as const)('records %s', (_what, part, verdict, attribute) => {
    expect(run([day], { ...ledger, ...part }).items).toMatchObject([{ verdict, attribute, finding: 'so it is' }]);
  });

  test('without a checkpoint, and without leaves computed again, nothing is concluded', () => {
    const unchecked = createFixture();
    unchecked.add({ name: 'a', family: 'ce', action: 'token.issue', at: WHEN });
    expect(unchecked.run('T-32', { figures: { integrity: [day] } })).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'no_checkpoint' }] });
    expect(unchecked.run('T-32', { figures: { ledger } })).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'not_computed' }] });
  }); // prettier-ignore

  test('no record is no pass', () => {
    expect(run([])).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});

describe('T-33 clocks', () => {
  /** Events of one hour with their delays in milliseconds. */
  function arriving(delays: readonly number[], source: object = {}): Fixture {
    const sources = [{ family: 'ce', instance: 'issuer', max_skew_ms: 2_000, resolution_ms: 1, ...source }];
    const fixture = createFixture({ sources });
    for (const [index, delay] of delays.entries()) {
      const received = new Date(Date.parse(WHEN) + delay).toISOString();
      fixture.add({ name: `e${index}`, family: 'ce', action: 'token.issue', at: WHEN, received });
    }
    return fixture;
  }
  const codes = (fixture: Fixture): (string | undefined)[] =>
    fixture.run('T-33').items.map(({ attribute }) => attribute);
  // The skew of 5 s, the resolution of the source and of the receipt.
  const LIMIT = 5_002;

  test('one event that came at once shows that a clock was right, whatever took its time', () => {
    expect(arriving([40, 900_000]).run('T-33')).toMatchObject({ population: { count: 1 }, passed: 1 });
  });

  test.each([
    ['ahead to the limit', [-LIMIT], []],
    ['a millisecond more ahead', [-LIMIT - 1], ['clock_ahead']],
    ['as late as the limit', [LIMIT], []],
    ['a millisecond later, the way unknown', [LIMIT + 1], ['transport_unknown']],
  ])('stamps %s', (_what, delays, expected) => {
    expect(codes(arriving(delays))).toEqual(expected);
  });

  test('where the usual way is known, 99 % must be as long on theirs', () => {
    const batches = { transport_ms: 300_000 };
    expect(codes(arriving([300_000, 300_000 + LIMIT], batches))).toEqual([]);
    expect(codes(arriving([300_000, 300_000 + LIMIT + 1], batches))).toEqual(['clock_behind']);
  });

  test.each([
    ['eps', '2026-03-10T11:59:55.998Z', []],
    ['a millisecond more', '2026-03-10T11:59:55.997Z', ['step_back']],
  ])('a clock that steps back by %s along its counter', (_what, second, expected) => {
    const fixture = arriving([]);
    fixture.add({ name: 'a', family: 'ce', action: 'token.issue', at: WHEN, sequence: '7' });
    fixture.add({ name: 'b', family: 'ce', action: 'token.issue', at: '2026-03-10T12:00:01Z', sequence: '9' });
    expect(codes(fixture)).toEqual([]);
    const back = arriving([]);
    back.add({ name: 'a', family: 'ce', action: 'token.issue', at: '2026-03-10T11:59:59.999Z', sequence: '7' });
    back.add({ name: 'b', family: 'ce', action: 'token.issue', at: new Date(Date.parse(second) - 1).toISOString(), sequence: '8' });
    expect(codes(back)).toEqual(expected);
  }); // prettier-ignore

  test('an event that arrives late is seen from then on; a silent hour is no member', () => {
    const fixture = arriving([86_400_000]);
    expect(fixture.run('T-33', { asOf: '2026-03-11T11:59:59Z' })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-33', { asOf: '2026-03-11T12:00:00Z' })).toMatchObject({ population: { count: 1 }, result: 'unable_to_conclude' });
  }); // prettier-ignore
});

describe('T-34 ingest in time', () => {
  const hour: ArrivalHour = { family: 'ce', instance: 'issuer', hour: at(WHEN), events: 10, late: 0, worstUs: 900_000_000, leastUs: 0, p01Us: 0, p99OffUs: 0, backUs: 0 };

  test('at the limit it passes, a millisecond later the day is an exception with share and worst', () => {
    const fixture = createFixture();
    fixture.add({ name: 'a', family: 'ce', action: 'token.issue', at: WHEN, received: '2026-03-10T12:15:00Z' });
    expect(fixture.run('T-34')).toMatchObject({ population: { count: 1 }, passed: 1 });
    fixture.add({ name: 'b', family: 'ce', action: 'token.issue', at: '2026-03-10T14:00:00Z', received: '2026-03-10T14:15:00.001Z' });
    const result = fixture.run('T-34');
    expect(result).toMatchObject({ population: { count: 1 }, exceptions: 1, analytics: { events: '2', 'came late': '1' } });
    expect(result.items[0]).toMatchObject({ item: 'stream:ce/issuer@2026-03-10', attribute: 'late', finding: '1 of 2 events (50.0 %) came late; the worst took 15 min' });
  });

  test('hours of a day are one item, days and sources are not', () => {
    const next = { ...hour, hour: at('2026-03-11T00:00:00Z'), late: 2 };
    const arrivals = [hour, { ...hour, hour: at('2026-03-10T13:00:00Z') }, next, { ...hour, instance: 'other' }];
    expect(createFixture().run('T-34', { figures: { arrivals } })).toMatchObject({ population: { count: 3 }, passed: 2, exceptions: 1 });
  });

  test('what arrives late is seen from then on; no events are no pass', () => {
    const fixture = createFixture();
    fixture.add({ name: 'a', family: 'ce', action: 'token.issue', at: WHEN, received: '2026-03-20T00:00:00Z' });
    expect(fixture.run('T-34', { asOf: '2026-03-19T00:00:00Z' })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-34', { asOf: '2026-03-20T00:00:00Z' })).toMatchObject({ exceptions: 1 });
  });

  test('a gap of a stream that it reads keeps it from a conclusion', () => {
    const gap = { from: WHEN, to: '2026-03-10T13:00:00Z', reason: 'numbers 3 to 4 never came', kind: 'sequence' as const };
    const result = createFixture().run('T-34', { sources: [{ family: 'ce', gaps: [gap] }], figures: { arrivals: [hour] } });
    expect(result).toMatchObject({ passed: 1, result: 'unable_to_conclude' });
  });
}); // prettier-ignore
