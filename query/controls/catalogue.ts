import { createHash } from 'node:crypto';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { FrameworkId } from '../../model/control.ts';
import type { Framework } from '../frameworks/framework.ts';
import { HELD_FRAMEWORKS, mappingsOf } from '../frameworks/registry.ts';
import type { AnyControlTest } from './control-test.ts';
import { T01 } from './tests/t-01.ts';
import { T02 } from './tests/t-02.ts';
import { T03 } from './tests/t-03.ts';
import { T04 } from './tests/t-04.ts';
import { T05 } from './tests/t-05.ts';
import { T06 } from './tests/t-06.ts';
import { T07 } from './tests/t-07.ts';
import { T08 } from './tests/t-08.ts';
import { T09 } from './tests/t-09.ts';
import { T10 } from './tests/t-10.ts';
import { T11 } from './tests/t-11.ts';
import { T12 } from './tests/t-12.ts';
import { T13 } from './tests/t-13.ts';
import { T14 } from './tests/t-14.ts';
import { T15 } from './tests/t-15.ts';
import { T16 } from './tests/t-16.ts';
import { T17 } from './tests/t-17.ts';
import { T18 } from './tests/t-18.ts';
import { T19 } from './tests/t-19.ts';
import { T20 } from './tests/t-20.ts';
import { T21 } from './tests/t-21.ts';
import { T22 } from './tests/t-22.ts';
import { T23 } from './tests/t-23.ts';
import { T24 } from './tests/t-24.ts';
import { T25 } from './tests/t-25.ts';
import { T26 } from './tests/t-26.ts';
import { T27 } from './tests/t-27.ts';
import { T28 } from './tests/t-28.ts';
import { T29 } from './tests/t-29.ts';
import { T30 } from './tests/t-30.ts';
import { T31 } from './tests/t-31.ts';
import { T32 } from './tests/t-32.ts';
import { T33 } from './tests/t-33.ts';
import { T34 } from './tests/t-34.ts';
import { T35 } from './tests/t-35.ts';
import { T36 } from './tests/t-36.ts';
import { T37 } from './tests/t-37.ts';
import { T38 } from './tests/t-38.ts';
import { T39 } from './tests/t-39.ts';
import { T40 } from './tests/t-40.ts';

/** Every control test that is built, in the order in which they are told. A new test is a file and a line here. */
export const CATALOGUE: readonly AnyControlTest[] = [
  T01,
  T02,
  T03,
  T04,
  T05,
  T06,
  T07,
  T08,
  T09,
  T10,
  T11,
  T12,
  T13,
  T14,
  T15,
  T16,
  T17,
  T18,
  T19,
  T20,
  T21,
  T22,
  T23,
  T24,
  T25,
  T26,
  T27,
  T28,
  T29,
  T30,
  T31,
  T32,
  T33,
  T34,
  T35,
  T36,
  T37,
  T38,
  T39,
  T40,
];

/** The test of an id; undefined if it is not built. */
export function findTest(id: string): AnyControlTest | undefined {
  return CATALOGUE.find((test) => test.id === id);
}

/** The tests that bear on a framework; all of them for "all". */
export function testsFor(
  framework: FrameworkId,
  frameworks: readonly Framework[] = HELD_FRAMEWORKS,
): readonly AnyControlTest[] {
  return CATALOGUE.filter(
    (test) => framework === 'all' || mappingsOf(test.id, frameworks).some((mapping) => mapping.framework === framework),
  );
}

/** SHA-256 (hex) over what each test says of itself: two results with the same version were judged by the same words. */
export function catalogueVersion(tests: readonly AnyControlTest[] = CATALOGUE): string {
  return createHash('sha256')
    .update(canonicalJson(tests.map(describeTest)))
    .digest('hex');
}

/** A test as `GET /v1/controls` shows it: everything but its functions. */
export function describeTest(test: AnyControlTest): Readonly<Record<string, unknown>> {
  return {
    test: test.id,
    version: test.version,
    title: test.title,
    control: test.control,
    key: test.key,
    nature: test.nature,
    frequency: test.frequency,
    population: { definition: test.population.definition, source: test.population.source },
    attributes: test.attributes.map(({ code, text }) => ({ code, text })),
    exclusions: test.exclusions.map(({ code, text }) => ({ code, text })),
    minimum_link: test.minLink,
    inputs: test.inputs,
    undetermined_tolerance: test.undeterminedTolerance,
    proves: test.proves,
    does_not_prove: test.doesNotProve,
    mappings: mappingsOf(test.id),
  };
}
