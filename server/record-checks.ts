import { randomUUID } from 'node:crypto';
import type { CheckResult } from '../model/control.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import type { Micros } from '../model/time.ts';
import type { CheckRequest } from '../query/controls/check-graph.ts';
import { checkRowsOf } from '../query/controls/record-check.ts';
import { storeCheckRun } from '../store/check-runs.ts';
import { isNotAllowed } from '../store/engine-error.ts';
import type { Store } from '../store/clickhouse.ts';

/** Why a server of a cluster keeps no results, and what to do. */
export const NOT_ALLOWED =
  'The user of this server may not keep results in the store: grant it INSERT on check_runs and check_items, and a profile without readonly (the role custody_serves of deploy/clickhouse/users.sql).';

/** Keeps the result of a check; rejects where it could not be kept. */
export type RecordCheck = (result: CheckResult, request: CheckRequest) => Promise<void>;

export interface CheckRecorderDeps {
  readonly store: Pick<Store, 'writer' | 'reader'>;
  readonly policy: Policy;
  readonly now: () => Micros;
  readonly version: string;
}

/** Keeps each check beside the evidence; a check whose result cannot be kept is not answered. */
export function createCheckRecorder({ store, policy, now, version }: CheckRecorderDeps): RecordCheck {
  return async (result, request) => {
    const mark = { run: randomUUID(), createdAt: now(), engine: version };
    const rows = checkRowsOf(result, request, mark);
    await storeCheckRun(store.writer, store.reader, policy.tenant, rows).catch((error: unknown) => {
      throw isNotAllowed(error)
        ? new Problem('forbidden', `${NOT_ALLOWED} GET /v1/check answers the same.`, {}, error)
        : error;
    });
  };
}
