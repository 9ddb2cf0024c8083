import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../model/problem.ts';
import type { Family } from '../../model/source.ts';
import type { TopicPartition } from '../log/event-log.ts';

export type FaultListener = (fault: {
  readonly partition: TopicPartition;
  readonly problem: Problem;
  /** Whether the partition stopped by it; else it is waited out. */
  readonly fatal: boolean;
}) => void;

/** What went wrong with partitions, and how work is tried again. */
export interface Faults {
  /**
   * Runs work again and again while it fails with `unavailable`, with growing waits: a batch is never skipped. Any
   * other failure stops the partition for good, for trying again would only repeat it.
   */
  readonly retrying: <T>(partition: TopicPartition, work: (attempt: number) => Promise<T>) => Promise<T>;
  /** Throws the fault by which the partition of this name stopped, if it did. */
  readonly refuse: (name: string) => void;
  /** Stops a partition that has not stopped yet, with the error that says why. */
  readonly stop: (partition: TopicPartition, error: unknown) => void;
  /** What stopped a partition is no longer of ours: whoever takes it next, this process too, begins anew. */
  readonly forget: (name: string) => void;
  readonly list: () => readonly Problem[];
}

const MAX_WAITS = 30;

/** No faults so far. `backoffMs` is the first wait; it doubles up to thirty times of it, spread by a quarter. */
export function createFaults(options: { signal: AbortSignal; backoffMs: number; onFault: FaultListener }): Faults {
  const faults = new Map<string, Problem>();
  const { signal, backoffMs } = options;
  const refuse = (name: string): void => {
    const fault = faults.get(name);
    if (fault) throw fault;
  };

  async function retrying<T>(partition: TopicPartition, work: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      refuse(nameOf(partition));
      if (signal.aborted) throw new Problem('unavailable', 'The worker is stopping.');
      try {
        return await work(attempt);
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem('internal', 'The worker failed.', {}, error);
        const fatal = problem.code !== 'unavailable';
        if (fatal) faults.set(nameOf(partition), problem);
        options.onFault({ partition, problem, fatal });
        if (fatal) throw problem;
        const wait = backoffMs * Math.min(MAX_WAITS, 2 ** attempt) * (0.75 + Math.random() / 2);
        await sleep(wait, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  function stop(partition: TopicPartition, error: unknown): void {
    if (signal.aborted || faults.has(nameOf(partition))) return;
    const problem = error instanceof Problem ? error : new Problem('internal', 'The log cannot be read.', {}, error);
    faults.set(nameOf(partition), problem);
    options.onFault({ partition, problem, fatal: true });
  }

  return { retrying, refuse, stop, forget: (name) => void faults.delete(name), list: () => [...faults.values()] };
}

/** The partition of a name. */
export function placeOfName(name: string): TopicPartition {
  const [topic = '', partition = ''] = name.split('/');
  return { topic: topic as Family, partition: Number(partition) };
}

/** The name of a partition, such as `okta.log/0`. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
