import { Problem } from '../../model/problem.ts';
import type { Family } from '../../model/source.ts';
import type { EventLog, TopicPartition } from '../log/event-log.ts';
import { nameOf } from './faults.ts';
import type { Faults } from './faults.ts';
import type { ProgressCounter } from './progress.ts';
import type { IngestWorker } from './worker.ts';

export interface WaitsDeps {
  readonly log: Pick<EventLog, 'partitions' | 'endOffset'>;
  readonly topics: readonly Family[];
  readonly progress: Pick<ProgressCounter, 'until'>;
  readonly faults: Pick<Faults, 'refuse'>;
  readonly signal: AbortSignal;
  /** Whether what a crash left half done in this partition is complete. */
  readonly isComplete: (name: string) => boolean;
  /** Somebody waits for the partition; gives how to say that it is over. */
  readonly hurry: (place: TopicPartition) => Promise<() => void>;
  /** Everything below this offset of the partition is stored. */
  readonly storedTo: (name: string) => number;
}

/** The promises by which others wait for the worker (IngestWorker says what each means). */
export function createWaits(deps: WaitsDeps): Pick<IngestWorker, 'drained' | 'idle' | 'whole'> {
  const partitions = (): TopicPartition[] =>
    deps.topics.flatMap((topic) =>
      Array.from({ length: deps.log.partitions(topic) }, (_, partition) => ({ topic, partition })),
    );
  const refuseAfterStop = (): void => {
    if (deps.signal.aborted) throw new Problem('unavailable', 'The worker has stopped.');
  };

  async function drained({ topic, partition, lastOffset }: TopicPartition & { lastOffset: number }): Promise<void> {
    const name = nameOf({ topic, partition });
    const isDrained = (): boolean => {
      deps.faults.refuse(name);
      refuseAfterStop();
      return deps.storedTo(name) > lastOffset;
    };
    if (isDrained()) return;
    const relax = await deps.hurry({ topic, partition });
    try {
      await deps.progress.until(isDrained);
    } finally {
      relax();
    }
  }

  async function idle(): Promise<void> {
    for (const place of partitions()) {
      const end = await deps.log.endOffset(place);
      if (end > 0) await drained({ ...place, lastOffset: end - 1 });
    }
  }

  async function whole(): Promise<void> {
    const names = partitions().map(nameOf);
    await deps.progress.until(() => {
      refuseAfterStop();
      const missing = names.find((name) => !deps.isComplete(name));
      if (missing !== undefined) deps.faults.refuse(missing);
      return missing === undefined;
    });
  }

  return { drained, idle, whole };
}
