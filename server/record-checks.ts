import { randomUUID } from 'node:crypto';
import type { CheckResult } from '../model/control.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import type { CheckRequest } from '../query/controls/check-graph.ts';
import { checkRowsOf } from '../query/controls/record-check.ts';
import { storeCheckRun } from '../store/check-runs.ts';
import type { Store } from '../store/clickhouse.ts';

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
  return (result, request) => {
    const mark = { run: randomUUID(), createdAt: now(), engine: version };
    return storeCheckRun(store.writer, store.reader, policy.tenant, checkRowsOf(result, request, mark));
  };
}
