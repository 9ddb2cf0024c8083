import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../model/problem.ts';
import type { Family } from '../../model/source.ts';
import type { BatchHandler, ConsumerOptions, TopicPartition } from './event-log.ts';
import type { ClientLog } from './kafka-client.ts';
import { startReader } from './kafka-reader.ts';
import type { Budget, KafkaReader } from './kafka-reader.ts';
import type { NamedPartition, Session, SessionEvents } from './kafka-session.ts';

export interface ShareDeps {
  readonly options: ConsumerOptions;
  readonly handler: BatchHandler;
  /** The families by the names of their topics. */
  readonly topics: ReadonlyMap<string, Family>;
  /** First offset held and the offset that the next record will get. Problem `unavailable` where no broker answers. */
  readonly offsets: (place: TopicPartition) => Promise<{ readonly start: number; readonly end: number }>;
  readonly say: ClientLog;
  readonly sessionTimeoutMs: number;
  /** Bytes that may wait in all partitions together before no more is fetched; 96 MiB if left out. */
  readonly maxHeldBytes?: number | undefined;
}

// With some batches on their way this keeps a worker of forty partitions below 400 MB while the store is away.
const MAX_HELD_BYTES = 96 * 2 ** 20;

/** The partitions that the group gave to us, over all sessions. */
export interface Share {
  readonly readers: ReadonlyMap<string, KafkaReader>;
  /** What the session of the moment tells. */
  eventsFor(session: () => Session): SessionEvents;
  /** Nothing is ours any more. Handlers finish what is in flight. */
  revokeAll(): void;
  pause(place: TopicPartition): void;
  resume(place: TopicPartition): void;
  /** Lets nothing new begin, and resolves when what is in flight has finished. */
  stop(): Promise<void>;
  /** Resolves when nothing is being taken or given up. */
  settled(): Promise<void>;
}

interface State {
  readonly readers: Map<string, KafkaReader>;
  readonly paused: Set<string>;
  // What is to be done for a partition, one after the other, over all sessions: a handler is never in two at once.
  readonly tails: Map<string, Promise<void>>;
  readonly realigning: Set<string>;
  /** Rises with each share: what was begun for an older one is given up. */
  generation: number;
  isSettled: boolean;
  isStopping: boolean;
  heardAt: number;
  readonly budget: Budget;
}

/** No partitions so far. */
export function createShare(deps: ShareDeps): Share {
  const state: State = {
    readers: new Map(),
    paused: new Set(),
    tails: new Map(),
    realigning: new Set(),
    generation: 0,
    isSettled: false,
    isStopping: false,
    heardAt: 0,
    budget: { held: 0, most: deps.maxHeldBytes ?? MAX_HELD_BYTES },
  };
  return {
    readers: state.readers,
    eventsFor: (session) => ({
      assigned: (partitions) => assign(deps, state, session(), partitions),
      fetched: (named, from, last, messages) => {
        const reader = state.readers.get(`${deps.topics.get(named.name)}/${named.partition}`);
        if (!reader) return false;
        if (reader.offer(from, last, messages)) return true;
        void realign(deps, state, session(), named, reader);
        return false;
      },
      alive() {
        state.heardAt = Date.now();
        for (const reader of state.readers.values()) reader.wake();
      },
      unsettled: () => void (state.isSettled = false),
    }),
    revokeAll: () => revokeAll(deps, state),
    pause(place) {
      state.paused.add(keyOf(place));
      state.readers.get(keyOf(place))?.pause();
    },
    resume(place) {
      state.paused.delete(keyOf(place));
      state.readers.get(keyOf(place))?.resume();
    },
    async stop() {
      state.isStopping = true;
      await Promise.all([...state.readers.values()].map((reader) => reader.stop()));
    },
    settled: async () => void (await Promise.all(state.tails.values())),
  };
}

function chain(deps: ShareDeps, state: State, key: string, work: () => Promise<void>): void {
  const tail = (state.tails.get(key) ?? Promise.resolve()).then(work).catch((error: unknown) => {
    deps.say('warn', { partition: key, error: String(error) }, 'a partition could not be given up or taken');
  });
  state.tails.set(key, tail);
}

