import { createHash } from 'node:crypto';

/** The partition of a key: the same for ever, on every machine and in every log. */
export function partitionOf(key: string, partitions: number): number {
  return partitions === 1 ? 0 : createHash('sha256').update(key).digest().readUInt32BE(0) % partitions;
}
