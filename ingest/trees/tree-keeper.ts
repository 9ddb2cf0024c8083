import { Problem } from '../../model/problem.ts';
import type { Store } from '../../store/clickhouse.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import { readLastSeals } from '../../store/trees/seals.ts';
import type { Seal } from '../../store/trees/seals.ts';
import { growTree } from './grow-tree.ts';
import { sealPartition } from './seal-partition.ts';
import type { SealDeps } from './seal-partition.ts';

export interface TreeKeeperOptions {
  readonly store: Pick<Store, 'writer' | 'openReader'>;
  /** Rejects where another writer holds the partition; absent where one process holds the whole store. */
  readonly mayWrite?: SealDeps['mayWrite'];
  /** How long leaves may wait before they are added, and how long before they are sealed: milliseconds. */
  readonly growMs?: number;
  readonly sealMs?: number;
  /** A partition is sealed earlier once so many leaves wait. */
  readonly sealLeaves?: number;
  /** Told of each failure and of each broken seal. Failures are tried again. */
  readonly onFault?: (place: StoredPartition, problem: Problem) => void;
}

/** Extends the trees of this process's partitions and seals them, beside the worker and not in its way. */
export interface TreeKeeper {
  /** The worker says: everything below `end` is stored and was read back. `writerEpoch` is that of its rows. */
  covered(place: StoredPartition, end: number, writerEpoch: number): void;
  /**
   * Resolves when everything that was told so far is in the trees and sealed; does it now rather than at the next seal.
   * Rejects with a Problem `unavailable` that names the range where a seal is broken, or where the store is away.
   */
  sealed(): Promise<void>;
  /** The partition is no longer ours: nothing of it is added or sealed here, nor waited for. */
  left(place: StoredPartition): void;
  /** Whether a seal is broken now: what it says, by partition. */
  broken(): readonly Seal[];
  /** How the seals of this process fare now. */
  readonly seals: () => SealState;
  /** Adds and seals what is there, for some seconds at most, and stops. */
  close(): Promise<void>;
}

export interface SealState {
  /** The longest time since a partition that has something to seal was sealed, seconds; 0 where none has. */
  readonly waitingSeconds: number;
  readonly broken: number;
}

interface Known {
  readonly place: StoredPartition;
  writerEpoch: number;
  end: number;
  grown: number;
  sealedTo: number;
  leavesWaiting: number;
  lastSealMs: number;
  /** Whether the end of its seals was read since the partition became ours: another process may have sealed it before. */
  isRead: boolean;
  broken: Seal | undefined;
  fault: Problem | undefined;
}

// A close does not wait longer for a tree that is far behind: the next start goes on where this one stopped.
const CLOSE_MS = 2_000;
const GROW_MS = 1_000;
const SEAL_MS = 10_000;
const SEAL_LEAVES = 100_000;

/** A keeper that knows where the seals of the store end. */
export async function openTreeKeeper(options: TreeKeeperOptions): Promise<TreeKeeper> {
  const { growMs = GROW_MS, sealMs = SEAL_MS, sealLeaves = SEAL_LEAVES } = options;
  const reader = await options.store.openReader();
  const sealedTo = new Map((await readLastSeals(reader)).map((seal) => [nameOf(seal), seal.lastOffset]));
  const partitions = new Map<string, Known>();
  const stopping = new AbortController();
  const deps: KeeperDeps = {
    reader,
    writer: options.store.writer,
    now: () => Date.now() * 1_000,
    mayWrite: options.mayWrite ?? (() => Promise.resolve()),
    signal: stopping.signal,
  };
  let tail: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  // One after another: partitions share the reader, and a tree has one hand at a time.
  function enqueue(isForced: boolean): Promise<void> {
    tail = tail.then(() => round(deps, [...partitions.values()], { isForced, sealMs, sealLeaves }, options.onFault));
    return tail;
  }

  function schedule(): void {
    if (isClosed || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      void enqueue(false).then(() => ([...partitions.values()].some(isBehind) ? schedule() : undefined));
    }, growMs);
    timer.unref();
  }

  return {
    covered(place, end, writerEpoch) {
      const name = nameOf(place);
      const known = partitions.get(name) ?? newlyKnown(place, sealedTo.get(name) ?? -1, options.mayWrite === undefined);
      known.end = Math.max(known.end, end);
      known.writerEpoch = writerEpoch;
      partitions.set(name, known);
      if (isBehind(known)) schedule();
    },
    async sealed() {
      // What comes while this works is not waited for.
      const asked = [...partitions.values()].map((known) => ({ known, end: known.end }));
      await enqueue(true);
      for (const { known, end } of asked) if (known.sealedTo + 1 < end) throw refusal(known);
    },
    left: (place) => void partitions.delete(nameOf(place)),
    seals() {
      const known = [...partitions.values()];
      const waits = known.filter(isBehind).map(({ lastSealMs }) => (performance.now() - lastSealMs) / 1_000);
      return { waitingSeconds: Math.max(0, ...waits), broken: known.filter(({ broken }) => broken).length };
    },
    broken: () => [...partitions.values()].flatMap(({ broken }) => broken ?? []),
    async close() {
      isClosed = true;
      clearTimeout(timer);
      const late = setTimeout(() => stopping.abort(), CLOSE_MS);
      await enqueue(true);
      clearTimeout(late);
      await reader.close();
    },
  };
}

