import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testsFor } from '../../query/controls/catalogue.ts';
import { parseFramework } from '../../query/frameworks/framework.ts';
import {
  FRAMEWORK_IDS,
  HELD_FRAMEWORKS,
  frameworkOf,
  loadFrameworks,
  mappingsOf,
} from '../../query/frameworks/registry.ts';
import { tempFolder } from '../support/temp-folder.ts';

const OWN = join(import.meta.dirname, '../../query/frameworks');

test('SOC 2 has its 61 criteria and Annex A its 93 controls, each once, each with what stays unproven', () => {
  expect(FRAMEWORK_IDS.slice(0, 2)).toEqual(['soc2', 'iso27001']);
  const series = (id: string): number => frameworkOf(id).requirements.length;
  expect([series('soc2'), series('iso27001')]).toEqual([61, 93]);
  const count = (prefix: RegExp): number => HELD_FRAMEWORKS.flatMap(({ requirements }) => requirements).filter(({ id }) => prefix.test(id)).length;
  expect([/^CC/, /^A1\./, /^C1\./, /^PI1/, /^P\d/, /^A\.5/, /^A\.6/, /^A\.7/, /^A\.8/].map(count)).toEqual([33, 3, 2, 5, 18, 37, 8, 14, 34]);
  expect(HELD_FRAMEWORKS.flatMap(({ requirements }) => requirements).filter(({ stillNeeded }) => !stillNeeded)).toEqual([]);
  expect(() => frameworkOf('pci')).toThrow(/held are soc2, iso27001/);
}); // prettier-ignore

test('every requirement that is graded strong has a test that bears on it directly', () => {
  for (const { requirements, mappings } of HELD_FRAMEWORKS) {
    const direct = new Set(mappings.filter(({ role }) => role === 'P').map(({ requirement }) => requirement));
    expect(requirements.filter(({ id, grade }) => grade === 'strong' && !direct.has(id))).toEqual([]);
  }
});

test('adding a framework is adding a file', async () => {
  const folder = await tempFolder();
  for (const name of (await readdir(OWN)).filter((file) => file.endsWith('.yaml'))) await copyFile(join(OWN, name), join(folder.path, name));
  await writeFile(
    join(folder.path, 'house.yaml'),
    'id: house\ntitle: House rules\nedition: "1"\nrequirements:\n  - { id: H1, title: Nothing standing, grade: strong }\nmapping:\n  T-12: { H1: P }\n',
  );
  const held = loadFrameworks(folder.path);
  expect(held.map(({ id }) => id)).toEqual(['soc2', 'iso27001', 'house']);
  expect(testsFor('house', held).map(({ id }) => id)).toEqual(['T-12']);
  expect(mappingsOf('T-12', held)).toContainEqual({ framework: 'house', requirement: 'H1', role: 'P' });
  await writeFile(join(folder.path, 'again.yaml'), 'id: house\ntitle: a\nedition: b\nrequirements: [{ id: H1, title: c, grade: none }]\nmapping: {}\n');
  expect(() => loadFrameworks(folder.path)).toThrow(/house/);
  await folder.remove();
}); // prettier-ignore

test.each([
  ['a mapping to no requirement', 'mapping:\n  T-01: { H2: P }', /line 7: there is no requirement H2/],
  ['a field that is none', 'mapping: {}\nextra: 1', /extra/],
  ['a test that has no such name', 'mapping: { T-1: { H1: P } }', /T-01/],
])('%s is refused with its line', (_what, end, message) => {
  const text = `id: house\ntitle: a\nedition: b\nrequirements:\n  - { id: H1, title: c, grade: none }\n${end}\n`;
  expect(() => parseFramework(text, 'house.yaml')).toThrow(message);
});
