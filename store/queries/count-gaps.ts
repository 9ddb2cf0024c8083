import { z } from 'zod';
import type { Query } from '../query.ts';

const gapCount = z.object({
  topic: z.string(),
  reason: z.string(),
  ranges: z.string().transform(Number),
  offsets: z.string().transform(Number),
});

/** How many ranges of offsets the log skipped, and how many offsets they hold, by topic and reason. */
export function countGaps(): Query<z.output<typeof gapCount>> {
  return {
    sql: `SELECT topic, reason, count() AS ranges, sum(last_offset - first_offset + 1) AS offsets
FROM gaps
GROUP BY topic, reason
ORDER BY topic, reason`,
    params: {},
    row: gapCount,
  };
}