function revokeAll(deps: ShareDeps, state: State): void {
  state.generation += 1;
  state.isSettled = false;
  for (const [key, reader] of state.readers) {
    chain(deps, state, key, async () => {
      await reader.stop();
      await deps.handler.revoked?.(reader.place);
    });
  }
  state.readers.clear();
}

function assign(deps: ShareDeps, state: State, session: Session, partitions: readonly NamedPartition[]): void {
  // Also what we keep is taken anew: between two shares it may have been another's, so its position is asked again.
  revokeAll(deps, state);
  state.isSettled = true;
  state.heardAt = Date.now();
  const mine = state.generation;
  for (const named of partitions) {
    const topic = deps.topics.get(named.name);
    if (topic === undefined) continue;
    const place = { topic, partition: named.partition };
    const isOurs = (): boolean => mine === state.generation && !state.isStopping;
    chain(deps, state, keyOf(place), () => take({ deps, state, session, named, isOurs }, place));
  }
}

interface Taking {
  readonly deps: ShareDeps;
  readonly state: State;
  readonly session: Session;
  readonly named: NamedPartition;
  readonly isOurs: () => boolean;
}

/** Asks where to begin, and begins there. Where the log does not fit the position, the handler is told. */
async function take({ deps, state, session, named, isOurs }: Taking, place: TopicPartition): Promise<void> {
  const { handler, options } = deps;
  if (!isOurs()) return;
  try {
    const position = await handler.assigned(place);
    const ends = await untilKnown(() => deps.offsets(place), isOurs);
    if (!ends || !isOurs()) return await handler.revoked?.(place);
    if (position > ends.end) throw beyondEnd(place, position, ends.end);
    const from = Math.max(position, ends.start);
    const fetch = {
      pause: () => session.pause(named),
      resume: () => session.open(named),
      seek: (offset: number) => session.seek(named, offset),
    };
    const isMember = (): boolean => state.isSettled && Date.now() - state.heardAt < deps.sessionTimeoutMs;
    const lost = position < ends.start;
    const { budget } = state;
    const reader = startReader({ place, from, lost, bounds: options, budget, handler, fetch, isMember });
    if (state.paused.has(keyOf(place))) reader.pause();
    state.readers.set(keyOf(place), reader);
    session.open(named, from);
  } catch (error) {
    handler.failed?.(place, error);
  }
}

/**
 * The client went elsewhere by itself. Its offset was out of range, for retention was faster than we or the topic was
 * made anew, and it says nothing of that; or a seek came too late for a fetch.
 */
async function realign(
  deps: ShareDeps,
  state: State,
  session: Session,
  named: NamedPartition,
  reader: KafkaReader,
): Promise<void> {
  const { place } = reader;
  if (state.realigning.has(keyOf(place))) return;
  state.realigning.add(keyOf(place));
  const mine = state.generation;
  session.pause(named);
  const ends = await untilKnown(
    () => deps.offsets(place),
    () => mine === state.generation,
  );
  state.realigning.delete(keyOf(place));
  if (!ends || mine !== state.generation) return;
  const next = reader.next();
  if (next > ends.end) return reader.fail(beyondEnd(place, next, ends.end));
  if (next < ends.start) {
    deps.say('warn', { ...place, next, start: ends.start }, 'records were dropped before they were read');
    reader.lose(ends.start);
  }
  session.open(named, reader.next());
}

/** The name of a partition within a share, such as `okta.log/0`. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function beyondEnd(place: TopicPartition, position: number, end: number): Problem {
  return new Problem(
    'unavailable',
    `${keyOf(place)} is to be read from offset ${position}, but the log ends at ${end}`,
  );
}

/** Asks until there is an answer; undefined when nobody wants it any more. */
async function untilKnown<T>(ask: () => Promise<T>, isWanted: () => boolean): Promise<T | undefined> {
  for (let attempt = 0; isWanted(); attempt += 1) {
    try {
      return await ask();
    } catch {
      await sleep(Math.min(5_000, 200 * 2 ** attempt));
    }
  }
  return undefined;
}
