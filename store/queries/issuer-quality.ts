import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.string().transform(Number);
const row = z.object({
  instance: z.string(),
  events: count,
  conflicts: count,
  late: count,
  born: count,
  without_jti: count,
  without_expiry: count,
  numbered: count,
  numbers: count,
  least: z.string(),
  most: z.string(),
  actors: z.array(z.string()),
  actor_events: z.array(count),
});
export type QualityRow = z.output<typeof row>;

/** Distinct actors that are given for each issuer. */
export const MOST_ACTORS = 10_000;

/**
 * What the events of each token issuer lack, by source: those that happened in a period (microseconds UTC, end excluded)
 * and were received by a moment (milliseconds). `lateness` is the seconds after which an event of a source is late,
 * `otherwise` that of sources which it does not name. `numbered` events bear `numbers` distinct numbers from `least` to `most`.
 * `actors` are the accounts of people and of unknown kind, "" for nobody, with how many events name each.
 */
export function countIssuerQuality(
  tenant: string,
  period: { readonly fromUs: number; readonly toUs: number; readonly asOfMs: number },
  lateness: Readonly<Record<string, number>>,
  otherwise: number,
): Query<QualityRow> {
  const sum = (condition: string): string => `toString(countIf(${condition}))`;
  return {
    sql: `SELECT instance, ${sum('counted')} AS events, ${sum('NOT counted')} AS conflicts, ${sum('counted AND delay_s > allowed_s')} AS late,
  ${sum('counted AND is_born')} AS born, ${sum("counted AND is_born AND NOT startsWith(credential_key, 'token:jti:')")} AS without_jti,
  ${sum("counted AND is_born AND JSONExtractInt(facts, 'credential', 'expires_at') = 0")} AS without_expiry,
  ${sum('counted AND number > 0')} AS numbered, toString(uniqExactIf(number, counted AND number > 0)) AS numbers,
  toString(minIf(number, counted AND number > 0)) AS least, toString(maxIf(number, counted AND number > 0)) AS most,
  (sumMapIf([toString(actor_key)], [toUInt64(1)], counted AND actor_kind IN ('human', 'unknown')) AS named).1 AS all_actors,
  arraySlice(all_actors, 1, {most_actors:UInt32}) AS actors, arrayMap(one -> toString(one), arraySlice(named.2, 1, {most_actors:UInt32})) AS actor_events
FROM
(
  SELECT instance, credential_key, facts, actor_key, actor_kind, toString(disposition) = 'accepted' AS counted, toUInt64OrZero(sequence) AS number,
    action IN ('token.issue', 'token.exchange') AND outcome = 'success' AS is_born, dateDiff('second', occurred_at, received_at) AS delay_s,
    transform(toString(instance), {names:Array(String)}, arrayMap(one -> toInt64(one), {seconds:Array(String)}), {otherwise:Int64}) AS allowed_s
  FROM events
  WHERE tenant = {tenant:String} AND family = 'ce' AND toString(disposition) IN ('accepted', 'conflict')
    AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
    AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
)
GROUP BY instance
ORDER BY instance
LIMIT 1000`,
    params: {
      tenant,
      from: period.fromUs,
      to: period.toUs,
      as_of: period.asOfMs,
      // A map must not be empty; no source has this name.
      names: ['', ...Object.keys(lateness)],
      seconds: ['0', ...Object.values(lateness).map(String)],
      otherwise,
      most_actors: MOST_ACTORS,
    },
    row,
  };
}
