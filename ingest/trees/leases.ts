import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../model/problem.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import type { Session } from '../../store/session.ts';
import { insertLease, readHighestLeases } from '../../store/trees/leases.ts';

/**
 * Who may write a partition where several processes share a store (reliability.md 1.4, fencing): whoever took the highest
 * epoch. Where one process holds the whole store, the engine's lock on the folder does this, and there are no leases.
 */
export interface Leases {
  /** Takes the partition from whoever has it; gives the epoch that rows carry from now on. */
  take(place: StoredPartition): Promise<number>;
  /** Resolves while the epoch is still the highest; rejects with a Problem `conflict` once another has taken the partition. */
  check(place: StoredPartition, writerEpoch: number): Promise<void>;
}

export interface LeaseDeps {
  /** A session whose reads see every write that was acknowledged. */
  readonly session: Pick<Session, 'read' | 'run'>;
  /** Tells this process from all others, also from one of the same machine before: never empty. */
  readonly holder: string;
  /** Microseconds UTC. */
  readonly now: () => number;
}

const ROUNDS = 20;
const APART_MS = 50;

/** Leases in the store. */
export function createLeases({ session, holder, now }: LeaseDeps): Leases {
  async function take(place: StoredPartition): Promise<number> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [highest] = await readHighestLeases(session, place);
      const writerEpoch = (highest?.writerEpoch ?? 0) + 1;
      await insertLease(session, place, { writerEpoch, holder }, now());
      const taken = await readHighestLeases(session, place);
      if (taken.every((lease) => lease.writerEpoch === writerEpoch && lease.holder === holder)) return writerEpoch;
      // Two took the same epoch: nobody has it, and both try again, a random while apart so that one comes first.
      await sleep(Math.random() * APART_MS * (round + 1));
    }
    throw new Problem('unavailable', 'Another process takes this partition again and again.', { ...place });
  }

  async function check(place: StoredPartition, writerEpoch: number): Promise<void> {
    const leases = await readHighestLeases(session, place);
    const isOurs = leases.every(
      (lease) => lease.writerEpoch === writerEpoch && (lease.holder === holder || lease.holder === ''),
    );
    if (!isOurs)
      throw new Problem('conflict', 'Another process has taken this partition; this one writes it no more.', {
        ...place,
        writer_epoch: writerEpoch,
        highest: leases[0]?.writerEpoch,
      });
  }

  return { take, check };
}
