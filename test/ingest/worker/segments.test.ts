import { describe, expect, test } from 'vitest';
import type { LogBatch } from '../../../ingest/log/event-log.ts';
import { cutBatch } from '../../../ingest/worker/segments.ts';

/** A batch from `first` to `last` with records at these offsets; unreadable ranges as pairs. */
function batch(first: number, last: number, offsets: number[], unreadable: [number, number][] = []): LogBatch {
  return {
    topic: 'okta.log',
    partition: 0,
    firstOffset: first,
    lastOffset: last,
    records: offsets.map((offset) => ({ offset, timestampMs: 1, key: '', value: Buffer.alloc(0), headers: {} })),
    undecodable: unreadable.map(([firstOffset, lastOffset]) => ({ firstOffset, lastOffset, detail: 'broken' })),
  };
}

/** The stretches as short text: "0-2" for records, "3-4 reason" for gaps; "seek 5" at the end. */
function cut(given: LogBatch, expected: number, start = 0): string[] {
  const { segments, seek } = cutBatch(given, expected, start);
  const texts = segments.map((segment) =>
    segment.kind === 'gap'
      ? `${segment.firstOffset}-${segment.lastOffset} ${segment.reason}`
      : `${segment.records[0]?.offset}-${segment.records.at(-1)?.offset}`,
  );
  return seek === undefined ? texts : [...texts, `seek ${seek}`];
}

describe('a batch is cut into stretches that cover it', () => {
  const cases: [string, string[], string[]][] = [
    ['records without a hole', cut(batch(0, 2, [0, 1, 2]), 0), ['0-2']],
    ['what is stored already is left out', cut(batch(0, 2, [0, 1, 2]), 2), ['2-2']],
    [
      'holes within and at the end',
      cut(batch(0, 5, [0, 3]), 0),
      ['0-0', '1-2 control_or_aborted', '3-3', '4-5 control_or_aborted'],
    ],
    ['a range without a record', cut(batch(4, 6, []), 4), ['4-6 control_or_aborted']],
    ['what the log dropped', cut(batch(7, 8, [7, 8]), 3, 7), ['3-6 retention_lost', '7-8']],
    ['what the log dropped, and nothing after it', cut(batch(7, 6, []), 3, 7), ['3-6 retention_lost']],
    ['a batch that begins too late', cut(batch(7, 8, [7, 8]), 3), ['seek 3']],
    ['dropped in part, and begins too late', cut(batch(7, 8, [7, 8]), 3, 5), ['3-4 retention_lost', 'seek 5']],
    ['what cannot be read, alone', cut(batch(3, 9, [], [[3, 9]]), 3), ['3-9 undecodable']],
    [
      'what cannot be read, between records and beside a control record',
      cut(
        batch(
          0,
          9,
          [0, 8],
          [
            [1, 3],
            [5, 6],
          ],
        ),
        0,
      ),
      [
        '0-0',
        '1-3 undecodable',
        '4-4 control_or_aborted',
        '5-6 undecodable',
        '7-7 control_or_aborted',
        '8-8',
        '9-9 control_or_aborted',
      ],
    ],
    ['what cannot be read, stored in part already', cut(batch(0, 4, [4], [[0, 3]]), 2), ['2-3 undecodable', '4-4']],
  ];
  test.each(cases)('%s', (_, got, wanted) => expect(got).toEqual(wanted));
});
