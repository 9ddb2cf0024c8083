import { describe, expect, test } from 'vitest';
import {
  AUTHORIZATION_MARKS,
  EVIDENCE_MARKS,
  RESULT_MARKS,
  STATE_MARKS,
  bareTime,
  closed,
  formatCount,
  nounOf,
  percent,
  procedureSentence,
  resultSentences,
  share,
  showTime,
} from '../../reports/wording.ts';
import { makeReportModel } from '../support/report-model.ts';

const model = makeReportModel();
const find = (id: string) => model.tests.find((entry) => entry.test === id) ?? expect.unreachable(id);

test('a mark is told by its word, never by sign or colour alone, so that it survives greyscale print', () => {
  for (const marks of [RESULT_MARKS, AUTHORIZATION_MARKS, EVIDENCE_MARKS, STATE_MARKS]) {
    const all = Object.values(marks);
    expect(new Set(all.map(({ word }) => word)).size).toBe(all.length);
    for (const { sign, word } of all) expect([sign.length, word.length > 6]).toEqual([1, true]);
    // What is good and what is bad has another sign as well.
    const signs = (tone: string): readonly string[] => all.filter((mark) => mark.tone === tone).map(({ sign }) => sign);
    expect(signs('good').filter((sign) => signs('bad').includes(sign))).toEqual([]);
  }
});

describe('numbers and times', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [18_204, '18,204'],
    [1_204_551, '1,204,551'],
  ])('%i is written %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  test.each([
    [0, 10, '0 %'],
    [10, 10, '100 %'],
    [1, 18_204, '0.0055 %'],
    [2, 1_284, '0.16 %'],
    [1, 3, '33.3 %'],
    [18_203, 18_204, '99.9945 %'],
    [1, 10_000_000, '0.000010 %'],
  ])('%i of %i is %s: never nothing for something, never all for less', (part, whole, text) => {
    expect(percent(part, whole)).toBe(text);
  });

  test('a share names both numbers, and none of nothing', () => {
    expect(share(1, 18_204)).toBe('1 of 18,204 items (0.0055 %)');
    expect(share(0, 0)).toBe('0 of 0 items');
    expect(nounOf(1, 'exception')).toBe('1 exception');
  });

  test.each([
    ['2026-03-01T09:14:02.318000Z', '2026-03-01 09:14:02.318 UTC'],
    ['2026-03-01T09:14:02.000000Z', '2026-03-01 09:14:02 UTC'],
    ['2026-03-01T09:14:02.318001Z', '2026-03-01 09:14:02.318001 UTC'],
    ['2026-03-01T09:14:02Z', '2026-03-01 09:14:02 UTC'],
    ['soon', 'soon'],
  ])('%s is shown as %s', (text, shown) => {
    expect(showTime(text)).toBe(shown);
    expect(bareTime(text)).toBe(shown.replace(' UTC', ''));
  });

  test.each([
    ['no approval is on record', 'No approval is on record.'],
    ['Done.', 'Done.'],
    ['aws.cloudtrail has a gap', 'aws.cloudtrail has a gap.'],
    ['', ''],
  ])('"%s" closes as "%s"', (text, sentence) => {
    expect(closed(text)).toBe(sentence);
  });
});

describe('results', () => {
  test('exceptions are told with their number, the whole, and what else is open', () => {
    expect(resultSentences(find('T-01'))).toEqual([
      'For 2 of 1,284 items (0.16 %), at least one attribute did not hold.',
      'For 4 of 1,284 items (0.31 %), the evidence does not decide.',
      '3 items excluded by a rule of the fixed list, counted in the population and listed.',
    ]);
  });

  test('none is told with the size of the population', () => {
    expect(resultSentences(find('T-02'))).toEqual([
      'The population of 1,281 items was tested; every attribute held for every item.',
    ]);
    expect(resultSentences({ ...find('T-02'), excluded: { break_glass: 1 } })[0]).toBe(
      'The 1,280 items of the population that no rule excludes were tested; every attribute held for every item.',
    );
  });

  test('an empty population is never a result without exceptions, whatever the result says', () => {
    const sentences = resultSentences({ ...find('T-12'), result: 'no_exceptions_noted' });
    expect(sentences.join(' ')).toContain('Operation was not tested.');
    expect(procedureSentence(find('T-12'), model)).toContain('no attribute was checked');
  });

  test('no conclusion is told with its reason and the gaps', () => {
    expect(resultSentences(find('T-09'))).toEqual([
      'Unable to conclude: 4 of 40112 items are undetermined.',
      '1 gap in the streams that this test reads; see below.',
    ]);
  });

  test('the procedure says that all were tested, and of what', () => {
    expect(procedureSentence(find('T-01'), model)).toBe(
      'Re-performed the check of the 3 attributes below for all 1,281 items of the population that no rule excludes, from 2026-04-01 00:00:00 UTC to 2026-07-01 00:00:00 UTC (end excluded). The population was tested, not a sample of it.',
    );
  });
});
