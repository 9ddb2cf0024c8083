import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, TopicPartition } from '../ingest/log/event-log.ts';
import { SOURCE_EPOCH } from '../ingest/worker/worker.ts';
import { Problem } from '../model/problem.ts';
import { FAMILIES } from '../model/source.ts';
import { readReach } from '../store/log-state.ts';
import type { Reader } from '../store/query.ts';
import { readLastSeals } from '../store/trees/seals.ts';
import type { Carrier } from './worker-holder.ts';

const FIRST_LOOK_MS = 50;
const MAX_LOOK_MS = 1_000;
// Workers seal every ten seconds; who asks for a verdict waits for two of them, and is told to come again then.
const SEAL_MS = 25_000;

export interface RemoteCarrier extends Carrier {
  /**
   * Resolves when everything that is stored now is sealed by the workers. Rejects with `unavailable` that names the
   * partition where that takes longer than two seals do: one is broken, or no worker has the partition.
   */
  sealed(): Promise<void>;
}

/**
 * The workers of other processes (`custody ingest`), as far as the store shows them: a record is carried when its batch
 * was read back and noted. Waits look again with growing pauses, also where the store does not answer for a while, for
 * the workers wait for it too; they end with `unavailable` when `signal` aborts.
 */
export function createRemoteCarrier(deps: {
  readonly reader: Reader;
  readonly log: Pick<EventLog, 'partitions' | 'endOffset'>;
  readonly signal: AbortSignal;
}): RemoteCarrier {
  const { reader, log, signal } = deps;

  async function isStored({ topic, partition }: TopicPartition, lastOffset: number): Promise<boolean> {
    const reach = await readReach(reader, { topic, partition, sourceEpoch: SOURCE_EPOCH }).catch(ifAway);
    if (!reach) return false;
    // Offsets behind the last record may be those of a transaction's marker: they are covered by a gap, without a note.
    return reach.derived >= lastOffset || (reach.covered >= lastOffset && reach.derived >= reach.record);
  }

  async function drained(range: TopicPartition & { readonly lastOffset: number }): Promise<void> {
    for (let wait = FIRST_LOOK_MS; !(await isStored(range, range.lastOffset)); wait = Math.min(wait * 2, MAX_LOOK_MS)) {
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw new Problem('unavailable', 'The server is stopping.');
    }
  }

  async function idle(): Promise<void> {
    for (const topic of FAMILIES) {
      for (let partition = 0; partition < log.partitions(topic); partition += 1) {
        const end = await log.endOffset({ topic, partition });
        if (end > 0) await drained({ topic, partition, lastOffset: end - 1 });
      }
    }
  }

  async function sealed(): Promise<void> {
    const stored = new Map<string, number>();
    for (const topic of FAMILIES) {
      for (let partition = 0; partition < log.partitions(topic); partition += 1) {
        const { covered } = await readReach(reader, { topic, partition, sourceEpoch: SOURCE_EPOCH });
        if (covered >= 0) stored.set(`${topic}/${partition}`, covered);
      }
    }
    for (const end = performance.now() + SEAL_MS; ; await sleep(MAX_LOOK_MS, undefined, { signal })) {
      for (const seal of (await readLastSeals(reader).catch(ifAway)) ?? []) {
        const name = `${seal.topic}/${seal.partition}`;
        if (seal.sourceEpoch === SOURCE_EPOCH && seal.lastOffset >= (stored.get(name) ?? Infinity)) stored.delete(name);
      }
      const [waiting] = stored.keys();
      if (waiting === undefined) return;
      if (performance.now() > end)
        throw new Problem(
          'unavailable',
          `What is stored of ${waiting} is not sealed. Look at the log of custody ingest: a seal is broken, or no worker has the partition.`,
        );
    }
  }

  return {
    sealed,
    worker: () => ({ drained, idle, faults: () => [] }),
    isWhole: () => true,
    wholeSoon: () => Promise.resolve(),
    rebuild: () =>
      Promise.reject(
        new Problem(
          'usage',
          'The derived tables of a cluster are not rebuilt through this process: its workers write to them meanwhile.',
        ),
      ),
  };
}

function ifAway(error: unknown): undefined {
  if (!(error instanceof Problem) || error.code !== 'unavailable') throw error;
}
