import type { Chain } from '../model/chain.ts';
import type { ReportModel, TestId, TestItem, TestResult } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import type { Entry } from './pdf/contents.ts';
import { excludedOf } from './wording.ts';

/** What the report will hold, named before the first page is drawn: sections, tests, chain pages and their targets. */

export interface ChainPage {
  readonly label: string;
  readonly destination: string;
  readonly chain: Chain;
  /** The exceptions that this chain is behind. */
  readonly exceptions: readonly { readonly test: TestId; readonly item: string }[];
}

export const SECTION_TITLES = {
  purpose: '1  Purpose, and what this is not',
  scope: '2  Scope, sources and their completeness',
  matrix: '3  Results at a glance',
  requirements: '4  Results by requirement',
  tests: '5  Tests and results',
  chains: '6  The chains behind the exceptions',
  method: '7  Method',
  integrity: '8  Integrity, and how to check this report',
} as const;
export type SectionName = keyof typeof SECTION_TITLES;

export interface Plan {
  readonly entries: readonly Entry[];
  readonly chainPages: readonly ChainPage[];
  chainPageOf(test: TestId, item: string): ChainPage | undefined;
}

/** Names everything that will be drawn. Targets are made of counters and test ids of the catalogue, never of data. */
export function planReport(model: ReportModel): Plan {
  const chainPages = collectChainPages(model);
  const byException = new Map(
    chainPages.flatMap((page) => page.exceptions.map(({ test, item }) => [exceptionKey(test, item), page] as const)),
  );
  const sections = Object.keys(SECTION_TITLES) as SectionName[];
  const entries = sections.flatMap((name): Entry[] => [
    { level: 1, title: SECTION_TITLES[name], destination: sectionPlace(name) },
    ...(name === 'tests'
      ? model.tests.map((test): Entry => ({
          level: 2,
          title: testTitle(test),
          destination: testPlace(model, test.test),
        }))
      : []),
    ...(name === 'chains'
      ? chainPages.map((page): Entry => ({ level: 2, title: chainTitle(page), destination: page.destination }))
      : []),
  ]);
  return { entries, chainPages, chainPageOf: (test, item) => byException.get(exceptionKey(test, item)) };
}

/** The name of the place where a section begins. */
export function sectionPlace(name: SectionName): string {
  return `section-${name}`;
}

/** The name of the place where a test's section begins. */
export function testPlace(model: ReportModel, test: TestId): string {
  return `test-${model.tests.findIndex((entry) => entry.test === test) + 1}`;
}

/** "T-01  Approval precedes production credential issue". */
export function testTitle(test: Pick<TestResult, 'test' | 'title'>): string {
  return `${test.test}  ${test.title}`;
}

/** "C-01  gitlab:job:gitlab.acme.example/42". */
export function chainTitle(page: ChainPage): string {
  return `${page.label}  ${page.chain.focal}`;
}

/** The items of a test with a verdict, checked against the number that the test reports: none may be lost on the way. */
export function itemsOf(test: TestResult, verdict: 'exception' | 'undetermined' | 'excluded'): readonly TestItem[] {
  const items = test.items.filter((item) => item.verdict === verdict);
  const told = { exception: test.exceptions, undetermined: test.undetermined, excluded: excludedOf(test) }[verdict];
  if (items.length !== told)
    throw new Problem('internal', `${test.test} counts ${told} items as ${verdict} but lists ${items.length}`);
  return items;
}

function collectChainPages(model: ReportModel): readonly ChainPage[] {
  const pages = new Map<string, { chain: Chain; exceptions: { test: TestId; item: string }[] }>();
  for (const { chain, test, item } of model.chains) {
    const page = pages.get(chain.id) ?? { chain, exceptions: [] };
    if (!page.exceptions.some((known) => known.test === test && known.item === item))
      page.exceptions.push({ test, item });
    pages.set(chain.id, page);
  }
  const digits = Math.max(2, String(pages.size).length);
  return [...pages.values()].map((page, i) => ({
    ...page,
    label: `C-${String(i + 1).padStart(digits, '0')}`,
    destination: `chain-${i + 1}`,
  }));
}

function exceptionKey(test: TestId, item: string): string {
  return JSON.stringify([test, item]);
}
