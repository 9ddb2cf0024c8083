import type { Settled } from '../intake/deps.ts';
import { Problem } from '../../model/problem.ts';
import { toProblem } from '../../model/problem-details.ts';
import { pauseAfter } from './pause.ts';
import { intervalOf, pollsOf } from './poll-registry.ts';
import type { RegisteredPoll } from './poll-registry.ts';
import { readCursor, readState, writeState } from './poll-state.ts';
import type { PollState } from './poll-state.ts';
import { createRunner } from './run-round.ts';
import type { PollDeps, RoundEnd, RoundStep, Runner } from './run-round.ts';

/** What a poll found out about its source by comparing the two ways in which it tells the same. */
export type Compare = (registered: RegisteredPoll) => Promise<PollState['comparison']>;

export interface PollServiceDeps extends PollDeps {
  /** Told how each round of the background ended. */
  readonly onRound: (id: string, end: RoundEnd | Problem) => void;
  readonly compare?: Compare;
}

/** What people see of a poll. */
export interface PollView extends PollState {
  readonly id: string;
  readonly what: string;
  readonly url: string;
  readonly interval_seconds: number;
  readonly cursor: unknown;
}

export interface PollService {
  /** Polls in the background from now on. */
  start(): void;
  /** Ends what is in flight, at a page: what was fetched and not yet stored is fetched again. */
  stop(): Promise<void>;
  /** One round of a poll at once, in turn with those of the background, until there is nothing more to read. */
  once(id: string, tell: (step: RoundStep) => void, signal?: AbortSignal): Promise<OnceEnd>;
  readonly ids: readonly string[];
  views(): readonly PollView[];
}

/** What a round brought, and how the worker ended its records. */
export interface OnceEnd extends Omit<RoundEnd, 'ranges' | 'isWhole'> {
  readonly settled: Settled;
  readonly comparison?: PollState['comparison'];
}

interface Entry {
  readonly registered: RegisteredPoll;
  readonly runner: Runner;
  /** The end of the round that runs: the next one waits for it. */
  turn: Promise<unknown>;
}

/** The polls that the policy file asks for. Nothing is fetched before `start` or `once`. */
export function createPollService(deps: PollServiceDeps): PollService {
  const entries = new Map(
    pollsOf(deps.policy).map((registered): [string, Entry] => {
      // A secret that is missing is a fault of the configuration, and told at the start.
      deps.secrets.get(registered.poll.auth.secret);
      return [registered.id, { registered, runner: createRunner(deps, registered), turn: Promise.resolve() }];
    }),
  );
  const stopping = new AbortController();
  let loops: readonly Promise<void>[] = [];

  async function inTurn<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    const turn = entry.turn.then(work);
    entry.turn = turn.catch(() => undefined);
    return turn;
  }

  async function loop(entry: Entry): Promise<void> {
    const { signal } = stopping;
    const { id } = entry.registered;
    const everyMs = intervalOf(entry.registered) * 1_000;
    // Polls that start together spread over their first interval's tenth.
    let pauseMs = deps.random() * Math.min(everyMs / 10, 5_000);
    while (!signal.aborted) {
      try {
        await deps.sleep(pauseMs, signal);
        const end = await inTurn(entry, () => runRound(deps, entry, signal, () => undefined));
        deps.onRound(id, end);
        if (end.isWhole) await compareNow(entry);
        pauseMs = end.isWhole ? everyMs * (0.9 + 0.2 * deps.random()) : 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const problem = toProblem(error);
        deps.onRound(id, problem);
        const { failures } = readState(deps.notes, id);
        pauseMs = pauseAfter({ failures, everyMs, askedS: problem.facts['retry_after_s'], random: deps.random });
      }
    }
  }

  async function compareNow({ registered: { id }, registered }: Entry): Promise<PollState['comparison']> {
    const comparison = await deps.compare?.(registered);
    if (comparison !== undefined) await writeState(deps.notes, id, { ...readState(deps.notes, id), comparison });
    return comparison;
  }

  return {
    ids: [...entries.keys()],
    start() {
      loops = [...entries.values()].map((entry) => loop(entry));
    },
    async stop() {
      stopping.abort();
      await Promise.all(loops);
      await Promise.all([...entries.values()].map((entry) => entry.turn));
    },
    async once(id, tell, signal = stopping.signal) {
      const entry = entries.get(id);
      if (!entry) throw unknownPoll(id, [...entries.keys()]);
      const both = AbortSignal.any([signal, stopping.signal]);
      const { ranges, ...counts } = await untilWhole(() => inTurn(entry, () => runRound(deps, entry, both, tell)));
      const settled = await deps.settle(ranges, both);
      const comparison = await compareNow(entry);
      return { ...counts, settled, ...(comparison !== undefined && { comparison }) };
    },
    views: () =>
      [...entries.values()].map(({ registered: { id, poll, source } }) => ({
        id,
        what: source.what,
        url: poll.url,
        interval_seconds: intervalOf({ poll, source }),
        cursor: shownCursor(source, readCursor(deps.notes, id)),
        ...readState(deps.notes, id),
      })),
  };
}

function shownCursor(source: RegisteredPoll['source'], cursor: unknown): unknown {
  if (cursor === undefined) return null;
  return source.shown === undefined ? cursor : source.shown(cursor);
}

/** One round, and a note of how it ended. */
async function runRound(
  deps: PollDeps,
  { registered: { id }, runner }: Entry,
  signal: AbortSignal,
  tell: (step: RoundStep) => void,
): Promise<RoundEnd> {
  const before = readState(deps.notes, id);
  try {
    const end = await runner.round(signal, tell);
    const { last_error: _, ...kept } = before;
    const sums = sumOf(before, end);
    await writeState(deps.notes, id, { ...kept, ...sums, last_success: isoOf(deps.now()), failures: 0 });
    return end;
  } catch (error) {
    if (signal.aborted) throw error;
    const problem = toProblem(error);
    const last = { at: isoOf(deps.now()), code: problem.code, detail: problem.message };
    await writeState(deps.notes, id, { ...before, last_error: last, failures: before.failures + 1 });
    throw problem;
  }
}

/** Rounds until one comes to its end, and what they brought together. */
async function untilWhole(round: () => Promise<RoundEnd>): Promise<Omit<RoundEnd, 'isWhole'>> {
  const sum = { pages: 0, records: 0, repeats: 0, ranges: [] as RoundEnd['ranges'][number][] };
  for (let isWhole = false; !isWhole;) {
    const end = await round();
    for (const name of ['pages', 'records', 'repeats'] as const) sum[name] += end[name];
    sum.ranges.push(...end.ranges);
    isWhole = end.isWhole;
  }
  return sum;
}

/** The answer for a poll that the policy file does not have; for any poll, where it has none and none is named. */
export function unknownPoll(id: string | undefined, known: readonly string[]): Problem {
  if (id === undefined) return new Problem('not_found', 'The policy file has no poll: add a `poll` to a source.');
  const those = known.length === 0 ? 'it has none: add a `poll` to a source' : `it has ${known.join(', ')}`;
  return new Problem('not_found', `The policy file has no poll "${id.slice(0, 200)}"; ${those}.`);
}

function sumOf(before: PollState, end: RoundEnd): Pick<PollState, 'pages' | 'records' | 'repeats'> {
  return {
    pages: before.pages + end.pages,
    records: before.records + end.records,
    repeats: before.repeats + end.repeats,
  };
}

function isoOf(micros: number): string {
  return new Date(Math.floor(micros / 1_000)).toISOString();
}
