import { expect, test } from 'vitest';
import { itemsOf, planReport } from '../../reports/plan.ts';
import { makeReportModel } from '../support/report-model.ts';

const model = makeReportModel();

test('one chain behind two exceptions gets one page that names both', () => {
  const plan = planReport(model);
  expect(plan.chainPages.map((page) => [page.label, page.exceptions.length])).toEqual([
    ['C-01', 1],
    ['C-02', 2],
  ]);
  const item = plan.chainPages[1]?.exceptions[0]?.item ?? '';
  expect(plan.chainPageOf('T-08', item)?.label).toBe('C-02');
  expect(plan.chainPageOf('T-09', item)).toBeUndefined();
});

test('targets are made of counters, never of data', () => {
  const hostile = { ...model, tests: model.tests.map((entry) => ({ ...entry, title: ') /URI (' })) };
  expect(
    planReport(hostile).entries.every((entry) => /^(?:section-[a-z]+|test-\d+|chain-\d+)$/.test(entry.destination)),
  ).toBe(true);
});

test('a test that lists fewer items than it counts is an error', () => {
  const first = model.tests[0] ?? expect.unreachable();
  expect(itemsOf(first, 'exception')).toHaveLength(2);
  expect(() => itemsOf({ ...first, exceptions: 3 }, 'exception')).toThrow('counts 3 items as exception but lists 2');
  expect(() => itemsOf({ ...first, excluded: {} }, 'excluded')).toThrow('counts 0');
});
