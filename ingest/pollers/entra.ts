import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { at } from '../sources/read.ts';
import { addressOf, firstMs, jsonOf } from './poll-source.ts';
import { listsCursor, readLists } from './read-lists.ts';
import type { ListPage } from './read-lists.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

type Log = NonNullable<Round['poll']['logs']>[number];

const placeSchema = z.object({
  /** The newest entry that was read with all before it, milliseconds. */
  watermark: z.number(),
  /** A walk that was not finished: the next page, and the newest entry that it met. */
  walk: z.object({ next: z.url(), newest: z.number() }).optional(),
});
type Place = z.output<typeof placeSchema>;
const cursorSchema = listsCursor(placeSchema);

const OVERLAP_S = 10_800;
const LOGS: readonly Log[] = ['signIns', 'directoryAudits'];
const EXPIRED = [400, 404, 410];

/**
 * Entra's sign-ins and directory audits by Microsoft Graph (sources.md 1.6.a). Entries come late, so each round reads
 * from three hours before the newest; the same id by diagnostic settings is the same event. Interactive sign-ins are in
 * v1.0, those of services, managed identities and clients without a person only in beta.
 */
export const pollEntra: PollSource = { what: 'sign-ins and directory audits', reads: 'again', round };

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const begin = cursorSchema.safeParse(given.cursor).data;
  const logs = given.poll.logs ?? LOGS;
  const pages = readLists(logs, begin, (log, place) => walk(given, log, place ?? { watermark: firstMs(given) }));
  for await (const page of pages) yield { source: 'entra.log', ...page };
}

async function* walk(given: Round, log: Log, begin: Place): AsyncGenerator<ListPage<Place>, void, undefined> {
  const { http, now, say } = given;
  let url = begin.walk ? new URL(begin.walk.next) : startOf(given, log, begin.watermark);
  let newest = begin.walk?.newest ?? 0;
  let isStored = begin.walk !== undefined;
  for (;;) {
    const answer = await http.send({ url, accept: isStored ? EXPIRED : [] });
    if (answer.status >= 300) {
      say(`Graph no longer knows the link to the next page (${answer.status}); reading the window again`);
      url = startOf(given, log, begin.watermark);
      isStored = false;
      continue;
    }
    isStored = false;
    const page = jsonOf(answer.body, 'Graph');
    const rows = at(page, 'value');
    if (!Array.isArray(rows)) throw new Problem('unavailable', 'Graph answered a page without its list.');
    for (const row of rows as readonly unknown[]) {
      const time = Date.parse(String(at(row, 'createdDateTime') ?? at(row, 'activityDateTime')));
      if (time <= now) newest = Math.max(newest, time);
    }
    const link = at(page, '@odata.nextLink');
    const next = typeof link === 'string' && URL.canParse(link) && link !== url.href ? link : undefined;
    const watermark = Math.max(begin.watermark, newest);
    const place: Place = next === undefined ? { watermark } : { watermark: begin.watermark, walk: { next, newest } };
    yield { body: rows.length === 0 ? Buffer.alloc(0) : answer.body, place, isEnd: next === undefined };
    if (next === undefined) return;
    url = new URL(next);
  }
}

function startOf({ poll }: Round, log: Log, watermark: number): URL {
  const from = new Date(watermark - (poll.overlap_seconds ?? OVERLAP_S) * 1_000).toISOString();
  const isAudit = log === 'directoryAudits';
  const kind = log === 'signIns' || isAudit ? '' : ` and signInEventTypes/any(t: t eq '${log}')`;
  const url = addressOf(poll, `/${kind === '' ? 'v1.0' : 'beta'}/auditLogs/${isAudit ? log : 'signIns'}`);
  const filter = `${isAudit ? 'activityDateTime' : 'createdDateTime'} ge ${from}${kind}`;
  // Graph reads its own options by their bare names, and a space as %20.
  url.search = `?$filter=${encodeURIComponent(filter)}&$top=${poll.page_size ?? 500}`;
  return url;
}