type KeeperDeps = Omit<SealDeps, 'writerEpoch'>;

async function round(
  deps: KeeperDeps,
  partitions: readonly Known[],
  rule: { readonly isForced: boolean; readonly sealMs: number; readonly sealLeaves: number },
  onFault: TreeKeeperOptions['onFault'],
): Promise<void> {
  for (const known of partitions) {
    if (!isBehind(known)) continue;
    const before = (known.broken && brokenProblem(known.broken)) ?? known.fault;
    try {
      known.fault = undefined;
      await bringUp({ ...deps, writerEpoch: known.writerEpoch }, known, rule);
    } catch (error) {
      known.fault =
        error instanceof Problem ? error : new Problem('internal', 'A tree could not be extended.', {}, error);
    }
    const now = (known.broken && brokenProblem(known.broken)) ?? known.fault;
    if (now && now.message !== before?.message) onFault?.(known.place, now);
  }
}

async function bringUp(
  deps: SealDeps,
  known: Known,
  {
    isForced,
    sealMs,
    sealLeaves,
  }: { readonly isForced: boolean; readonly sealMs: number; readonly sealLeaves: number },
): Promise<void> {
  const { place, end } = known;
  if (!known.isRead) await readSealedTo(deps, known);
  const last = await growTree(deps, place, end);
  known.leavesWaiting += Math.max(0, end - known.grown);
  known.grown = end;
  const isDue = isForced || known.leavesWaiting >= sealLeaves || performance.now() - known.lastSealMs >= sealMs;
  if (!last || !isDue) return;
  const seal = await sealPartition(deps, place, known.sealedTo, last, known.broken);
  known.lastSealMs = performance.now();
  known.leavesWaiting = 0;
  known.broken = seal?.state === 'broken' ? seal : undefined;
  if (seal?.state !== 'broken') known.sealedTo = Math.max(known.sealedTo, last.lastOffset);
}

async function readSealedTo({ reader }: SealDeps, known: Known): Promise<void> {
  const seals = await readLastSeals(reader);
  const seal = seals.find((one) => nameOf(one) === nameOf(known.place));
  known.sealedTo = Math.max(known.sealedTo, seal?.lastOffset ?? -1);
  known.grown = Math.max(known.grown, known.sealedTo + 1);
  known.isRead = true;
}

function newlyKnown(place: StoredPartition, sealedTo: number, isRead: boolean): Known {
  const { topic, sourceEpoch, partition } = place;
  return {
    place: { topic, sourceEpoch, partition },
    writerEpoch: 0,
    end: 0,
    grown: sealedTo + 1,
    sealedTo,
    leavesWaiting: 0,
    lastSealMs: performance.now(),
    isRead,
    broken: undefined,
    fault: undefined,
  };
}

function isBehind(known: Known): boolean {
  return known.sealedTo + 1 < known.end;
}

function refusal(known: Known): Problem {
  if (known.broken) return brokenProblem(known.broken);
  if (known.fault) return known.fault;
  return new Problem('unavailable', 'What is stored could not be sealed now. Try again.', { ...known.place });
}

function brokenProblem(seal: Seal): Problem {
  const { topic, partition, firstOffset, lastOffset, fault } = seal;
  return new Problem(
    'unavailable',
    `The store no longer agrees with its tree: ${topic}/${partition}, ${fault}. Nothing of it is reported until it does.`,
    { integrity: true, topic, partition, first_offset: firstOffset, last_offset: lastOffset },
  );
}

function nameOf({ topic, sourceEpoch, partition }: StoredPartition): string {
  return `${topic}/${sourceEpoch}/${partition}`;
}
