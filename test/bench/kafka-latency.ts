import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { emptyPolicy } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Store } from '../../store/clickhouse.ts';
import { findEventsByRef } from '../../store/queries/find-events.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { TOPIC } from './kafka-worker.ts';

export interface LatencyFigures {
  /** Events a second: asked, and acknowledged. */
  readonly asked: number;
  readonly reached: number;
  readonly samples: number;
  /** Milliseconds from the call of `append` to its acknowledgement, and to the answer of a reader's query that holds the event. */
  readonly acknowledged: Percentiles;
  readonly queryable: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

const TICK_MS = 20;
const LOOK_MS = 5;
// So many appends may wait: beyond it the machine does not reach the rate, and the figures say which it reached.
const MOST_WAITING = 100;
const DRAIN_MS = 120_000;

/**
 * Appends events at a rate, and looks for the last of each append by the query that the product itself finds events by,
 * every 5 ms. Producer, worker, engine and reader are one process here, the broker another.
 */
export async function measureLatency(
  store: Store,
  log: EventLog,
  options: { readonly asked: number; readonly seconds: number; readonly from: number },
): Promise<LatencyFigures & { readonly next: number }> {
  const { asked, seconds } = options;
  const waiting = new Map<string, number>();
  const acknowledged: number[] = [];
  const queryable: number[] = [];
  let next = options.from;
  let appended = 0;
  const appending = new Set<Promise<void>>();
  const state = { isOver: false };

  const looking = (async () => {
    const { tenant } = emptyPolicy();
    for (let late = Infinity; performance.now() < late && !(state.isOver && waiting.size === 0); await sleep(LOOK_MS)) {
      if (state.isOver && late === Infinity) late = performance.now() + DRAIN_MS;
      if (waiting.size === 0) continue;
      const found = await store.reader.read(findEventsByRef(tenant, [...waiting.keys()], Date.now()));
      const at = performance.now();
      for (const { ref } of found) {
        queryable.push(at - (waiting.get(ref) ?? at));
        waiting.delete(ref);
      }
    }
  })();

  async function append(count: number): Promise<void> {
    const records = Array.from({ length: count }, () => cloudtrailRecord(cloudtrailEvent(next++)));
    const at = performance.now();
    const { partition, lastOffset } = await log.append(TOPIC, 'bench', records);
    acknowledged.push(performance.now() - at);
    appended += count;
    waiting.set(String(refOf({ topic: TOPIC, partition, offset: lastOffset })), at);
  }

  const began = performance.now();
  for (let due = 0; performance.now() - began < seconds * 1_000; await sleep(TICK_MS)) {
    const wanted = ((performance.now() - began) / 1_000) * asked;
    if (appending.size >= MOST_WAITING || wanted - due < 1) continue;
    const work = append(Math.floor(wanted - due)).finally(() => appending.delete(work));
    appending.add(work);
    due = wanted;
  }
  await Promise.all(appending);
  const reached = appended / ((performance.now() - began) / 1_000);
  state.isOver = true;
  await looking;
  if (waiting.size > 0) throw new Error(`${waiting.size} events were never found`);
  return {
    asked,
    reached,
    samples: queryable.length,
    acknowledged: percentiles(acknowledged),
    queryable: percentiles(queryable),
    next,
  };
}

function percentiles(times: number[]): Percentiles {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
