import { expect, test } from 'vitest';
import { createJsonCutter } from '../../../ingest/intake/json-cutter.ts';

const PATHS = [['Records'], ['data', 'events']];

function cut(
  text: string,
  size: number,
): { elements: (string | undefined)[]; last: string | undefined; isCutOff: boolean; isTooLong: boolean } {
  const cutter = createJsonCutter(PATHS, 100);
  const bytes = Buffer.from(text);
  const elements: (string | undefined)[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    for (const element of cutter.push(bytes.subarray(at, at + size))) elements.push(element?.toString().trim());
  }
  const { last, isCutOff, isTooLong } = cutter.end();
  return { elements, last: last?.toString().trim(), isCutOff, isTooLong };
}

test.each<[string, string, (string | undefined)[], string | undefined, boolean]>([
  ['an array', '[{"a":1},{"b":[1,2]}, "x" ]', ['{"a":1}', '{"b":[1,2]}', '"x"'], undefined, false],
  ['an empty array', '[]', [], undefined, false],
  [
    'an envelope with brackets in strings',
    '{"v":"[{","Records":[{"a":"]}"},{"b":"\\"]"}],"z":[1,2]}',
    ['{"a":"]}"}', '{"b":"\\"]"}'],
    undefined,
    false,
  ],
  ['a nested container', '{"data":{"x":"events","events":[{"a":1}]}}', ['{"a":1}'], undefined, false],
  ['the name elsewhere', '{"z":{"Records":[1]},"Records":[{"a":1}]}', ['{"a":1}'], undefined, false],
  ['the name as a value in an array', '{"data":["events",[1]]}', ['{"data":["events",[1]]}'], undefined, false],
  ['no container', '{"a":{"b":[1]}}', ['{"a":{"b":[1]}}'], undefined, false],
  [
    'several documents',
    '{"a":1}\n[1]\n{"Records":[{"b":2}]} {"c":3}',
    ['{"a":1}', '1', '{"b":2}', '{"c":3}'],
    undefined,
    false,
  ],
  ['one that is cut off', '{"Records":[{"a":1},{"b":', ['{"a":1}'], '{"b":', true],
  ['one that is cut between elements', '{"Records":[{"a":1},', ['{"a":1}'], undefined, true],
  ['a long element', `[{"a":"${'x'.repeat(200)}"},{"b":1}]`, [undefined, '{"b":1}'], undefined, false],
  ['a scalar', '42', [], '42', false],
  ['closing brackets only', ']}]', [], ']}]', false],
])('%s, in pieces of any size', (_name, text, elements, last, isCutOff) => {
  for (const size of [1, 2, 3, 7, 1_000])
    expect(cut(text, size)).toEqual({ elements, last, isCutOff, isTooLong: false });
});

test('what never ends is told, not held', () => {
  expect(cut('x'.repeat(1_000), 10)).toMatchObject({ elements: [], last: undefined, isTooLong: true });
});
