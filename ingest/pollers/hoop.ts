import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { at } from '../sources/read.ts';
import { addressOf, firstMs, jsonOf } from './poll-source.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const cursorSchema = z.object({
  /** The newest session, and the newest act of an administrator, that were read with all before them: milliseconds. */
  sessions: z.number(),
  audit: z.number(),
  /** Sessions that may still change, by id, with their start. */
  open: z.record(z.string(), z.number()).default({}),
});
type Cursor = z.output<typeof cursorSchema>;
type Row = { readonly id: string; readonly at: number; readonly isOpen: boolean };

const OVERLAP_S = 3_600;
const PAGE = 100;
// An offset beyond it is refused with 422 (sources.md 1.12.1).
const MOST_OFFSET = 10_000;
// A session may stay open for ever: after this time, or beyond this number, it is asked for no more.
const OPEN_MS = 30 * 86_400_000;
const MOST_OPEN = 5_000;

/**
 * hoop's sessions, reviews and acts of administrators (sources.md 1.12.1): REST is its record. A row is overwritten in
 * place and there is no "changed since", so sessions that are open or under review are asked for again in each round, and
 * the list of reviews is read whole; a row that has changed is a new version, and a fact. Sessions go first: a review
 * names only its session.
 */
export const pollHoop: PollSource = { what: 'sessions, reviews and audit log', reads: 'again', round };

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const first = firstMs(given);
  let cursor: Cursor = cursorSchema.safeParse(given.cursor).data ?? { sessions: first, audit: first, open: {} };
  for await (const portion of sessions(given, cursor)) {
    cursor = portion.cursor;
    yield portion;
  }
  for await (const portion of openSessions(given, cursor)) {
    cursor = portion.cursor;
    yield portion;
  }
  const reviews = await given.http.send({ url: addressOf(given.poll, '/api/reviews') });
  yield { source: 'hoop.event', body: bodyOf(reviews.body, rowsOf(reviews.body)), cursor };
  yield* audit(given, cursor);
}

type HoopPortion = Portion & { readonly cursor: Cursor };

async function* sessions(given: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { http, poll, now } = given;
  const from = begin.sessions - (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
  const open: Record<string, number> = { ...begin.open };
  let newest = begin.sessions;
  let until = now + 86_400_000;
  let oldest = until;
  let offset = 0;
  for (;;) {
    const query = { limit: PAGE, offset, start_date: iso(from), end_date: iso(until) };
    const { body } = await http.send({ url: addressOf(poll, '/api/sessions', query) });
    const rows = rowsOf(body);
    for (const row of rows) {
      if (row.at <= now) newest = Math.max(newest, row.at);
      oldest = Math.min(oldest, row.at);
      if (row.isOpen) open[row.id] = row.at;
      else delete open[row.id];
    }
    offset += rows.length;
    const isEnd = rows.length < PAGE;
    yield {
      source: 'hoop.event',
      body: bodyOf(body, rows),
      cursor: { ...begin, sessions: isEnd ? newest : begin.sessions, open: stillOpen(open, now) },
    };
    if (isEnd) return;
    if (offset + PAGE <= MOST_OFFSET) continue;
    // Beyond the offsets that hoop takes the walk goes on below the oldest that it met, which comes once more.
    if (oldest + 1 >= until) throw new Problem('unavailable', 'More hoop sessions began in one moment than it lists.');
    until = oldest + 1;
    offset = 0;
  }
}

// Those before the window of the list are asked for one by one.
async function* openSessions(given: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { http, poll, now } = given;
  const from = begin.sessions - (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
  const open = { ...begin.open };
  for (const [id, started] of Object.entries(begin.open)) {
    if (started >= from) continue;
    const url = addressOf(poll, `/api/sessions/${encodeURIComponent(id)}`);
    const answer = await http.send({ url, accept: [404] });
    const row = answer.status === 404 ? undefined : rowOf(jsonOf(answer.body, 'hoop'));
    if (row?.isOpen !== true) delete open[id];
    yield {
      source: 'hoop.event',
      body: row ? answer.body : Buffer.alloc(0),
      cursor: { ...begin, open: stillOpen(open, now) },
    };
  }
}

async function* audit(given: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { http, poll, now } = given;
  const from = begin.audit - (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
  let newest = begin.audit;
  for (let page = 1; ; page += 1) {
    const url = addressOf(poll, '/api/audit/logs', { page, page_size: PAGE });
    const { body } = await http.send({ url });
    const rows = rowsOf(body);
    for (const row of rows) if (row.at <= now) newest = Math.max(newest, row.at);
    // Newest first: once a row lies before the window, so do all that follow.
    const isEnd = rows.length < PAGE || rows.some((row) => row.at < from);
    yield {
      source: 'hoop.event',
      body: bodyOf(body, rows),
      cursor: { ...begin, audit: isEnd ? newest : begin.audit },
    };
    if (isEnd) return;
  }
}

function rowsOf(body: Buffer): readonly Row[] {
  const json = jsonOf(body, 'hoop');
  const list = Array.isArray(json) ? (json as readonly unknown[]) : at(json, 'data');
  if (list === null) return [];
  if (!Array.isArray(list)) throw new Problem('unavailable', 'hoop answered something that is not a list.');
  return list.map((row) => rowOf(row));
}

function rowOf(row: unknown): Row {
  const time = Date.parse(String(at(row, 'start_date') ?? at(row, 'created_at')));
  const isOpen = at(row, 'status') !== 'done' || at(row, 'review', 'status') === 'PENDING';
  return { id: String(at(row, 'id')), at: Number.isNaN(time) ? 0 : time, isOpen };
}

function bodyOf(body: Buffer, rows: readonly Row[]): Buffer {
  return rows.length === 0 ? Buffer.alloc(0) : body;
}

function stillOpen(open: Readonly<Record<string, number>>, now: number): Record<string, number> {
  const young = Object.entries(open).filter(([, started]) => started > now - OPEN_MS);
  return Object.fromEntries(young.sort(([, a], [, b]) => b - a).slice(0, MOST_OPEN));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
