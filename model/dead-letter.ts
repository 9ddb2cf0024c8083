import { FAMILIES } from './source.ts';
import type { Family } from './source.ts';

/** Where a rejected record lies in the log. `sourceEpoch` counts the histories of a log that was replaced; the first is 1. */
export interface LetterPlace {
  readonly topic: Family;
  readonly partition: number;
  readonly offset: number;
  readonly sourceEpoch: number;
}

/**
 * The name of a dead letter: `<topic>/<partition>/<offset>`, such as `okta.log/0/17`; `@<epoch>` follows where the log
 * was replaced since. Announcements carry it as `x-source`, replays as `x-custody-replay-of`.
 */
export function letterId({ topic, partition, offset, sourceEpoch }: LetterPlace): string {
  return `${topic}/${partition}/${offset}${sourceEpoch === 1 ? '' : `@${sourceEpoch}`}`;
}

const LETTER_ID = /^([a-z][a-z0-9.]{0,63})\/(\d{1,5})\/(\d{1,11})(?:@(\d{1,5}))?$/;

/** The place that a name stands for; undefined for what is no such name. */
export function parseLetterId(text: string): LetterPlace | undefined {
  const [, topic, partition, offset, epoch] = LETTER_ID.exec(text) ?? [];
  const family = FAMILIES.find((name) => name === topic);
  if (family === undefined) return undefined;
  const place = {
    topic: family,
    partition: Number(partition),
    offset: Number(offset),
    sourceEpoch: Number(epoch ?? 1),
  };
  return letterId(place) === text ? place : undefined;
}

/**
 * What became of replays of a letter, the best of them: `accepted`, `duplicate` (its event was held already), `conflict`
 * (held with other content), `rejected` (again). `none`: nobody replayed it.
 */
export const REPLAY_STATES = ['none', 'accepted', 'duplicate', 'conflict', 'rejected'] as const;
export type ReplayState = (typeof REPLAY_STATES)[number];

/** A rejected record as it is listed. Times are text in UTC. */
export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly source: string;
  readonly instance: string;
  /** How it came: push, poll, import. */
  readonly delivery: string;
  readonly received_at: string;
  /** Of the closed list of reasons; `detail` names the field, never its value; `remedy` says what can be done. */
  readonly reason: string;
  readonly detail: string;
  readonly remedy: string;
  readonly bytes: number;
  /** When it was announced on the dead-letter topic; absent until it was. */
  readonly announced_at?: string;
  readonly replay: ReplayState;
  readonly replay_attempts: number;
  /** The record that the best replay made, by the same kind of name, and when. */
  readonly replayed_as?: string;
  readonly replayed_at?: string;
}

/** What a request to replay did with one letter. */
export const REPLAY_OUTCOMES = [
  'accepted',
  'duplicate',
  'conflict',
  'rejected',
  'already_replayed',
  'still_rejected',
  'would_be_replayed',
  'not_found',
] as const;
export type ReplayOutcome = (typeof REPLAY_OUTCOMES)[number];

export interface ReplayResult {
  readonly id: string;
  readonly outcome: ReplayOutcome;
  /** One sentence for people. */
  readonly detail: string;
  readonly replayed_as?: string;
}
