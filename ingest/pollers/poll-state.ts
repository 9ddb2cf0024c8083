import { z } from 'zod';
import type { Note, NotedLog } from '../log/local-index.ts';

/** What is known of a poll: how its last rounds ended. Times are RFC 3339, UTC. */
const stateSchema = z.object({
  last_success: z.string().optional(),
  last_error: z.object({ at: z.string(), code: z.string(), detail: z.string() }).optional(),
  /** Rounds that failed since the last that did not. */
  failures: z.number().default(0),
  /** Over all rounds: pages that were read, records that were taken in, and repeats that were left out. */
  pages: z.number().default(0),
  records: z.number().default(0),
  repeats: z.number().default(0),
  /** What a comparison with the other way of the same source shows, where the source has two. */
  comparison: z.record(z.string(), z.union([z.number(), z.string(), z.array(z.string())])).optional(),
});
export type PollState = z.output<typeof stateSchema>;

const NAMES = {
  cursor: (id: string): string => `poll ${id} cursor`,
  seen: (id: string): string => `poll ${id} seen`,
  state: (id: string): string => `poll ${id} state`,
} as const;

type Notes = Pick<NotedLog, 'note' | 'remember'>;

/** The cursor of a poll; undefined if it was never moved. */
export function readCursor(notes: Notes, id: string): unknown {
  return parsed(notes.note(NAMES.cursor(id)));
}

/** The note that moves it. */
export function cursorNote(id: string, cursor: unknown): Note {
  return { name: NAMES.cursor(id), text: JSON.stringify(cursor) };
}

/** The digests of the records that a poll has taken in lately (seen.ts). */
export function readSeen(notes: Notes, id: string): string | undefined {
  return notes.note(NAMES.seen(id));
}

export function seenNote(id: string, text: string): Note {
  return { name: NAMES.seen(id), text };
}

/** How the last rounds of a poll ended. */
export function readState(notes: Notes, id: string): PollState {
  return stateSchema.safeParse(parsed(notes.note(NAMES.state(id)))).data ?? stateSchema.parse({});
}

export async function writeState(notes: Notes, id: string, state: PollState): Promise<void> {
  await notes.remember({ name: NAMES.state(id), text: JSON.stringify(state) });
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
