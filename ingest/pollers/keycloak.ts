import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { at } from '../sources/read.ts';
import { addressOf, firstMs, listOf } from './poll-source.ts';
import { listsCursor, readLists } from './read-lists.ts';
import type { ListPage } from './read-lists.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const LISTS = ['events', 'admin-events'] as const;
type List = (typeof LISTS)[number];

const placeSchema = z.object({
  /** The newest event that was read with all before it, milliseconds. */
  watermark: z.number(),
  /** A walk that was not finished: how many were read, and the newest of them. */
  walk: z.object({ first: z.number(), newest: z.number() }).optional(),
});
type Place = z.output<typeof placeSchema>;
const cursorSchema = listsCursor(placeSchema);

const OVERLAP_S = 300;

/**
 * Keycloak's user and admin events by its REST API (sources.md 1.7, 1.7.1). Both lists come newest first and are paged
 * by a count from the newest, so what is added meanwhile comes twice and nothing is jumped over, nor is what has the time
 * of the last row of a page (as long as a page holds more than one time); the watermark moves when
 * a list was read to the time at which the last round ended. What the realm does not store (by type, or because storing
 * is off) is not there: the log tells it.
 */
export const pollKeycloak: PollSource = { what: 'user and admin events', reads: 'again', round };

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const begin = cursorSchema.safeParse(given.cursor).data;
  const pages = readLists(LISTS, begin, (list, place) => walk(given, list, place ?? { watermark: firstMs(given) }));
  for await (const page of pages) yield { source: 'keycloak.event', ...page };
}

async function* walk(given: Round, list: List, begin: Place): AsyncGenerator<ListPage<Place>, void, undefined> {
  const { http, poll, now } = given;
  const most = Math.min(1_000, poll.page_size ?? 500);
  const overlapMs = (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
  const base = addressOf(poll, `/admin/realms/${encodeURIComponent(realmOf(given))}/${list}`);
  let first = begin.walk?.first ?? 0;
  let newest = begin.walk?.newest ?? 0;
  for (;;) {
    const url = new URL(base);
    url.searchParams.set('dateFrom', String(begin.watermark - overlapMs));
    url.searchParams.set('first', String(first));
    url.searchParams.set('max', String(most));
    const { body } = await http.send({ url });
    const events = listOf(body, 'Keycloak');
    for (const event of events) {
      const time = at(event, 'time');
      if (typeof time === 'number' && time <= now) newest = Math.max(newest, time);
    }
    first += stepOf(events);
    const isEnd = events.length < most;
    const watermark = Math.max(begin.watermark, newest);
    const place: Place = isEnd ? { watermark } : { watermark: begin.watermark, walk: { first, newest } };
    yield { body: events.length === 0 ? Buffer.alloc(0) : body, place, isEnd };
    if (isEnd) return;
  }
}

/**
 * How far the next page begins behind this one: at the first of the events that have the oldest time of the page, since
 * events of one time come in any order, another in each answer. A row that comes twice in an answer is counted once.
 */
function stepOf(events: readonly unknown[]): number {
  const times = new Map(events.map((event, row) => [at(event, 'id') ?? row, Number(at(event, 'time'))]));
  const oldest = Math.min(...times.values());
  const newer = [...times.values()].filter((time) => time > oldest).length;
  return newer > 0 ? newer : times.size;
}

/** The realm that a poll reads: named by itself, else by the installation or its issuer. */
export function realmOf({ poll, installation }: Pick<Round, 'poll' | 'installation'>): string {
  const { instance, jwt_issuer: issuer } = installation;
  const found =
    poll.realm ?? [issuer, instance].map((text) => /\/realms\/([^/?#]+)/.exec(text ?? '')?.[1]).find(Boolean);
  if (found !== undefined) return found;
  throw new Problem(
    'configuration',
    `The poll of keycloak ${instance} does not say which realm: set poll.realm in the policy file.`,
  );
}
