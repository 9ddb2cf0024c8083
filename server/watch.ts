import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { EventLog, TopicPartition } from '../ingest/log/event-log.ts';
import type { Health } from './health.ts';

/** How far a partition is behind. */
export interface Lag extends TopicPartition {
  readonly records: number;
}

/** What is looked at again and again, and what was seen last. */
export interface Watch {
  lags(): readonly Lag[];
  /** Bytes; undefined before the first look. */
  disk(): { readonly free: number; readonly size: number } | undefined;
  stop(): Promise<void>;
}

export interface WatchDeps {
  readonly health: Health;
  readonly logger: Pick<FastifyBaseLogger, 'error' | 'info' | 'warn'>;
  /** The data folder, whose disk is watched. */
  readonly folder: string;
  /** Left out by a process that has nothing to do with the log. */
  readonly log?: Pick<EventLog, 'endOffset'>;
  readonly positions?: () => readonly (TopicPartition & { readonly storedTo: number })[];
  /** Any partition of the log: whether it answers, where none is ours. */
  readonly probe?: TopicPartition;
  readonly everyMs?: number;
  /** For tests: the room of a disk. */
  readonly room?: (folder: string) => Promise<{ readonly free: number; readonly size: number }>;
}

const EVERY_MS = 10_000;
// Parts of the disk that are free: below the first an operator must hear of it, below the second nothing more should be
// sent here (reliability.md 1.6). Nothing is ever removed to make room.
const ALARM_FREE = 0.2;
const LEAST_FREE = 0.05;

/** Watches the log and the disk of the data folder until it is stopped. */
export function startWatch(deps: WatchDeps): Watch {
  const stopping = new AbortController();
  const { signal } = stopping;
  let lags: readonly Lag[] = [];
  let disk: { free: number; size: number } | undefined;
  let wasAlarmed = false;

  async function lookAtLog(): Promise<void> {
    const { log, probe } = deps;
    if (!log) return;
    const positions = deps.positions?.() ?? [];
    try {
      const places = positions.length > 0 || !probe ? positions : [probe];
      const ends = await Promise.all(places.map((place) => log.endOffset(place)));
      lags = positions.map(({ topic, partition, storedTo }, index) => ({
        topic,
        partition,
        records: Math.max(0, (ends[index] ?? 0) - storedTo),
      }));
      deps.health.set('log_unavailable', false);
    } catch (error) {
      if (!signal.aborted) deps.logger.warn({ err: error }, 'the log does not answer; it is asked again');
      deps.health.set('log_unavailable', true);
    }
  }

  async function lookAtDisk(): Promise<void> {
    disk = await (deps.room ?? roomOf)(deps.folder);
    const part = disk.size === 0 ? 1 : disk.free / disk.size;
    const isAlarmed = part < ALARM_FREE;
    const facts = { alarm: 'disk', free_bytes: disk.free, free_percent: Math.floor(part * 100) };
    if (isAlarmed && !wasAlarmed)
      deps.logger.error(facts, 'the disk of the data folder is nearly full; nothing is removed to make room');
    if (!isAlarmed && wasAlarmed) deps.logger.info(facts, 'the disk of the data folder has room again');
    wasAlarmed = isAlarmed;
    deps.health.set('data_disk_nearly_full', part < LEAST_FREE);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await Promise.allSettled([lookAtLog(), lookAtDisk()]);
      await sleep(deps.everyMs ?? EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  const done = run();
  return {
    lags: () => lags,
    disk: () => disk,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

async function roomOf(folder: string): Promise<{ free: number; size: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, size: blocks * bsize };
}
