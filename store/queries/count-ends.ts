import { z } from 'zod';
import { DISPOSITIONS } from '../../model/reason.ts';
import type { Query } from '../query.ts';
import { COUNTED_RECORDS } from '../trees/dups.ts';

/** Records of one partition, both ends included. */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

const row = z.object({ status: z.enum(DISPOSITIONS), reason: z.string(), count: z.coerce.number() });

/** How the records of some ranges ended, by disposition and reason. Ranges must not overlap: what is in two counts twice. */
export function countEnds(ranges: readonly OffsetRange[]): Query<z.output<typeof row>> {
  // Four lists of one length, because the engine takes no list of tuples as a parameter from this client.
  return {
    sql: `
      SELECT status, reason, toString(count()) AS count
      FROM records
      INNER JOIN (
        SELECT range.1 AS topic, toUInt16(range.2) AS partition, toUInt64(range.3) AS first, toUInt64(range.4) AS last
        FROM (SELECT arrayJoin(arrayZip({topics:Array(String)}, {partitions:Array(String)}, {firsts:Array(String)}, {lasts:Array(String)})) AS range)
      ) AS asked ON records.topic = asked.topic AND records.partition = asked.partition
      WHERE records.offset BETWEEN asked.first AND asked.last
        AND records.topic IN {topics:Array(String)}
        AND records.offset BETWEEN {least:UInt64} AND {most:UInt64}
        AND ${COUNTED_RECORDS}
      GROUP BY status, reason
      ORDER BY status, reason`,
    params: {
      topics: ranges.map((range) => range.topic),
      partitions: ranges.map((range) => String(range.partition)),
      firsts: ranges.map((range) => String(range.firstOffset)),
      lasts: ranges.map((range) => String(range.lastOffset)),
      least: Math.min(...ranges.map((range) => range.firstOffset)),
      most: Math.max(...ranges.map((range) => range.lastOffset)),
    },
    row,
  };
}

const totals = z.object({
  records: z.coerce.number(),
  events: z.coerce.number(),
  keys: z.coerce.number(),
  edges: z.coerce.number(),
});

/** How many rows each table holds. An edge is stored under both of its ends and counted once. */
export function countTables(): Query<z.output<typeof totals>> {
  return {
    sql: `
      SELECT
        (SELECT toString(count()) FROM records WHERE ${COUNTED_RECORDS}) AS records,
        (SELECT toString(count()) FROM events) AS events,
        (SELECT toString(count()) FROM event_keys) AS keys,
        (SELECT toString(countIf(direction = 'down')) FROM edges) AS edges`,
    params: {},
    row: totals,
  };
}
