import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TestId } from '../../../model/control.ts';
import { FAMILIES } from '../../../model/source.ts';
import { CATALOGUE, catalogueVersion, testsFor } from '../../../query/controls/catalogue.ts';
import { checkGraph, checkGraphInSteps } from '../../../query/controls/check-graph.ts';
import { checkText } from '../../../query/controls/check-text.ts';
import { HOLDS, undecided } from '../../../query/controls/control-test.ts';
import type { AnyControlTest, Candidate } from '../../../query/controls/control-test.ts';
import { evaluateTest, hashPopulation } from '../../../query/controls/evaluate.ts';
import { createContext } from '../../../query/controls/check-graph.ts';
import { HELD_FRAMEWORKS, mappingsOf } from '../../../query/frameworks/registry.ts';
import { createFixture, PERIOD, sourceState } from '../../support/control-fixture.ts';
import { addRun } from '../../support/control-story.ts';

const GAP = { from: '2026-03-05T00:00:00Z', to: '2026-03-05T01:00:00Z', reason: 'numbers 5 to 9 are missing' };
const request = { framework: 'all', ...PERIOD, asOf: PERIOD.to } as const;

/** A test over named items: the answer to each is in its name. */
function probe(names: readonly string[], tolerance?: number): AnyControlTest {
  const candidate = (name: string): Candidate<unknown> => ({
    canonical: name,
    item: name,
    aliases: [],
    at: PERIOD.from,
    evidence: [],
    subject: name,
  });
  return {
    ...(CATALOGUE[0] as AnyControlTest),
    population: { definition: 'probe', source: 'independent', select: () => names.map(candidate) },
    stratumOf: () => 'all',
    exclusions: [{ code: 'out', text: 'out', applies: ({ item }) => (item.startsWith('x') ? 'left out' : undefined) }],
    attributes: [
      {
        code: 'first',
        text: 'first',
        check: ({ item }) => (item.includes('?') ? undecided('unsure', 'cannot tell') : HOLDS),
      },
      { code: 'second', text: 'second', check: ({ item }) => ({ truth: !item.includes('!'), finding: 'wrong' }) },
    ],
    ...(tolerance === undefined ? {} : { undeterminedTolerance: tolerance }),
  };
}

function evaluate(
  names: readonly string[],
  options: { tolerance?: number; gap?: typeof GAP; families?: readonly string[] } = {},
) {
  const fixture = createFixture();
  const sources = (options.families ?? ['ce']).map((family) =>
    sourceState({ family, gaps: options.gap ? [options.gap] : [] }),
  );
  return evaluateTest(
    probe(names, options.tolerance),
    createContext(fixture.graph(), fixture.policy, request),
    sources,
  );
}

describe('the result of a test', () => {
  test.each([
    [['a', 'b'], {}, 'no_exceptions_noted'],
    [['a', 'b!'], {}, 'exceptions_noted'],
    [['a', 'b?'], {}, 'unable_to_conclude'],
    [['a', 'b?'], { tolerance: 1 }, 'no_exceptions_noted'],
    [['a?', 'b!'], {}, 'exceptions_noted'],
    [[], {}, 'did_not_operate'],
    [['x1', 'x2'], {}, 'did_not_operate'],
    [['a'], { gap: GAP }, 'unable_to_conclude'],
    [[], { gap: GAP }, 'unable_to_conclude'],
    [['b!'], { gap: GAP }, 'exceptions_noted'],
    [['a'], { gap: { ...GAP, to: '2026-02-20T00:00:00Z', from: '2026-02-19T00:00:00Z' } }, 'no_exceptions_noted'],
    [['a'], { gap: { ...GAP, from: '2026-04-01T00:00:00Z', to: '2026-04-02T00:00:00Z' } }, 'no_exceptions_noted'],
    [['a'], { families: ['hoop'] }, 'not_in_scope'],
    [['a'], { gap: GAP, families: ['hoop', 'ce'] }, 'unable_to_conclude'],
  ])('of %j with %j is %s', (names, options, result) => {
    expect(evaluate(names, options).result).toBe(result);
  });

  test('never says more than was tested', () => {
    expect(evaluate([]).reason).toContain('Operation was not tested');
    expect(evaluate(['a', 'b!', 'c?']).reason).toBe(
      'Exceptions noted for 1 of 3 items (33 %). 1 further item is undetermined.',
    );
    expect(evaluate(['a', 'b']).reason).toBe('No exceptions noted. The population of 2 was tested.');
  });
});

test('what the policy tolerates as undetermined lets other tests conclude, and says so, but no key control', () => {
  const fixture = createFixture({ parameters: { undetermined_tolerance: 1 } });
  const context = createContext(fixture.graph(), fixture.policy, request);
  const judged = (key: boolean, names: readonly string[]): string =>
    evaluateTest({ ...probe(names), key }, context, [sourceState({})]).reason;
  expect(judged(false, ['a', 'b?'])).toBe(
    'No exceptions noted. The population of 2 was tested. 1 of it undetermined, of 1 tolerated.',
  );
  expect(judged(false, ['a?', 'b?'])).toBe('Unable to conclude: 2 of 2 items are undetermined.');
  expect(judged(true, ['a', 'b?'])).toBe('Unable to conclude: 1 of 2 items are undetermined.');
});

