import type { ReplayResult } from '../../model/dead-letter.ts';
import { parseLetterId } from '../../model/dead-letter.ts';
import { Problem } from '../../model/problem.ts';
import { REASONS } from '../../model/reason.ts';
import { familyOf, isSource } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import type { Reader } from '../../store/query.ts';
import { findDeadLetters, findLetterContent } from '../../store/queries/find-dead-letters.ts';
import type { LetterFilter, LetterPage, LetterRow } from '../../store/queries/find-dead-letters.ts';
import { HEADERS } from '../log/event-log.ts';
import type { LogRecord } from '../log/event-log.ts';
import { deriveRecord } from '../worker/derive.ts';
import { appendPrepared } from './append.ts';
import type { IntakeDeps } from './deps.ts';

export interface ReplayDeps extends Pick<
  IntakeDeps,
  'log' | 'index' | 'policy' | 'adapterFor' | 'now' | 'settle' | 'idle'
> {
  readonly reader: Reader;
}

/** What is to be replayed. `by` names who asked, as it is written on each record. */
export interface ReplayRequest {
  readonly filter: LetterFilter;
  readonly page: LetterPage;
  readonly by: string;
  /** Only says what would be done. */
  readonly dryRun: boolean;
}

/** The results, and the row that a next page begins after. */
export interface Replayed {
  readonly results: readonly ReplayResult[];
  readonly next?: LetterRow;
}

// Values that are held at once while they are appended; a letter that is larger goes alone.
const BYTES_AT_ONCE = 16 * 2 ** 20;

interface Repeat {
  readonly row: LetterRow;
  readonly source: Source;
  readonly record: LogRecord;
}

/**
 * Appends dead letters again, to be derived by the policy and the adapters of now. The letter stays as it is; the new
 * record has its bytes and names it. What would be refused again, or was replayed with success, is not appended: to ask
 * twice does nothing twice. Resolves when the worker has stored what was appended. One call at a time: two at once could
 * both find a letter not replayed.
 */
export async function replayLetters(deps: ReplayDeps, request: ReplayRequest): Promise<Replayed> {
  // What is on its way, from a replay before a crash too, must be seen.
  await deps.idle?.();
  const { tenant } = deps.policy;
  const { limit } = request.page;
  const rows = await deps.reader.read(findDeadLetters(tenant, request.filter, { ...request.page, limit: limit + 1 }));
  const shown = rows.slice(0, limit);
  const results = new Map<string, ReplayResult>();
  let repeats: Repeat[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    for (const result of await appendAgain(deps, repeats)) results.set(result.id, result);
    repeats = [];
    bytes = 0;
  };
  // The oldest first, so that of two letters that say the same the first that came is the event.
  for (const row of shown.toReversed()) {
    if (bytes > 0 && bytes + row.bytes > BYTES_AT_ONCE) await flush();
    const judged = await judge(deps, row, request);
    if ('outcome' in judged) {
      results.set(judged.id, judged);
      continue;
    }
    repeats.push(judged);
    bytes += row.bytes;
  }
  await flush();
  const unknown = (request.filter.ids ?? []).filter((id) => !rows.some((row) => row.letter === id));
  for (const id of unknown)
    results.set(id, { id, outcome: 'not_found', detail: 'There is no dead letter of this name' });
  const last = shown.at(-1);
  return { results: [...results.values()], ...(rows.length > limit && last ? { next: last } : {}) };
}

/** The record that repeats a letter, or why there is to be none. */
async function judge(deps: ReplayDeps, row: LetterRow, { by, dryRun }: ReplayRequest): Promise<Repeat | ReplayResult> {
  const { letter: id, replay, replay_letter: replayedAs, source } = row;
  if (replay === 'accepted' || replay === 'duplicate' || replay === 'conflict') {
    const detail = `Was replayed before as ${replayedAs}, which was ${WORDS[replay]}; nothing was done`;
    return { id, outcome: 'already_replayed', detail, replayed_as: replayedAs };
  }
  const place = parseLetterId(id);
  const [content] = place ? await deps.reader.read(findLetterContent(deps.policy.tenant, place)) : [];
  if (!content) return { id, outcome: 'not_found', detail: 'There is no dead letter of this name' };
  const record = repeatOf(deps, row, content, by);
  const input = {
    headers: new Map(Object.entries(record.headers)),
    receivedAtMs: record.timestampMs,
    value: record.value,
  };
  const derived = deriveRecord(input, { tenant: deps.policy.tenant, policy: deps.policy, adapterFor: deps.adapterFor });
  if (!derived.ok || !isSource(source)) {
    const { reason, detail } = derived.ok ? { reason: 'unknown_source' as const, detail: '' } : derived;
    const why = [detail === '' ? reason : `${reason}: ${detail}`, REASONS[reason].remedy].join('. ');
    return { id, outcome: 'still_rejected', detail: `Would be refused again (${why}) Nothing was done` };
  }
  if (dryRun) return { id, outcome: 'would_be_replayed', detail: `Would give ${derived.events.length} events` };
  return { row, source, record };
}

const WORDS = {
  accepted: 'accepted',
  duplicate: 'a duplicate of an event that is held',
  conflict: 'in conflict with an event that is held',
  rejected: 'rejected again',
} as const;

function repeatOf(
  deps: ReplayDeps,
  row: LetterRow,
  content: { readonly key: string; readonly value: string; readonly headers: string },
  by: string,
): LogRecord {
  const headers = content.headers === '' ? {} : (JSON.parse(content.headers) as Record<string, string>);
  return {
    timestampMs: Math.floor(deps.now() / 1_000),
    key: content.key,
    value: Buffer.from(content.value, 'base64'),
    headers: {
      ...headers,
      [HEADERS.delivery]: 'replay',
      [HEADERS.replayOf]: row.letter,
      [HEADERS.firstReceived]: String(row.received_ms),
      [HEADERS.replayedBy]: by,
    },
  };
}

/** Appends, waits until it is stored, and asks the store what became of it. */
async function appendAgain(deps: ReplayDeps, repeats: readonly Repeat[]): Promise<readonly ReplayResult[]> {
  if (repeats.length === 0) return [];
  const bySource = new Map<Source, Repeat[]>();
  for (const repeat of repeats) bySource.set(repeat.source, [...(bySource.get(repeat.source) ?? []), repeat]);
  for (const [source, group] of bySource) {
    const groups = group.map(({ row, record }) => ({ instance: row.instance, records: [record] }));
    // Whatever an adapter read from the delivery's headers stands on each record.
    const prepared = { source, family: familyOf(source), count: group.length, groups, elements: [], headers: {} };
    const { ranges } = await appendPrepared(deps, prepared);
    await deps.settle(ranges);
  }
  const ids = repeats.map(({ row }) => row.letter);
  const now = await deps.reader.read(findDeadLetters(deps.policy.tenant, { ids }, { limit: ids.length }));
  return now.map(({ letter: id, replay, replay_letter: replayedAs }): ReplayResult => {
    if (replay === 'none') throw new Problem('internal', `The replay of ${id} was appended and is not there.`);
    return { id, outcome: replay, detail: `Replayed as ${replayedAs}: ${WORDS[replay]}`, replayed_as: replayedAs };
  });
}
