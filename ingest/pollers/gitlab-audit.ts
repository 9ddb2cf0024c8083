import { z } from 'zod';
import { at } from '../sources/read.ts';
import { addressOf, firstMs, listOf, nextLink } from './poll-source.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const cursorSchema = z.object({
  /** The time up to which everything was read, milliseconds. */
  watermark: z.number(),
  /** A walk that was not finished: the next page, the end of its stretch, the newest event that it met. */
  walk: z.object({ next: z.url(), until: z.number(), newest: z.number() }).optional(),
});
type Cursor = z.output<typeof cursorSchema>;

const OVERLAP_S = 7_200;
const BEHIND_MS = 300_000;
// An instance answers for at most 30 days at a time (sources.md 1.2).
const STRETCH_MS = 29 * 86_400_000;
const EXPIRED = [400, 404];

/**
 * GitLab's audit events by REST (sources.md 1.2): the saved ones, which the stream sends too. Each round reads from two
 * hours before the watermark to now, page after page by keyset, in whatever order they come; the watermark moves to five
 * minutes before the newest event when a stretch was read to its end.
 */
export const pollGitlabAudit: PollSource = { what: 'audit events', reads: 'again', round };

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const { http, poll, now, say } = given;
  let cursor: Cursor = cursorSchema.safeParse(given.cursor).data ?? { watermark: firstMs(given) };
  for (;;) {
    const overlapMs = (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
    const from = cursor.watermark - overlapMs;
    const until = cursor.walk?.until ?? Math.min(now, from + STRETCH_MS);
    let url = cursor.walk ? new URL(cursor.walk.next) : pageOf(given, from, until);
    let newest = cursor.walk?.newest ?? 0;
    let isStored = cursor.walk !== undefined;
    for (;;) {
      const answer = await http.send({ url, accept: isStored ? EXPIRED : [] });
      if (answer.status >= 300) {
        say(`GitLab no longer knows the link to the next page (${answer.status}); reading the stretch again`);
        url = pageOf(given, from, until);
        isStored = false;
        continue;
      }
      isStored = false;
      const events = listOf(answer.body, 'GitLab');
      for (const event of events) newest = Math.max(newest, Date.parse(String(at(event, 'created_at'))) || 0);
      const next = events.length === 0 ? undefined : nextLink(answer.headers, url);
      cursor =
        next && next.href !== url.href
          ? { watermark: cursor.watermark, walk: { next: next.href, until, newest } }
          : { watermark: watermarkOf(cursor, newest, until, now) };
      yield { source: 'gitlab.audit-rest', body: events.length === 0 ? Buffer.alloc(0) : answer.body, cursor };
      if (!cursor.walk) break;
      url = new URL(cursor.walk.next);
    }
    if (until >= now) return;
  }
}

// A stretch that lies wholly in the past moves on to its end, whether anything happened in it or not.
function watermarkOf(cursor: Cursor, newest: number, until: number, now: number): number {
  return until < now ? until : Math.max(cursor.watermark, Math.min(newest, now) - BEHIND_MS);
}

function pageOf({ poll }: Round, from: number, until: number): URL {
  const scope = poll.scope === undefined ? '' : `/${poll.scope.replace(/^\/+|\/+$/g, '')}`;
  return addressOf(poll, `/api/v4${scope}/audit_events`, {
    created_after: new Date(from).toISOString(),
    created_before: new Date(until).toISOString(),
    pagination: 'keyset',
    per_page: Math.min(100, poll.page_size ?? 100),
  });
}
