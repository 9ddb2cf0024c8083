import { z } from 'zod';
import type { LetterPlace, ReplayState } from '../../model/dead-letter.ts';
import type { Query } from '../query.ts';

const whole = z.string().transform(Number);

/** A rejected record without its value, and the best of its replays. Times are Unix milliseconds; 0 for never. */
const letterRow = z.object({
  letter: z.string(),
  place: z.string(),
  topic: z.string(),
  partition: z.number(),
  at_offset: whole,
  source: z.string(),
  instance: z.string(),
  delivery: z.string(),
  received_ms: whole,
  reason: z.string(),
  detail: z.string(),
  bytes: whole,
  announced_ms: whole,
  attempts: z.number(),
  replay: z.enum(['none', 'accepted', 'duplicate', 'conflict', 'rejected']),
  replay_letter: z.string(),
  replayed_ms: whole,
});
export type LetterRow = z.output<typeof letterRow>;

/** Which letters are wanted; what is left out does not restrict. */
export interface LetterFilter {
  readonly ids?: readonly string[];
  /** The name of a source (`gitlab.audit-stream`) or of a family, which is the topic. */
  readonly source?: string;
  readonly instance?: string;
  readonly reason?: string;
  /** `[fromMs, toMs)` of the arrival. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Offsets, both ends included. */
  readonly offsets?: readonly [number, number];
  readonly replay?: ReplayState;
}

export interface LetterPage {
  readonly limit: number;
  /** Begin after this one, in the order of the list. */
  readonly after?: { readonly receivedMs: number; readonly place: string };
}

// `<topic>/<partition>/<offset>`, as model/dead-letter.ts writes it.
const nameOf = (table: string): string =>
  `concat(${table}.topic, '/', toString(${table}.partition), '/', toString(${table}.offset), if(${table}.source_epoch = 1, '', concat('@', toString(${table}.source_epoch))))`;

/**
 * Rejected records, the latest arrival first. A replay is a record of its own that names its letter; it is told with the
 * letter and not beside it. Both are found by skip indexes, so that what was accepted costs next to nothing.
 */
export function findDeadLetters(tenant: string, filter: LetterFilter, page: LetterPage): Query<LetterRow> {
  const { sql: conditions, params } = compile(filter);
  const after =
    page.after === undefined
      ? ''
      : 'AND (letters.received_at, letters.ref) < (fromUnixTimestamp64Milli({after_ms:Int64}), {after_ref:UInt64})';
  return {
    sql: `WITH replays AS (
  SELECT JSONExtractString(again.headers, 'x-custody-replay-of') AS original, toUInt32(count()) AS attempts,
    argMin((toString(again.status), ${nameOf('again')}, again.received_at), (toInt8(again.status), again.ref)) AS best
  FROM records AS again
  WHERE again.tenant = {tenant:String} AND again.delivery = 'replay'
  GROUP BY original
)
SELECT ${nameOf('letters')} AS letter, toString(letters.ref) AS place, letters.topic AS topic, letters.partition AS partition,
  toString(letters.offset) AS at_offset, letters.source AS source, letters.instance AS instance, letters.delivery AS delivery,
  toString(toUnixTimestamp64Milli(letters.received_at)) AS received_ms, letters.reason AS reason, letters.detail AS detail, toString(length(letters.value)) AS bytes,
  toString(if(told.letters > 0 AND told.last_offset >= letters.offset, intDiv(toUnixTimestamp64Micro(told.announced_at), 1000), 0)) AS announced_ms,
  replays.attempts AS attempts, if(replays.attempts = 0, 'none', replays.best.1) AS replay, replays.best.2 AS replay_letter,
  toString(if(replays.attempts = 0, 0, toUnixTimestamp64Milli(replays.best.3))) AS replayed_ms
FROM records AS letters
ASOF LEFT JOIN announcements AS told ON told.topic = letters.topic AND told.source_epoch = letters.source_epoch
  AND told.partition = letters.partition AND told.first_offset <= letters.offset
LEFT JOIN replays ON replays.original = ${nameOf('letters')}
WHERE letters.tenant = {tenant:String} AND letters.status = 'rejected' AND letters.delivery != 'replay' ${after} ${conditions}
ORDER BY letters.received_at DESC, letters.ref DESC
LIMIT {row_limit:UInt32}`,
    params: {
      ...params,
      tenant,
      row_limit: page.limit,
      ...(page.after === undefined ? {} : { after_ms: page.after.receivedMs, after_ref: page.after.place }),
    },
    row: letterRow,
  };
}

