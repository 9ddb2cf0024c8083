import type { Reader } from '../../store/query.ts';
import { findFirstCheckpoint, findFirstHead } from '../../store/trees/find-covering.ts';
import { readCheckpoint } from '../../store/trees/heads.ts';
import type { SignedCheckpoint } from '../../store/trees/heads.ts';
import { readStepsAcross } from '../../store/trees/steps.ts';

/** Up to which offset a partition must be covered. */
export interface PartitionEnd {
  readonly topic: string;
  readonly source_epoch: number;
  readonly partition: number;
  readonly last: number;
}

/**
 * The first signed checkpoint that covers these ends and is at least so large: the same at any later time, so that what is
 * proved against it is the same too. Where none covers everything, the last that was signed; undefined where there is none.
 */
export async function coveringCheckpoint(
  reader: Reader,
  ends: readonly PartitionEnd[],
  atLeast: number,
): Promise<SignedCheckpoint | undefined> {
  let size = Math.max(1, atLeast);
  for (const end of ends) {
    const place = { topic: end.topic, partition: end.partition, sourceEpoch: end.source_epoch };
    const [step] = await readStepsAcross(reader, place, end.last, end.last);
    if (!step) continue;
    const leaves = step.leafFrom + end.last - step.firstOffset + 1;
    const [head] = await reader.read(findFirstHead(end, leaves));
    const first = head?.place ?? undefined;
    if (first !== undefined) size = Math.max(size, first + 1);
  }
  const [found] = await reader.read(findFirstCheckpoint(size));
  // Without one that covers everything the last has to do: what it does not cover is left out.
  return readCheckpoint(reader, found?.place ?? undefined);
}
