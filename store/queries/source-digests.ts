import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.string().transform(Number);

const digestRow = z.object({
  instance: z.string(),
  object: z.string(),
  from_us: count,
  to_us: count,
  files: count,
  previous: z.string(),
  previous_sha256: z.string(),
  /** SHA-256 of the digest as it was imported, hex; empty where something was taken out of it. */
  sha256: z.string(),
});
export type DigestRow = z.output<typeof digestRow>;

/** CloudTrail's digest files, in order of time; at most 200,000. Each is hashed as it is held. */
export function findDigests(tenant: string, asOfMs: number): Query<DigestRow> {
  return {
    sql: `SELECT instance, substring(native_id, length('digest:') + 1) AS object,
  toString(JSONExtractInt(facts, 'digest', 'from')) AS from_us, toString(JSONExtractInt(facts, 'digest', 'to')) AS to_us,
  toString(JSONLength(facts, 'digest', 'files') + JSONExtractInt(facts, 'digest', 'more')) AS files,
  JSONExtractString(facts, 'digest', 'previous', 'object') AS previous, JSONExtractString(facts, 'digest', 'previous', 'sha256') AS previous_sha256,
  held.sha256 AS sha256
FROM events
LEFT JOIN
(
  SELECT ref, if(position(headers, 'x-custody-redacted') = 0, lower(hex(SHA256(value))), '') AS sha256
  FROM records
  WHERE tenant = {tenant:String} AND topic = 'aws.cloudtrail' AND ref IN
    (SELECT bitAnd(events.ref, bitNot(toUInt64(4095))) FROM events WHERE tenant = {tenant:String} AND family = 'aws.cloudtrail' AND type = 'cloudtrail:Digest')
) AS held ON held.ref = bitAnd(events.ref, bitNot(toUInt64(4095)))
WHERE tenant = {tenant:String} AND family = 'aws.cloudtrail' AND type = 'cloudtrail:Digest' AND disposition = 'accepted'
  AND JSONHas(facts, 'digest') AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
ORDER BY instance, from_us, object
LIMIT 200000`,
    params: { tenant, as_of: asOfMs },
    row: digestRow,
  };
}

const fileRow = z.object({ instance: z.string(), name: z.string(), from_us: count, to_us: count });
export type MissingFileRow = z.output<typeof fileRow>;

/**
 * Log files that a digest names and that never came: a file holds an event of the second of its oldest stamp and one of
 * its newest, so where no event of its account has one of the two seconds, it cannot have come. The reverse does not
 * hold: another file may have an event of that second. `graceS`: how late files may be.
 */
export function findMissingFiles(tenant: string, asOfMs: number, graceS: number): Query<MissingFileRow> {
  return {
    sql: `WITH named AS (
  SELECT DISTINCT file.2 AS instance, file.1 AS name, file.3 AS oldest, file.4 AS newest
  FROM
  (
    SELECT arrayJoin(JSONExtract(facts, 'digest', 'files', 'Array(Tuple(name String, account String, oldest Int64, newest Int64))')) AS file
    FROM events
    WHERE tenant = {tenant:String} AND family = 'aws.cloudtrail' AND type = 'cloudtrail:Digest' AND disposition = 'accepted'
      AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
      AND occurred_at + toIntervalSecond({grace:UInt32}) <= fromUnixTimestamp64Milli({as_of:Int64})
  )
), held AS (
  SELECT DISTINCT instance, toUnixTimestamp(occurred_at) AS second
  FROM events
  WHERE tenant = {tenant:String} AND family = 'aws.cloudtrail' AND type != 'cloudtrail:Digest' AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
    AND (instance, toInt64(toUnixTimestamp(occurred_at))) IN (SELECT instance, oldest FROM named UNION ALL SELECT instance, newest FROM named)
)
SELECT named.instance AS instance, named.name AS name, toString(named.oldest * 1000000) AS from_us, toString(named.newest * 1000000) AS to_us
FROM named
WHERE (named.instance, named.oldest) NOT IN (SELECT instance, toInt64(second) FROM held)
   OR (named.instance, named.newest) NOT IN (SELECT instance, toInt64(second) FROM held)
ORDER BY instance, named.oldest, name
LIMIT 10000`,
    params: { tenant, as_of: asOfMs, grace: graceS },
    row: fileRow,
  };
}