function compile(filter: LetterFilter): { readonly sql: string; readonly params: Query<unknown>['params'] } {
  const params: Record<string, string | number | readonly string[]> = {};
  const parts: string[] = [];
  const add = (condition: string, values: typeof params): void => {
    parts.push(condition);
    Object.assign(params, values);
  };
  const { ids, source, instance, reason, fromMs, toMs, offsets, replay } = filter;
  if (ids !== undefined) add(`${nameOf('letters')} IN {ids:Array(String)}`, { ids });
  if (source !== undefined) add('(letters.source = {source:String} OR letters.topic = {source:String})', { source });
  if (instance !== undefined) add('letters.instance = {instance:String}', { instance });
  if (reason !== undefined) add('letters.reason = {reason:String}', { reason });
  if (fromMs !== undefined)
    add('letters.received_at >= fromUnixTimestamp64Milli({from_ms:Int64})', { from_ms: fromMs });
  if (toMs !== undefined) add('letters.received_at < fromUnixTimestamp64Milli({to_ms:Int64})', { to_ms: toMs });
  if (offsets !== undefined)
    add('letters.offset BETWEEN {first:UInt64} AND {last:UInt64}', { first: offsets[0], last: offsets[1] });
  if (replay !== undefined) add("if(replays.attempts = 0, 'none', replays.best.1) = {replay:String}", { replay });
  return { sql: parts.map((part) => `AND ${part}`).join(' '), params };
}

const contentRow = z.object({
  key: z.string(),
  value: z.string(),
  headers: z.string(),
  leaf: z.string(),
});
export type LetterContent = z.output<typeof contentRow>;

/** What a letter holds: key, value (base64), headers (a JSON object) and leaf (hex). */
export function findLetterContent(tenant: string, place: LetterPlace): Query<LetterContent> {
  return {
    sql: `SELECT key, base64Encode(value) AS value, headers, lower(hex(leaf)) AS leaf
FROM records
WHERE tenant = {tenant:String} AND topic = {topic:String} AND source_epoch = {source_epoch:UInt16} AND partition = {partition:UInt16}
  AND records.offset = {at_offset:UInt64} AND status = 'rejected'
LIMIT 1`,
    params: {
      tenant,
      topic: place.topic,
      source_epoch: place.sourceEpoch,
      partition: place.partition,
      at_offset: place.offset,
    },
    row: contentRow,
  };
}

const replayRow = z.object({
  letter: z.string(),
  received_ms: whole,
  status: z.enum(['accepted', 'duplicate', 'conflict', 'rejected']),
  reason: z.string(),
  detail: z.string(),
  by: z.string(),
});
export type ReplayRow = z.output<typeof replayRow>;

/** The replays of one letter, in the order of the log. */
export function findReplays(tenant: string, letter: string): Query<ReplayRow> {
  return {
    sql: `SELECT ${nameOf('again')} AS letter, toString(toUnixTimestamp64Milli(again.received_at)) AS received_ms, toString(again.status) AS status,
  again.reason AS reason, again.detail AS detail, JSONExtractString(again.headers, 'x-custody-replayed-by') AS by
FROM records AS again
WHERE again.tenant = {tenant:String} AND again.delivery = 'replay' AND JSONExtractString(again.headers, 'x-custody-replay-of') = {letter:String}
ORDER BY again.ref
LIMIT 100`,
    params: { tenant, letter },
    row: replayRow,
  };
}

const totalRow = z.object({ reason: z.string(), letters: whole });

/** How many letters of a filter there are, by reason. The state of replays is not looked at. */
export function countDeadLetters(
  tenant: string,
  filter: Omit<LetterFilter, 'replay'>,
): Query<z.output<typeof totalRow>> {
  const { sql: conditions, params } = compile(filter);
  return {
    sql: `SELECT letters.reason AS reason, toString(count()) AS letters
FROM records AS letters
WHERE letters.tenant = {tenant:String} AND letters.status = 'rejected' AND letters.delivery != 'replay' ${conditions}
GROUP BY reason
ORDER BY reason`,
    params: { ...params, tenant },
    row: totalRow,
  };
}
