import type { Family } from '../../model/source.ts';
import type { TopicPartition } from '../log/event-log.ts';
import type { Ends } from './batch-summary.ts';

/** What one family brought since the start of the worker. `ends` counts records by how they ended. */
export interface FamilyProgress {
  readonly records: number;
  readonly events: number;
  readonly ends: Ends;
}

export type Progress = Readonly<Partial<Record<Family, FamilyProgress>>>;

export interface ProgressCounter {
  readonly add: (partition: TopicPartition, stored: FamilyProgress) => void;
  /** Wakes those who wait, when something other than a count has changed. */
  readonly changed: () => void;
  /** Resolves when the condition holds; it is looked at after every change. Rejects with what it throws. */
  readonly until: (condition: () => boolean) => Promise<void>;
  readonly read: () => Progress;
}

/** Counters at zero. */
export function createProgress(): ProgressCounter {
  const families: Partial<Record<Family, FamilyProgress>> = {};
  let waiting: (() => void)[] = [];
  const changed = (): void => {
    const wake = waiting;
    waiting = [];
    for (const waiter of wake) waiter();
  };
  return {
    add({ topic }, { records, events, ends }) {
      const before = families[topic] ?? { records: 0, events: 0, ends: {} };
      const sum: Record<string, number> = { ...before.ends };
      for (const [end, count] of Object.entries(ends)) sum[end] = (sum[end] ?? 0) + count;
      families[topic] = { records: before.records + records, events: before.events + events, ends: sum };
      changed();
    },
    changed,
    async until(condition) {
      while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    read: () => structuredClone(families),
  };
}
