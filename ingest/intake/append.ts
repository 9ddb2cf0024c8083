import { createHash } from 'node:crypto';
import { Problem } from '../../model/problem.ts';
import type { AppendedRange, LogRecord } from '../log/event-log.ts';
import { contentHashOf } from '../../model/event-id.ts';
import type { Identity, Note, NotedLog } from '../log/local-index.ts';
import { deriveRecord } from '../worker/derive.ts';
import type { IntakeDeps } from './deps.ts';
import type { Prepared, RecordGroup } from './prepare.ts';

/** What of the intake an append needs. */
export type AppendDeps = Pick<IntakeDeps, 'log' | 'index' | 'policy' | 'adapterFor'>;

/** The same for what a poll fetched. */
export type FetchDeps = IntakeDeps & { readonly notes: NotedLog };

/** Records that stand in the log now, and where. */
export interface AppendedGroup {
  readonly range: AppendedRange;
  readonly records: readonly LogRecord[];
}

/** What the log took. `conflicts`: places in the delivery of events whose id is held with other content. */
export interface Appended {
  readonly groups: readonly AppendedGroup[];
  readonly ranges: readonly AppendedRange[];
  readonly conflicts: readonly number[];
}

/**
 * Writes a prepared delivery into the log and resolves when it is durable. Whatever keeps the log from that becomes
 * `unavailable`, so that the sender comes again: nothing that is not stored is ever acknowledged. An issuer's event is
 * compared with what is held under its id; a conflict is stored as evidence and told (sources.md 3.6).
 */
export async function appendPrepared(deps: AppendDeps, prepared: Prepared): Promise<Appended> {
  // All groups are handed over before anything is waited for, so that the log has them in the order of arrival.
  const ends = await Promise.allSettled(prepared.groups.map((group) => appendGroup(deps, prepared, group)));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw unavailable(failed.reason);
  const done = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  const groups = done.flatMap(({ groups: appended }) => appended);
  return appendedOf(
    groups,
    done.flatMap(({ conflicts }) => conflicts),
  );
}

function appendedOf(groups: readonly AppendedGroup[], conflicts: readonly number[] = []): Appended {
  return { groups, ranges: groups.map(({ range }) => range), conflicts };
}

/**
 * The same for what a poll fetched, with the note of how far the poll is: the note is written together with the last of
 * the records, so that a kill at any moment leaves records that are fetched again, and never a note without them.
 */
export async function appendFetched(deps: FetchDeps, prepared: Prepared, note: Note | undefined): Promise<Appended> {
  if (!note) return appendPrepared(deps, prepared);
  const last = prepared.groups.at(-1);
  const { groups } = await appendPrepared(deps, { ...prepared, groups: prepared.groups.slice(0, -1) });
  try {
    if (!last) {
      await deps.notes.remember(note);
      return appendedOf(groups);
    }
    const range = await deps.notes.appendNoted(prepared.family, last.instance, last.records, note);
    return appendedOf([...groups, { range, records: last.records }]);
  } catch (error) {
    throw unavailable(error);
  }
}

async function appendGroup(
  deps: AppendDeps,
  prepared: Prepared,
  { instance, records }: RecordGroup,
): Promise<Omit<Appended, 'ranges'>> {
  if (prepared.source !== 'issuer.cloudevents' || !deps.index) {
    const range = await deps.log.append(prepared.family, instance, records);
    return { groups: [{ range, records }], conflicts: [] };
  }
  const identified = records.map((record) => ({ ...record, identity: identityOf(deps, record) }));
  const { verdicts, appended } = await deps.index.appendIdentified(prepared.family, instance, identified, 'keep');
  const conflicts = verdicts.flatMap((verdict, index) =>
    verdict === 'conflict' ? [placeOf(prepared, records[index])] : [],
  );
  return { groups: appended ? [{ range: appended, records }] : [], conflicts };
}

/** The answer where the log cannot store: come again. */
export function unavailable(cause: unknown): Problem {
  return new Problem(
    'unavailable',
    'This could not be stored now, and nothing of it is acknowledged. Send it again.',
    { retry_after_s: 5 },
    cause,
  );
}

/**
 * The identity under which the worker will know the event. A record that the worker will refuse has none; it stands
 * for itself by its bytes, so that it conflicts with nothing.
 */
function identityOf(deps: AppendDeps, record: LogRecord): Identity {
  const input = {
    headers: new Map(Object.entries(record.headers)),
    receivedAtMs: record.timestampMs,
    value: record.value,
  };
  const derived = deriveRecord(input, { tenant: deps.policy.tenant, policy: deps.policy, adapterFor: deps.adapterFor });
  const event = derived.ok ? derived.events[0] : undefined;
  if (event) return { name: event.eventId, hash: contentHashOf(event.event) };
  const hash = createHash('sha256').update(record.value).digest('hex').slice(0, 32);
  return { name: `record:${hash}`, hash };
}

function placeOf(prepared: Prepared, record: LogRecord | undefined): number {
  return prepared.elements.findIndex(({ value }) => value === record?.value);
}
