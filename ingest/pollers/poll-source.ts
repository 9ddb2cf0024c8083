import { Problem } from '../../model/problem.ts';
import type { PolicySource } from '../../model/policy.ts';
import type { PolicyPoll } from '../../model/policy-poll.ts';
import type { Source } from '../../model/source.ts';
import type { PollHttp } from './poll-http.ts';

/** One page that a poll fetched, and how far the poll is once it is durable. */
export interface Portion {
  readonly source: Source;
  /** The bytes as they came; empty where only the cursor moves. */
  readonly body: Buffer;
  /** JSON that the poll is given again at its next round, also after a crash; undefined: what was said before stands. */
  readonly cursor: unknown;
}

/** What a poll is given for a round. Times are milliseconds of the epoch. */
export interface Round {
  readonly installation: PolicySource;
  readonly poll: PolicyPoll;
  /** What the last durable portion said; undefined at the very first round. */
  readonly cursor: unknown;
  readonly http: PollHttp;
  readonly now: number;
  /** The time at which it is asked: where a round is long, what is seen at its end was not seen at its beginning. */
  readonly clock: () => number;
  /** Tells whoever watches something that is neither a page nor a fault. */
  readonly say: (text: string) => void;
}

/** How one system is polled. */
export interface PollSource {
  /** What is fetched, for people. */
  readonly what: string;
  /**
   * `again`: each round reads a stretch (or everything) again, so what it did not meet any more can be forgotten.
   * `on`: it goes on where it was, and repeats come only after a fault.
   */
  readonly reads: 'again' | 'on';
  /** Seconds between two rounds where the policy file says nothing; a minute where this does not either. */
  readonly intervalSeconds?: number;
  /** What of the cursor is shown to people; all of it where this is left out. */
  readonly shown?: (cursor: unknown) => unknown;
  /** Servers that it speaks to beside that of `url`. */
  readonly origins?: (poll: PolicyPoll) => readonly string[];
  /**
   * One round: gives portions until there is nothing new. Whoever runs it asks for the next portion only when the last
   * one is durable, and may stop at any portion. What is thrown ends the round; the cursor of the last portion stands.
   */
  readonly round: (round: Round) => AsyncGenerator<Portion, void, undefined>;
}

/** Reads a page that must be JSON, to see how to go on. Nothing of it is kept. */
export function jsonOf(body: Buffer, where: string): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new Problem('unavailable', `${where} answered something that is not JSON.`);
  }
}

/** The same for a page that must be a list. */
export function listOf(body: Buffer, where: string): readonly unknown[] {
  const list = jsonOf(body, where);
  if (!Array.isArray(list)) throw new Problem('unavailable', `${where} answered something that is not a list.`);
  return list;
}

/** Where a first round begins, milliseconds: what the policy says, or a week before. */
export function firstMs({ poll, now }: Round): number {
  return poll.from === undefined ? now - 7 * 86_400_000 : Math.floor(poll.from / 1_000);
}

/** An address below the server of a poll. */
export function addressOf(poll: PolicyPoll, path: string, query: Readonly<Record<string, string | number>> = {}): URL {
  const url = new URL(`${poll.url.replace(/\/+$/, '')}${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  return url;
}

/**
 * The address that `Link: <...>; rel="next"` names (RFC 8288); undefined where there is none. Whether it may be followed
 * is for the client, which knows the servers of the poll.
 */
export function nextLink(headers: Headers, base: URL): URL | undefined {
  // Both loops are over text that the server chose: no pattern here looks at a character twice.
  for (const [, target = '', parameters = ''] of (headers.get('link') ?? '').matchAll(/<([^<>]*)>([^<]*)/g)) {
    const relations = parameters.split(/[;,]/).map((part) => part.trim().toLowerCase());
    const isNext = relations.some(
      (part) => part.startsWith('rel=') && part.slice(4).replaceAll('"', ' ').split(/\s/).includes('next'),
    );
    if (isNext && URL.canParse(target, base.href)) return new URL(target, base.href);
  }
  return undefined;
}
