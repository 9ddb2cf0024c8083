import { expect, test } from 'vitest';
import type { CheckResult } from '../../model/control.ts';
import { buildModel } from '../../reports/build-model.ts';
import { makeItems, makeReportModel } from '../support/report-model.ts';

const { chains, framework: _framework, organisation: _organisation, ...check } = makeReportModel('soc2');
const chainOf = (item: string) => chains.find((entry) => entry.item === item)?.chain;
const REQUEST = { framework: 'soc2', from: check.from, to: check.to } as const;

function sourcesOf(result: CheckResult) {
  const asked: string[] = [];
  return {
    asked,
    check: () => Promise.resolve(result),
    trace: (key: string, asOf: string) => {
      asked.push(`${key} ${asOf}`);
      return Promise.resolve(chainOf(key));
    },
  };
}

test('every exception is traced once, as of the check, and its chain kept with its test', async () => {
  const sources = sourcesOf(check);
  const progress: string[] = [];
  const model = await buildModel(sources, REQUEST, {
    organisation: 'Northwind',
    version: '2',
    onProgress: (done, total) => progress.push(`${done}/${total}`),
  });
  expect(model.chains.map((entry) => entry.test)).toEqual(['T-01', 'T-01', 'T-08']);
  expect(sources.asked).toHaveLength(2);
  expect(sources.asked.every((line) => line.endsWith(check.as_of))).toBe(true);
  expect(progress).toEqual(['1/3', '2/3', '3/3']);
  expect(model).toMatchObject({ framework: 'soc2', organisation: 'Northwind', version: '2' });
  expect(model).not.toHaveProperty('status');
});

test('tests that are not mapped to the framework are left out, the rest stands in the order of ids', async () => {
  const tests = check.tests
    .toReversed()
    .map((entry) =>
      entry.test === 'T-22'
        ? { ...entry, mappings: [{ framework: 'iso27001' as const, requirement: 'A.8.31', role: 'P' as const }] }
        : entry,
    );
  const model = await buildModel(sourcesOf({ ...check, tests }), REQUEST, { organisation: 'Northwind' });
  expect(model.tests.map((entry) => entry.test)).toEqual(['T-01', 'T-02', 'T-08', 'T-09', 'T-12', 'T-25']);
});

test('beyond the limit no chain is asked for, and exceptions of a chain already shown still lead to it', async () => {
  const many = makeItems(5, 'exception', 'approval', () => 'none');
  const tests = check.tests.map((entry) => (entry.test === 'T-02' ? { ...entry, exceptions: 5, items: many } : entry));
  const sources = sourcesOf({ ...check, tests });
  const model = await buildModel(sources, REQUEST, { organisation: 'Northwind', maxChains: 1 });
  expect(sources.asked).toHaveLength(1);
  expect(model.chains).toHaveLength(1);
});

test('an exception in no chain is no error', async () => {
  const model = await buildModel(
    { check: () => Promise.resolve(check), trace: () => Promise.resolve(undefined) },
    REQUEST,
    { organisation: 'Northwind' },
  );
  expect(model.chains).toEqual([]);
});
