import { letterId, parseLetterId } from '../model/dead-letter.ts';
import type { DeadLetter, LetterPlace } from '../model/dead-letter.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import { REASONS } from '../model/reason.ts';
import { findSecrets } from '../model/secret-scan.ts';
import { formatMicros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import {
  countDeadLetters,
  findDeadLetters,
  findLetterContent,
  findReplays,
} from '../store/queries/find-dead-letters.ts';
import type { LetterFilter, LetterPage, LetterRow } from '../store/queries/find-dead-letters.ts';

/** A letter with what it holds. Secrets were taken out before it was stored, and are looked for once more here. */
export interface DeadLetterDetail extends DeadLetter {
  /** The record as text where it is UTF-8, else as base64; at most its first 64 KiB, and `value_cut` says so. */
  readonly value: string;
  readonly encoding: 'utf8' | 'base64';
  readonly value_cut: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string;
  /** RFC 6962 leaf hash, hex. */
  readonly leaf: string;
  readonly replays: readonly {
    readonly id: string;
    readonly received_at: string;
    readonly status: string;
    readonly reason: string;
    readonly detail: string;
    /** Who asked for it. */
    readonly by: string;
  }[];
}

const SHOWN_BYTES = 64 * 1_024;

interface Deps {
  readonly reader: Reader;
  readonly policy: Pick<Policy, 'tenant'>;
}

/** Rejected records, the latest arrival first; at most `limit` of the page, and the row that a next page begins after. */
export async function readDeadLetters(
  { reader, policy }: Deps,
  filter: LetterFilter,
  page: LetterPage,
): Promise<{ readonly letters: readonly DeadLetter[]; readonly next?: LetterRow }> {
  // One more than is shown tells whether the list goes on.
  const rows = await reader.read(findDeadLetters(policy.tenant, filter, { ...page, limit: page.limit + 1 }));
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return { letters: shown.map(tellLetter), ...(rows.length > page.limit && last ? { next: last } : {}) };
}

/** How many letters a filter has, by reason; the state of replays is not looked at. */
export async function countLetters(
  { reader, policy }: Deps,
  filter: Omit<LetterFilter, 'replay'>,
): Promise<Readonly<Record<string, number>>> {
  const rows = await reader.read(countDeadLetters(policy.tenant, filter));
  return Object.fromEntries(rows.map(({ reason, letters }) => [reason, letters]));
}

/** One letter with its content and its replays. Problems: `invalid_request` for what is no name, `not_found`. */
export async function readDeadLetter({ reader, policy }: Deps, id: string): Promise<DeadLetterDetail> {
  const place = parseLetterId(id);
  if (!place)
    throw new Problem(
      'invalid_request',
      'A dead letter is named <topic>/<partition>/<offset>, such as okta.log/0/17, as the list shows it.',
    );
  const [row] = await reader.read(findDeadLetters(policy.tenant, { ids: [id] }, { limit: 1 }));
  const [content] = row ? await reader.read(findLetterContent(policy.tenant, place)) : [];
  if (!row || !content) throw new Problem('not_found', notALetter(place));
  const bytes = Buffer.from(content.value, 'base64');
  const shown = bytes.subarray(0, SHOWN_BYTES);
  const text = shown.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(shown) || bytes.length > shown.length;
  const headers = content.headers === '' ? {} : (JSON.parse(content.headers) as Record<string, string>);
  const replays = await reader.read(findReplays(policy.tenant, id));
  return {
    ...tellLetter(row),
    value: isText ? withoutSecrets(text) : shown.toString('base64'),
    encoding: isText ? 'utf8' : 'base64',
    value_cut: bytes.length > shown.length,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, withoutSecrets(value)])),
    key: content.key,
    leaf: content.leaf,
    replays: replays.map(({ letter, received_ms: ms, status, reason, detail, by }) => ({
      id: letter,
      received_at: formatMicros(ms * 1_000),
      status,
      reason,
      detail,
      by,
    })),
  };
}

function notALetter(place: LetterPlace): string {
  return `${letterId(place)} is no dead letter: there is no such record, it was not rejected, or it repeats another.`;
}

/** A row as it is told. */
export function tellLetter(row: LetterRow): DeadLetter {
  const { reason } = row;
  return {
    id: row.letter,
    topic: row.topic,
    partition: row.partition,
    offset: row.at_offset,
    source: row.source,
    instance: row.instance,
    delivery: row.delivery,
    received_at: formatMicros(row.received_ms * 1_000),
    reason,
    detail: withoutSecrets(row.detail),
    remedy: Object.hasOwn(REASONS, reason) ? REASONS[reason as keyof typeof REASONS].remedy : '',
    bytes: row.bytes,
    ...(row.announced_ms === 0 ? {} : { announced_at: formatMicros(row.announced_ms * 1_000) }),
    replay: row.replay,
    replay_attempts: row.attempts,
    ...(row.attempts === 0
      ? {}
      : { replayed_as: row.replay_letter, replayed_at: formatMicros(row.replayed_ms * 1_000) }),
  };
}

// The second lock: what a scanner of an earlier version let through is not shown either.
function withoutSecrets(text: string): string {
  let shown = '';
  let at = 0;
  for (const { start, end, rule } of findSecrets(text)) {
    shown += `${text.slice(at, start)}[REDACTED:${rule}]`;
    at = end;
  }
  return shown + text.slice(at);
}
