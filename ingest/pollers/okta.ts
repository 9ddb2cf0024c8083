import { z } from 'zod';
import { at } from '../sources/read.ts';
import { addressOf, firstMs, listOf, nextLink } from './poll-source.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const cursorSchema = z.object({ next: z.url(), published: z.number().optional() });

/** What Okta answers to a link that it no longer knows. */
const EXPIRED = [400, 404, 410];
const OVERLAP_S = 3_600;
// `since` older than 180 days is an error (sources.md 1.5.a).
const LONGEST_MS = 179 * 86_400_000;

/**
 * Okta's System Log (sources.md 1.5.a), by the mode without an end: ordered by when Okta stored an event, so what is
 * published late comes late and is not missed. The whole link to the next page is kept and never built by hand, because
 * `published` may go backwards. A link that Okta no longer knows starts anew an hour before the last event.
 */
export const pollOkta: PollSource = { what: 'System Log', reads: 'on', round };

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const { http, poll, say } = given;
  const cursor = cursorSchema.safeParse(given.cursor).data;
  let published = cursor?.published;
  let url = cursor ? new URL(cursor.next) : startOf(given, firstMs(given));
  let isStored = cursor !== undefined;
  for (;;) {
    const answer = await http.send({ url, accept: isStored ? EXPIRED : [] });
    if (answer.status >= 300) {
      say(`Okta no longer knows the link to the next page (${answer.status}); starting anew before the last event`);
      const overlapMs = (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
      url = startOf(given, published === undefined ? firstMs(given) : published - overlapMs);
      isStored = false;
      continue;
    }
    const events = listOf(answer.body, 'Okta');
    for (const event of events) {
      const time = Date.parse(String(at(event, 'published')));
      if (!Number.isNaN(time)) published = Math.max(published ?? 0, time);
    }
    const next = nextLink(answer.headers, url);
    const place = next ?? url;
    yield {
      source: 'okta.log',
      body: events.length === 0 ? Buffer.alloc(0) : answer.body,
      cursor: { next: place.href, ...(published !== undefined && { published }) },
    };
    // The last page links to the page that will come: there it is asked again at the next round.
    if (events.length === 0 || next === undefined || next.href === url.href) return;
    url = next;
    isStored = false;
  }
}

function startOf({ poll, now }: Round, fromMs: number): URL {
  return addressOf(poll, '/api/v1/logs', {
    since: new Date(Math.max(fromMs, now - LONGEST_MS)).toISOString(),
    sortOrder: 'ASCENDING',
    limit: poll.page_size ?? 1_000,
  });
}