test('the population is sorted and hashed before it is judged, whatever the order it came in', () => {
  const [one, two] = [evaluate(['c!', 'a', 'b?']), evaluate(['b?', 'c!', 'a'])];
  expect(one).toEqual(two);
  expect(one.population.sha256).toBe(createHash('sha256').update('a\nb?\nc!\n').digest('hex'));
  expect(one.population.sha256).toBe(hashPopulation(['a', 'b?', 'c!'].map((canonical) => ({ canonical }))));
  expect(one.items.map((item) => item.item)).toEqual(['b?', 'c!']);
  expect(one).toMatchObject({ passed: 1, exceptions: 1, undetermined: 1, strata: { all: 3 } });
});

test('an exception names the first attribute that fails, even beside one that is undetermined', () => {
  expect(evaluate(['a?!']).items).toMatchObject([{ verdict: 'exception', attribute: 'second', finding: 'wrong' }]);
});

test('a population that names an item twice is a fault of ours, not a count', () => {
  expect(() => evaluate(['a', 'a'])).toThrow(/twice/);
});

test('the same inputs give the same bytes', () => {
  const make = (): string => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T10:00:00Z' });
    return JSON.stringify(
      checkGraph({ graph: fixture.graph(), sources: [sourceState({})], policy: fixture.policy, request }),
    );
  };
  expect(make()).toBe(make());
});

test('a check that gives way between its steps says the same', async () => {
  const fixture = createFixture();
  addRun(fixture, { job: 1, issuedAt: '2026-03-10T10:00:00Z' });
  const input = { graph: fixture.graph(), sources: [sourceState({})], policy: fixture.policy, request };
  let pauses = 0;
  const inSteps = await checkGraphInSteps(input, () => {
    pauses += 1;
    return Promise.resolve();
  });
  expect(inSteps).toEqual(checkGraph(input));
  expect(pauses).toBeGreaterThan(CATALOGUE.length);
});

test('an empty period and an unknown test are told apart from an empty result', () => {
  const fixture = createFixture();
  const input = { graph: fixture.graph(), sources: [], policy: fixture.policy };
  expect(() => checkGraph({ ...input, request: { ...request, to: request.from } })).toThrow(/period is empty/);
  const unknown: TestId = 'T-99';
  expect(() => checkGraph({ ...input, request: { ...request, tests: [unknown] } })).toThrow(/T-99/);
});

describe('where nothing happened', () => {
  // Every source is known and has sent something once, but nothing of the period; none is registered, so no day is expected of any.
  const sources = FAMILIES.map((family) => ({ family, registered: false, records: 1 }));

  test.each(CATALOGUE.map(({ id }) => id))('%s has an empty population, which is never a pass', (id) => {
    const result = createFixture({ sources: [] }).run(id, { sources });
    // T-16 reads no source at all: its population would be the leavers of a personnel department.
    expect(result.result).toBe(id === 'T-16' ? 'not_in_scope' : 'did_not_operate');
    expect(result).toMatchObject({ passed: 0, exceptions: 0, undetermined: 0, excluded: {}, items: [] });
    expect(result.population).toMatchObject({ count: 0, sha256: createHash('sha256').digest('hex') });
  });
});

describe('the catalogue', () => {
  test('has each test once, mapped to requirements that exist', () => {
    expect(new Set(CATALOGUE.map((entry) => entry.id)).size).toBe(CATALOGUE.length);
    const ids = new Set<string>(CATALOGUE.map((entry) => entry.id));
    expect(HELD_FRAMEWORKS.flatMap(({ mappings }) => mappings).filter((mapping) => !ids.has(mapping.test))).toEqual([]);
    expect(CATALOGUE.filter((entry) => mappingsOf(entry.id).length === 0)).toEqual([]);
    expect(testsFor('soc2').length).toBe(CATALOGUE.length);
  });

  test('every test says what it proves and what it does not, without words that promise', () => {
    const forbidden = /\b(?:compliant|certified|guaranteed|proves security|no risk|tamper-proof)\b/i;
    for (const entry of CATALOGUE) {
      const words = [
        entry.title,
        entry.control,
        entry.proves,
        entry.doesNotProve,
        entry.population.definition,
        ...entry.attributes.map((attribute) => attribute.text),
      ];
      expect(words.filter((text) => text === '' || forbidden.test(text))).toEqual([]);
    }
  });

  test('its version changes with the words of a test, not with the order of its fields', () => {
    const [first] = CATALOGUE;
    if (!first) throw new Error('the catalogue is empty');
    expect(catalogueVersion()).toMatch(/^[0-9a-f]{64}$/);
    expect(catalogueVersion([{ ...first, control: 'Something else.' }])).not.toBe(catalogueVersion([first]));
    expect(catalogueVersion([{ ...first }])).toBe(catalogueVersion([first]));
  });
});

test('the text tells each result, and never more than it', () => {
  const fixture = createFixture();
  addRun(fixture, { job: 1, issuedAt: '2026-03-10T10:00:00Z' });
  const text = checkText(
    checkGraph({ graph: fixture.graph(), sources: [sourceState({})], policy: fixture.policy, request }),
  );
  expect(text).toContain('T-01  Approval precedes production credential issue');
  expect(text).toMatch(/EXCEPTION\s+2026-03-10T10:00:00\.000000Z\s+no_approval/);
  expect(text).toContain('did not operate');
  expect(text.endsWith('\n')).toBe(true);
  expect(text).not.toMatch(/compliant|certified|passed/i);
});
