import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ChainEvent } from '../model/chain.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import type { StoredEvent } from '../store/stored-event.ts';
import { eventsQuery, MAX_EVENTS, read } from './api-schemas.ts';
import { tellEvent } from './chains/build-chain.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import { findingsOfPage } from './chains/page-findings.ts';
import { createRules } from './chains/rules.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { CSV_HEADER, csvLine, emptyText, textLines } from './event-formats.ts';
import { parseFilter } from './filter.ts';
import { createIdentities } from './identity.ts';
import type { QueryApiDeps } from './query-api.ts';
import { gapLine, gapsBetween } from './timeline-gaps.ts';
import type { MarkedGap } from './timeline-gaps.ts';
import { readTimeline } from './timeline.ts';
import type { TimelineQuestion } from './timeline.ts';
import type { Tracer } from './trace.ts';

/** Microseconds UTC of 2200-01-01: the end of a list that asks for none. */
const END_OF_TIME = 7_258_118_400_000_000;

const TYPES = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  text: 'text/plain; charset=utf-8',
} as const;

/**
 * `GET /v1/events?from&to&where&as_of&limit&cursor&format`: events in order of time. JSON pages by cursor (at most 1,000
 * a page); NDJSON, CSV and text stream up to `limit`. Text also shows where the sources have gaps.
 */
export function addEventsRoute(app: FastifyInstance, deps: QueryApiDeps, tracer: Tracer): void {
  const rules = createRules(deps.policy);
  const identities = createIdentities(deps.policy, []);
  const tell = async (events: readonly StoredEvent[], asOf: Micros | undefined): Promise<readonly ChainEvent[]> => {
    const asOfMs = asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
    const findings = await findingsOfPage(deps.reader, deps.policy.tenant, events, asOfMs, identities);
    return events.map((event) => tellEvent(event, rules, identities, findings.get(event.ref)));
  };
  app.get('/v1/events', async (request, reply) => {
    const query = read(eventsQuery, request.query);
    const filter = parseFilter(query.where ?? '');
    const [from, to] = [query.from ?? 0, query.to ?? END_OF_TIME];
    const asked = JSON.stringify([from, to, filter, query.as_of ?? null]);
    const question: TimelineQuestion = {
      from,
      to,
      filter,
      limit: query.limit ?? MAX_EVENTS.json,
      ...(query.as_of === undefined ? {} : { asOf: query.as_of }),
      ...(query.cursor === undefined ? {} : { after: readCursor(deps.cursorKey, asked, query.cursor) }),
    };
    if (query.format === 'json') return answerPage(deps, question, asked, tell);
    // A page of text marks the stretches of which something is missing; files for programs hold events alone.
    const marks = query.format === 'text' ? gapsBetween(await tracer.sources(query.as_of), from, to) : [];
    const empty = async (): Promise<string> =>
      query.format === 'text' ? emptyText(describe(question, query.where), await tracer.sources(query.as_of)) : '';
    const pages = readTimeline(deps.reader, deps.policy, question);
    return answerStream(reply, query.format, pages, (events) => tell(events, query.as_of), { empty, marks });
  });
}

/** Events as they are shown, with what must be told beside them. */
type Tell = (events: readonly StoredEvent[], asOf: Micros | undefined) => Promise<readonly ChainEvent[]>;

interface EventsPage {
  readonly events: readonly ChainEvent[];
  /** Where the list goes on; null at its end. */
  readonly next: string | null;
}

async function answerPage(
  deps: QueryApiDeps,
  question: TimelineQuestion,
  asked: string,
  tell: Tell,
): Promise<EventsPage> {
  const limit = Math.min(question.limit, MAX_EVENTS.json);
  const found: StoredEvent[] = [];
  // One more than is shown tells whether the list goes on.
  for await (const page of readTimeline(deps.reader, deps.policy, { ...question, limit: limit + 1 }))
    found.push(...page);
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const goesOn = found.length > limit && last !== undefined;
  const next = goesOn ? writeCursor(deps.cursorKey, asked, { us: last.occurredAt, ref: last.ref }) : null;
  return { events: await tell(shown, question.asOf), next };
}

function answerStream(
  reply: FastifyReply,
  format: keyof typeof TYPES,
  pages: AsyncIterable<readonly StoredEvent[]>,
  tell: (events: readonly StoredEvent[]) => Promise<readonly ChainEvent[]>,
  { empty, marks }: { readonly empty: () => Promise<string>; readonly marks: readonly MarkedGap[] },
): FastifyReply {
  const line = { ndjson: (event: ChainEvent) => `${JSON.stringify(event)}\n`, csv: csvLine, text: textLines }[format];
  async function* write(): AsyncGenerator<string, void, undefined> {
    let count = 0;
    const left = [...marks];
    // The marks that begin before a moment, each once.
    const marksUntil = (time: string): string => {
      const at = left.findIndex((mark) => mark.from > time);
      return left
        .splice(0, at < 0 ? left.length : at)
        .map(gapLine)
        .join('');
    };
    const told = (event: ChainEvent): string => marksUntil(event.occurred_at) + line(event);
    if (format === 'csv') yield CSV_HEADER;
    for await (const page of pages) {
      count += page.length;
      yield (await tell(page)).map(told).join('');
    }
    yield left.map(gapLine).join('');
    if (count === 0) yield await empty();
  }
  return reply.type(TYPES[format]).header('x-content-type-options', 'nosniff').send(Readable.from(write()));
}

function describe(question: TimelineQuestion, where: string | undefined): string {
  const to = question.to === END_OF_TIME ? 'the end' : formatMicros(question.to);
  return `from ${formatMicros(question.from)} to ${to}${where === undefined || where === '' ? '' : `, where ${where}`}`;
}
