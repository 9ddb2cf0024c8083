import { z } from 'zod';
import type { Query } from '../query.ts';

const dayRow = z.object({
  family: z.string(),
  instance: z.string(),
  day: z.string(),
  records: z.coerce.number(),
  altered: z.coerce.number(),
  places: z.array(z.string()),
});
export type LeafDayRow = z.output<typeof dayRow>;

// Four bytes, big-endian, as the commitment writes lengths (ledger/leaf.ts).
const u32 = (value: string): string => `unhex(leftPad(hex(toUInt32(${value})), 8, '0'))`;
const field = (value: string): string => `concat(${u32(`length(${value})`)}, ${value})`;

/**
 * Computes the leaf of every record again that holds an event of `[from, to)`, from the stored bytes, and compares it with
 * the stored leaf: by installation and day of receipt (UTC). The engine reads one column after another, so memory stays flat.
 */
export function verifyLeaves(tenant: string, fromUs: number, toUs: number, asOfMs: number): Query<LeafDayRow> {
  const frame = `concat(unhex(hex(salt)), ${field('key')}, ${field('value')}, ${u32('length(pairs)')},
      arrayStringConcat(arrayMap(pair -> concat(${field('pair.1')}, ${field('pair.2')}), pairs)))`;
  const entry = `concat(unhex('00'), 'audit-leaf/v1\\ncustody.', tenant, '/', topic, '/', toString(partition), '\\n', toString(source_epoch), '\\n', topic, '\\n',
      toString(partition), '\\n', toString(records.offset), '\\n', toString(toUnixTimestamp64Milli(received_at)), '\\nrecord\\n', lower(hex(SHA256(frame))), '\\n')`;
  return {
    sql: `SELECT family, instance, day, count() AS records, countIf(is_altered) AS altered, groupArrayIf(5)(place, is_altered) AS places
FROM
(
  SELECT topic AS family, instance, toString(toDate(received_at, 'UTC')) AS day,
    concat(topic, '/', toString(partition), '/', toString(records.offset)) AS place,
    JSONExtractKeysAndValues(headers, 'String') AS pairs,
    ${frame} AS frame,
    hex(leaf) != hex(SHA256(${entry})) AS is_altered
  FROM records
  WHERE tenant = {tenant:String} AND received_at <= fromUnixTimestamp64Milli({as_of:Int64}) AND ref IN
  (
    SELECT DISTINCT bitAnd(ref, bitNot(toUInt64(4095))) FROM events
    WHERE tenant = {tenant:String} AND occurred_at >= fromUnixTimestamp64Micro({from:Int64})
      AND occurred_at < fromUnixTimestamp64Micro({to:Int64}) AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  )
  ORDER BY topic, partition, records.offset
)
GROUP BY family, instance, day
ORDER BY family, instance, day`,
    params: { tenant, from: fromUs, to: toUs, as_of: asOfMs },
    row: dayRow,
  };
}
