import { z } from 'zod';
import type { Query } from '../query.ts';

const count = z.coerce.number();
const hourRow = z.object({
  family: z.string(),
  instance: z.string(),
  hour_s: count,
  events: count,
  late: count,
  worst_us: count,
  least_us: count,
  p01_us: count,
  p99_off_us: count,
  back_us: count,
});
export type HourRow = z.output<typeof hourRow>;

/** How long events of an installation usually are on their way, in microseconds, by `<family> <instance>`. */
export interface UsualDelays {
  readonly names: readonly string[];
  readonly us: readonly string[];
}

/**
 * How events arrived that were recorded in `[from, to)`, by installation and hour (UTC): how many came later than `lateUs`,
 * the delays from the source's stamp to the receipt, and the greatest step back of the clock along the source's counter.
 */
export function countArrivalsByHour(
  tenant: string,
  period: { readonly fromUs: number; readonly toUs: number; readonly asOfMs: number },
  lateUs: number,
  usual: UsualDelays,
): Query<HourRow> {
  return {
    sql: `SELECT family, instance, toUnixTimestamp(hour) AS hour_s, count() AS events, countIf(delay > {late:Int64}) AS late,
  max(delay) AS worst_us, min(delay) AS least_us, toInt64(quantileExactLow(0.01)(delay)) AS p01_us,
  toInt64(quantileExactHigh(0.99)(abs(delay - usual))) AS p99_off_us, max(if(before_number > 0 AND before_us > us, before_us - us, 0)) AS back_us
FROM
(
  SELECT family, instance, hour, delay, usual, us,
    lagInFrame(number) OVER counter AS before_number, lagInFrame(us) OVER counter AS before_us
  FROM
  (
    SELECT family, instance, toStartOfHour(occurred_at, 'UTC') AS hour, toUnixTimestamp64Micro(occurred_at) AS us,
      toInt64(toUnixTimestamp64Milli(received_at)) * 1000 - toUnixTimestamp64Micro(ifNull(observed_at, occurred_at)) AS delay,
      toInt64OrZero(arrayElement({usual:Array(String)}, indexOf({names:Array(String)}, concat(family, ' ', instance)))) AS usual,
      toUInt64OrZero(sequence) AS number
    FROM events
    WHERE tenant = {tenant:String} AND disposition = 'accepted'
      AND occurred_at >= fromUnixTimestamp64Micro({from:Int64}) AND occurred_at < fromUnixTimestamp64Micro({to:Int64})
      AND received_at <= fromUnixTimestamp64Milli({as_of:Int64})
  )
  WINDOW counter AS (PARTITION BY family, instance, number > 0, hour ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
GROUP BY family, instance, hour
ORDER BY family, instance, hour`,
    params: {
      tenant,
      from: period.fromUs,
      to: period.toUs,
      as_of: period.asOfMs,
      late: lateUs,
      names: usual.names,
      usual: usual.us,
    },
    row: hourRow,
  };
}
