import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { bodyOf, rowOf, rowsOf } from './hoop-rows.ts';
import { addressOf, firstMs, jsonOf } from './poll-source.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const STEPS = ['sessions', 'open', 'reviews', 'audit'] as const;
type Step = (typeof STEPS)[number];

// Times are milliseconds of the epoch.
const cursorSchema = z.object({
  step: z.enum(STEPS),
  /** The newest session, and the newest act of an administrator, that were read with all before them. */
  sessions: z.number(),
  audit: z.number(),
  /** A walk over the sessions that was not finished; the next page of the audit log. */
  walk: z.object({ offset: z.number(), until: z.number(), oldest: z.number(), newest: z.number() }).optional(),
  page: z.object({ next: z.number(), newest: z.number() }).optional(),
  /** Sessions that may still change, by id, with their start; those that this round has still to ask for. */
  open: z.record(z.string(), z.number()),
  left: z.array(z.string()).optional(),
});
type Cursor = z.output<typeof cursorSchema>;

const OVERLAP_S = 3_600;
const PAGE = 100;
// An offset beyond it is refused with 422 (sources.md 1.12.1).
const MOST_OFFSET = 10_000;
// A session may stay open for ever: after this time, or beyond this number, it is asked for no more.
const OPEN_MS = 30 * 86_400_000;
const MOST_OPEN = 5_000;
const DAY_MS = 86_400_000;

/**
 * hoop's sessions, reviews and acts of administrators (sources.md 1.12.1): REST is its record. A row is overwritten in
 * place and there is no "changed since", so sessions that are open or under review are asked for again in each round, and
 * the list of reviews is read whole; a row that has changed is a new version, and a fact. Sessions go first: a review
 * names only its session. A round that was broken off goes on at its step.
 */
export const pollHoop: PollSource = { what: 'sessions, reviews and audit log', reads: 'again', round };

const READERS: Readonly<Record<Step, (given: Round, begin: Cursor) => AsyncGenerator<HoopPortion, void, undefined>>> = {
  sessions: readSessions,
  open: readOpen,
  reviews: readReviews,
  audit: readAudit,
};

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const first = firstMs(given);
  let cursor: Cursor = cursorSchema.safeParse(given.cursor).data ?? { step: 'sessions', sessions: first, audit: first, open: {} }; // prettier-ignore
  for (let at = STEPS.indexOf(cursor.step); at < STEPS.length; at += 1) {
    const read = READERS[STEPS[at] ?? 'sessions'];
    for await (const portion of read(given, cursor)) {
      cursor = portion.cursor;
      yield portion;
    }
  }
}

interface HoopPortion extends Portion {
  readonly cursor: Cursor;
}

function portionOf(body: Buffer, cursor: Cursor): HoopPortion {
  return { source: 'hoop.event', body, cursor };
}

async function* readSessions(given: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { http, poll, now } = given;
  const { walk: resumed, ...rest } = begin;
  const from = windowOf(given, begin.sessions);
  const walk = { ...(resumed ?? { offset: 0, until: now + DAY_MS, oldest: now + DAY_MS, newest: begin.sessions }) };
  const open = { ...begin.open };
  for (;;) {
    const query = { limit: PAGE, offset: walk.offset, start_date: iso(from), end_date: iso(walk.until) };
    const { body } = await http.send({ url: addressOf(poll, '/api/sessions', query) });
    const rows = rowsOf(body);
    for (const row of rows) {
      if (row.at <= now) walk.newest = Math.max(walk.newest, row.at);
      walk.oldest = Math.min(walk.oldest, row.at);
      if (row.isOpen) open[row.id] = row.at;
      else delete open[row.id];
    }
    // A row that a page has twice takes up one place of the list, not two.
    walk.offset += new Set(rows.map(({ id }) => id)).size;
    if (rows.length < PAGE) {
      const left = Object.keys(open).filter((id) => (open[id] ?? 0) < from);
      const next = { ...rest, sessions: walk.newest, open: stillOpen(open, now), left };
      yield portionOf(bodyOf(body, rows), { ...next, step: 'open' });
      return;
    }
    if (walk.offset + PAGE > MOST_OFFSET) {
      // Beyond the offsets that hoop takes the walk goes on below the oldest that it met, which comes once more.
      if (walk.oldest + 1 >= walk.until)
        throw new Problem('unavailable', 'More hoop sessions began in one moment than it lists.');
      walk.until = walk.oldest + 1;
      walk.offset = 0;
    }
    yield portionOf(bodyOf(body, rows), { ...rest, walk: { ...walk }, open: stillOpen(open, now) });
  }
}

// Those from before the window of the list are asked for one by one.
async function* readOpen({ http, poll }: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { left = [], ...rest } = begin;
  const open = { ...begin.open };
  for (const [at, id] of left.entries()) {
    const url = addressOf(poll, `/api/sessions/${encodeURIComponent(id)}`);
    const answer = await http.send({ url, accept: [404] });
    const row = answer.status === 404 ? undefined : rowOf(jsonOf(answer.body, 'hoop'));
    if (row?.isOpen !== true) delete open[id];
    yield portionOf(row ? answer.body : Buffer.alloc(0), { ...rest, open: { ...open }, left: left.slice(at + 1) });
  }
  yield portionOf(Buffer.alloc(0), { ...rest, open, step: 'reviews' });
}

async function* readReviews({ http, poll }: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { body } = await http.send({ url: addressOf(poll, '/api/reviews') });
  yield portionOf(bodyOf(body, rowsOf(body)), { ...begin, step: 'audit' });
}

async function* readAudit(given: Round, begin: Cursor): AsyncGenerator<HoopPortion, void, undefined> {
  const { http, poll, now } = given;
  const { page: resumed, ...rest } = begin;
  const from = windowOf(given, begin.audit);
  let { next, newest } = resumed ?? { next: 1, newest: begin.audit };
  for (;;) {
    const { body } = await http.send({ url: addressOf(poll, '/api/audit/logs', { page: next, page_size: PAGE }) });
    const rows = rowsOf(body);
    for (const row of rows) if (row.at <= now) newest = Math.max(newest, row.at);
    next += 1;
    // Newest first: once a row lies before the window, so do all that follow.
    const isEnd = rows.length < PAGE || rows.some((row) => row.at < from);
    const cursor: Cursor = isEnd ? { ...rest, audit: newest, step: 'sessions' } : { ...rest, page: { next, newest } };
    yield portionOf(bodyOf(body, rows), cursor);
    if (isEnd) return;
  }
}

function windowOf({ poll }: Round, watermark: number): number {
  return watermark - (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
}

function stillOpen(open: Readonly<Record<string, number>>, now: number): Record<string, number> {
  const young = Object.entries(open).filter(([, started]) => started > now - OPEN_MS);
  return Object.fromEntries(young.sort(([, a], [, b]) => b - a).slice(0, MOST_OPEN));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
