import { describe, expect, test } from 'vitest';
import type { SourceState, TestResult } from '../../../model/control.ts';
import { createFixture, GITLAB } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';

type Gap = SourceState['gaps'][number];

const CE = { family: 'ce', instance: 'issuer', max_skew_ms: 2_000, resolution_ms: 1 };
const OKTA = { family: 'okta.log', instance: 'idp.example' };

describe('T-31 source streams complete', () => {
  const run = (source: { integrity: string; expected_interval_s?: number }, gaps: readonly Gap[]): string[] => {
    const fixture = createFixture({ sources: [{ ...CE, ...source }] });
    const result = fixture.run('T-31', {
      sources: [{ family: 'ce', instance: 'issuer', integrity: source.integrity, gaps }],
    });
    expect(result.population.count).toBe(31);
    return result.items
      .filter(({ verdict }) => verdict !== 'excluded')
      .map((item) => `${item.item.slice(-10)} ${item.verdict} ${item.attribute}`);
  };
  const gap = (from: string, to: string, kind: NonNullable<Gap['kind']>): Gap => ({ from, to, reason: 'seeded', kind });

  test('a gap of numbers is told on the day on which the stream broke, a silence on each', () => {
    const two = ['2026-03-05T23:00:00.000000Z', '2026-03-06T02:00:00.000000Z'] as const;
    expect(run({ integrity: 'dense_seq' }, [gap(...two, 'sequence')])).toEqual(['2026-03-05 exception sequence_gap']);
    expect(run({ integrity: 'dense_seq' }, [gap(...two, 'log')])).toEqual(['2026-03-05 exception log_gap']);
    expect(run({ integrity: 'heartbeat', expected_interval_s: 3_600 }, [gap(...two, 'silence')])).toEqual([
      '2026-03-05 exception silence',
      '2026-03-06 exception silence',
    ]);
  });

  test.each([
    ['2026-03-05T14:00:00.000000Z', []],
    ['2026-03-05T14:00:00.001000Z', ['2026-03-05 exception silence']],
  ])('a silence from 12:00 to %s, with an interval of an hour', (to, items) => {
    const source = { integrity: 'heartbeat', expected_interval_s: 3_600 };
    expect(run(source, [gap('2026-03-05T12:00:00.000000Z', to, 'silence')])).toEqual(items);
  });

  test('chains and digests that were not verified leave it open', () => {
    expect(run({ integrity: 'signed_digest' }, [])).toHaveLength(31);
    expect(run({ integrity: 'hash_chain' }, [])[0]).toBe('2026-03-01 undetermined not_verified');
    expect(run({ integrity: 'dense_seq' }, [])).toEqual([]);
  });

  test('digests and a second pull count whatever the policy says of the source', () => {
    const two = ['2026-03-05T23:00:00.000000Z', '2026-03-06T02:00:00.000000Z'] as const;
    expect(run({ integrity: 'none' }, [gap(...two, 'digest')])).toEqual(['2026-03-05 exception digest_gap']);
    expect(run({ integrity: 'none' }, [gap(...two, 'reconciliation')])).toEqual(['2026-03-05 exception reconciliation_gap']); // prettier-ignore
    const reconciliation = { saved: 4, confirmed: 4, missing: 0, pending: 0 };
    const judged = (saved: number): TestResult =>
      createFixture({ sources: [CE] }).run('T-31', {
        sources: [{ family: 'ce', instance: 'issuer', continuity: { reconciliation: { ...reconciliation, saved } } }],
      });
    expect(judged(4)).toMatchObject({ result: 'no_exceptions_noted', passed: 31 });
    expect(judged(0)).toMatchObject({ result: 'did_not_operate', excluded: { no_integrity_mode: 31 } });
    const digests = { held: 9, from: two[0], to: two[1], files: 9, files_missing: 0, chained: 8, predecessors_missing: 0, predecessors_other: 0 }; // prettier-ignore
    const signed = createFixture({ sources: [{ ...CE, integrity: 'signed_digest' }] });
    const [item] = signed.run('T-31', { sources: [{ family: 'ce', instance: 'issuer', continuity: { digests } }] }).items; // prettier-ignore
    expect(item).toMatchObject({ verdict: 'undetermined', finding: expect.stringContaining('signatures') });
  });

  test('a source without any such means is excluded, not passed; without a source it is not in scope', () => {
    const fixture = createFixture({ sources: [CE] });
    const result = fixture.run('T-31', { sources: [{ family: 'ce', instance: 'issuer' }] });
    expect(result).toMatchObject({ result: 'did_not_operate', passed: 0, excluded: { no_integrity_mode: 31 } });
    expect(fixture.run('T-31', { sources: [] }).result).toBe('not_in_scope');
  });

  test('days that had not begun by as-of are not judged', () => {
    const fixture = createFixture({ sources: [{ ...CE, integrity: 'dense_seq' }] });
    const seen = (asOf: string): TestResult =>
      fixture.run('T-31', { asOf, sources: [{ family: 'ce', instance: 'issuer', integrity: 'dense_seq' }] });
    expect(seen('2026-03-05T00:00:00.001Z')).toMatchObject({ population: { count: 5 }, passed: 5 });
    expect(seen('2026-03-05T00:00:00Z').population.count).toBe(4);
    expect(seen('2026-03-01T00:00:00Z')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });

  test('a gap keeps other tests from a conclusion, but takes no exception back', () => {
    const gaps = [gap('2026-03-05T23:00:00.000000Z', '2026-03-05T23:10:00.000000Z', 'sequence')];
    const sources = [{ family: 'ce', gaps }, { family: 'aws.cloudtrail' }];
    const fixture = createFixture();
    expect(fixture.run('T-12', { sources }).result).toBe('unable_to_conclude');
    fixture.add({
      name: 'use', family: 'aws.cloudtrail', action: 'api.update', at: '2026-03-10T10:00:00Z', credential: 'aws:accesskey:AKIAEXAMPLE000000001',
      facts: { call: { service: 's3', operation: 'Put', write: true, account: '111111111111' } },
      keys: [['uses', 'aws:accesskey:AKIAEXAMPLE000000001']],
    }); // prettier-ignore
    expect(fixture.run('T-12', { sources }).result).toBe('exceptions_noted');
  });
});

describe('T-35 expected sources reporting; logging not switched off', () => {
  const daily = (source: Record<string, unknown> = {}, but = ''): Fixture => {
    const fixture = createFixture({ sources: [{ ...OKTA, ...source }] });
    for (let day = 1; day <= 31; day += 1) {
      const date = `2026-03-${String(day).padStart(2, '0')}`;
      const spec = { family: 'okta.log', action: 'session.logout', at: `${date}T12:00:00Z` } as const;
      if (date !== but) fixture.add({ ...spec, name: date });
    }
    return fixture;
  };
  const sources = [OKTA] as const;
  const itemsOf = (fixture: Fixture, options = {}): string[] =>
    fixture.run('T-35', { sources, ...options }).items.map((item) => `${item.item} ${item.verdict} ${item.attribute}`);

  test('a day without an event, unless none is expected', () => {
    expect(itemsOf(daily())).toEqual([]);
    expect(itemsOf(daily({}, '2026-03-09'))).toEqual([
      'stream:okta.log/idp.example@2026-03-09 exception silent_source',
    ]);
    expect(daily({ daily_activity_expected: false }, '2026-03-09').run('T-35', { sources }).result).toBe(
      'did_not_operate',
    );
  });

  test.each([
    ['2026-03-10T00:59:59Z', 'undetermined late_possible'],
    ['2026-03-10T01:00:00Z', 'exception silent_source'],
  ])('a silent day is told once nothing of it can come any more: as of %s', (asOf, verdict) => {
    expect(itemsOf(daily({ lateness_s: 3_600 }, '2026-03-09'), { asOf })).toContain(
      `stream:okta.log/idp.example@2026-03-09 ${verdict}`,
    );
  });

  function switched(
    change: Record<string, unknown> | undefined,
    spec: { outcome?: string; type?: string; at?: string; received?: string } = {},
  ): Fixture {
    const fixture = createFixture({ sources: [], approved_changes: change === undefined ? [] : [change] });
    const {
      outcome = 'success',
      type = 'deleted_group_audit_event_streaming_destination',
      at = '2026-03-10T10:00:00.000Z',
    } = spec;
    const event = fixture.add({
      name: 'switch', family: type.startsWith('cloudtrail:') ? 'aws.cloudtrail' : 'gitlab.audit', action: 'config.change', at, outcome,
      received: spec.received ?? at, resource: 'gitlab://gitlab.example/destination/1',
    }); // prettier-ignore
    Object.assign(event, { type, resource: { ...event.resource, display: 'siem' } });
    return fixture;
  }
  const change = {
    id: 'CHG-1', system: `gitlab:${GITLAB}`, event_type: 'deleted_group_audit_event_streaming_destination', target: 'siem',
    approved_by: 'idp:user:https://idp.example/u-boss', from: '2026-03-10T09:00:00Z', to: '2026-03-10T10:00:00.001Z',
  }; // prettier-ignore
  const verdictOf = (fixture: Fixture): string => {
    const { items, passed } = fixture.run('T-35');
    return items[0] ? `${items[0].verdict} ${items[0].attribute}` : passed > 0 ? 'pass' : 'none';
  };

  test.each([
    ['under an approved change', change, {}, 'pass'],
    [
      'at the end of its window',
      { ...change, to: '2026-03-10T10:00:00.000Z' },
      {},
      'exception destination_removed_without_change',
    ],
    ['of another destination', { ...change, target: 'other' }, {}, 'exception destination_removed_without_change'],
    [
      'of another system',
      { ...change, system: 'gitlab:other.example' },
      {},
      'exception destination_removed_without_change',
    ],
    ['without a change', undefined, {}, 'exception destination_removed_without_change'],
    ['in vain', undefined, { outcome: 'denied' }, 'pass'],
    ['with an outcome that nobody tells', undefined, { outcome: 'unknown' }, 'undetermined outcome_unknown'],
    ['by stopping a trail', undefined, { type: 'cloudtrail:StopLogging' }, 'exception logging_stopped_without_change'],
    ['by starting one', undefined, { type: 'cloudtrail:StartLogging' }, 'none'],
  ])('logging switched off %s', (_what, approved, spec, verdict) => {
    expect(verdictOf(switched(approved, spec))).toBe(verdict);
  });

  test.each([
    ['okta.log', 'config.change', 'system.log_stream.lifecycle.deactivate', 'okta:log-stream/1', 'destination_removed_without_change'],
    ['vault.audit', 'api.delete', 'update', 'vault:path:vault/sys/audit/file', 'logging_stopped_without_change'],
  ] as const)('a log of %s is switched off by %s', (family, action, type, resource, attribute) => {
    const fixture = createFixture({ sources: [] });
    fixture.add({ name: 'switch', family, action, type, at: '2026-03-10T10:00:00Z', resource });
    expect(verdictOf(fixture)).toBe(`exception ${attribute}`);
  }); // prettier-ignore

  test('a switch that is told late counts from then on', () => {
    const fixture = switched(undefined, { received: '2026-03-20T00:00:00Z' });
    expect(fixture.run('T-35', { asOf: '2026-03-19T00:00:00Z' }).population.count).toBe(0);
    expect(fixture.run('T-35').result).toBe('exceptions_noted');
  });
});

describe('T-16 deactivation in time', () => {
  test('is not in scope without a list of leavers from elsewhere, however many sources there are', () => {
    expect(createFixture().run('T-16')).toMatchObject({ result: 'not_in_scope', population: { count: 0 } });
  });
});
