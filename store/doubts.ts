import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Problem } from '../model/problem.ts';
import type { Link } from './session.ts';

export interface DoubtsOptions {
  readonly rows: Link['rows'];
  readonly startWithinMs: number;
  readonly cluster?: string | undefined;
}

/** The statements whose end was not told, and how to be sure of them. */
export interface Doubts {
  /** By the server's clock, Unix milliseconds: when an insert that is sent now must have begun, or do nothing. */
  startBy(): Promise<number>;
  /** A statement is in doubt. `startBy` is 0 where it has no such time. */
  add(queryId: string, startBy: number): void;
  /**
   * Resolves when none of them is at work or can still begin. Those at work after some seconds are killed. A Problem of
   * code `unavailable` while the server cannot say; ask again then.
   */
  settle(): Promise<void>;
}

// How long a statement in doubt may go on before it is killed, and how long the whole may take before others hear of it.
const GRACE_MS = 5_000;
const PATIENCE_MS = 60_000;
const LOOK_MS = 100;
// Clocks of the replicas of one cluster may differ by so much.
const SKEW_MS = 2_000;
const CLOCK_MS = 60_000;

const clockRow = z.object({ now: z.coerce.number() });
const countRow = z.object({ running: z.coerce.number() });

/** No doubts so far. */
export function createDoubts(options: DoubtsOptions): Doubts {
  const open = new Map<string, number>();
  const clock = createServerClock(() => askClock(options.rows));

  async function settle(): Promise<void> {
    const since = performance.now();
    while (open.size > 0) {
      const ids = [...open.keys()];
      const now = await clock.ask();
      const running = await countRunning(options, ids);
      // First the clock, then the list: what has not begun by its time will not, and what has begun is listed.
      if (running === 0 && [...open.values()].every((startBy) => startBy === 0 || now > startBy + skewOf(options))) {
        for (const id of ids) open.delete(id);
        return;
      }
      if (running > 0 && performance.now() - since > GRACE_MS) await kill(options, ids);
      if (performance.now() - since > PATIENCE_MS)
        throw new Problem('unavailable', 'The store is still at work on a statement whose answer was lost.');
      await sleep(LOOK_MS);
    }
  }

  return {
    startBy: async () => Math.floor(await clock.now()) + options.startWithinMs,
    add: (queryId, startBy) => void open.set(queryId, startBy),
    settle,
  };
}

interface ServerClock {
  /** What the server's clock shows now, about: from the last look at it, a minute ago at most. */
  now(): Promise<number>;
  ask(): Promise<number>;
}

/** The server's clock, carried on by a clock of ours that nobody sets. */
function createServerClock(look: () => Promise<number>): ServerClock {
  let ahead = 0;
  let looked = Number.NEGATIVE_INFINITY;
  const ask = async (): Promise<number> => {
    const before = performance.now();
    const shown = await look();
    // The server looked before its answer came, so this is behind its clock, if anything: an insert then does nothing.
    ahead = shown - performance.now();
    looked = before;
    return shown;
  };
  return {
    ask,
    now: async () => (performance.now() - looked > CLOCK_MS ? ask() : performance.now() + ahead),
  };
}

async function askClock(rows: Link['rows']): Promise<number> {
  const text = await rows('SELECT toUnixTimestamp64Milli(now64(3)) AS now', {});
  return clockRow.parse(JSON.parse(text)).now;
}

async function countRunning({ rows, cluster }: DoubtsOptions, ids: readonly string[]): Promise<number> {
  const from = cluster === undefined ? 'system.processes' : 'clusterAllReplicas({cluster:String}, system.processes)';
  const sql = `SELECT count() AS running FROM ${from} WHERE query_id IN {ids:Array(String)}`;
  const text = await rows(sql, { ids, ...(cluster === undefined ? {} : { cluster }) });
  return countRow.parse(JSON.parse(text)).running;
}

async function kill({ rows, cluster }: DoubtsOptions, ids: readonly string[]): Promise<void> {
  const where = cluster === undefined ? '' : ` ON CLUSTER '${cluster}'`;
  await rows(`KILL QUERY${where} WHERE query_id IN {ids:Array(String)} SYNC`, { ids });
}

function skewOf({ cluster }: DoubtsOptions): number {
  return cluster === undefined ? 0 : SKEW_MS;
}
