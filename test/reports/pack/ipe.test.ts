import { expect, test } from 'vitest';
import { startIpe } from '../../../reports/pack/ipe.ts';
import type { PopulationRow } from '../../../reports/pack/pack-model.ts';
import { findTest } from '../../../query/controls/catalogue.ts';
import { makePackModel } from '../../support/pack-fixture.ts';

const { report, origin } = makePackModel();
const [tested = expect.unreachable()] = report.tests;
const row = (key: string, at: string): PopulationRow => ({ key, item: key, aliases: [], evidence: [], verdict: 'pass', at }); // prettier-ignore

test('a block says of a population what an auditor asks before believing it (controls.md 3.2)', () => {
  const reader = startIpe(report, tested, origin);
  // By key, not by time: first and last record are those of the file, the moments those of the events.
  for (const one of [
    row('a', '2026-05-02T00:00:00Z'),
    row('b', '2026-05-01T00:00:00Z'),
    row('c', '2026-05-03T00:00:00Z'),
    row('d', '2026-05-02T00:00:00Z'),
  ])
    reader.see(one);
  const block = reader.done();
  expect(block).toMatchObject({
    rows: 4, first_record: 'a', last_record: 'd', first_at: '2026-05-01T00:00:00Z', last_at: '2026-05-03T00:00:00Z',
    sha256: tested.population.sha256, independence: tested.population.source, query: tested.population.definition,
    parameters: tested.parameters, time_zone: 'UTC', period: { from: report.from, to: report.to },
    extracted_as_of: report.as_of, extracted_for: origin.operator, produced_by: `Custody ${origin.version}`,
  }); // prettier-ignore
  expect(block.query_version).toContain(`version ${tested.version}; catalogue ${report.catalogue_version}`);
  const read = report.sources.filter(({ family }) => findTest(tested.test)?.inputs.some((input) => input === family));
  expect(read.length).toBeGreaterThan(0);
  expect(block.source_systems.map(({ family, instance }) => [family, instance])).toEqual(
    read.map(({ family, instance }) => [family, instance]),
  );
});

test('what the run does not say is said to be missing, and so is what an empty population cannot have', () => {
  const alone = {
    ...report,
    tests: [{ ...tested, gaps: ['ce issuer: numbers 5 to 9 are missing'], explained_gaps: [] }],
  };
  const block = startIpe(alone, alone.tests[0] ?? expect.unreachable(), origin).done();
  expect(block).toMatchObject({
    rows: 0,
    first_at: 'none',
    last_at: 'none',
    first_record: 'none',
    last_record: 'none',
  });
  expect(block.stream_status).toBe('T-31: not part of this run; ce issuer: numbers 5 to 9 are missing');
  expect(block.reconciliation).toBe('T-25: not part of this run; T-38: not part of this run');
  expect([block.who_could_alter, block.query_history]).toEqual([
    'T-37: not part of this run',
    'T-40: not part of this run',
  ]);
});
