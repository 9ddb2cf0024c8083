import { z } from 'zod';
import type { Query } from '../query.ts';

/** A text that is another one whenever the worker has written something: what was computed before may then be stale. */
export function readStoreVersion(): Query<{ version: string }> {
  return {
    sql: `SELECT concat(toString(count()), ' ', toString(max(ingested_at)), ' ', toString(sum(last_offset))) AS version FROM batches`,
    params: {},
    row: z.object({ version: z.string() }),
  };
}
