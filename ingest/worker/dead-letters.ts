import type { LetterPlace } from '../../model/dead-letter.ts';
import { letterId } from '../../model/dead-letter.ts';
import type { Family } from '../../model/source.ts';
import { insertAnnouncement, readUnannounced } from '../../store/announcements.ts';
import type { RejectedRecord } from '../../store/announcements.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import type { Session } from '../../store/session.ts';
import type { EventLog, LogRecord } from '../log/event-log.ts';
import type { Ends } from './batch-summary.ts';

export interface AnnounceDeps {
  readonly log: Pick<EventLog, 'announce'>;
  readonly writer: Session;
  readonly writerEpoch: number;
}

/** Names of the headers of an announcement (reliability.md 1.6), beside those that the record itself had. */
export const LETTER_HEADERS = {
  /** `<topic>/<partition>/<offset>`: consumers tell repeats by it. */
  source: 'x-source',
  reason: 'x-reason',
  /** At most 256 characters; names the field, never its value. */
  detail: 'x-detail',
  leaf: 'x-leaf',
  /** When the record was received, RFC 3339. */
  firstSeen: 'x-first-seen',
  /** The epoch of the writer that announced it. */
  worker: 'x-worker',
  /** The bytes of a value that was left out, because it would not fit beside these headers. */
  withheld: 'x-value-withheld',
} as const;

// What a topic takes at most is 32 MiB with everything around it, and a broker of others' making often 1 MB.
const MAX_VALUE = 900_000;

/** Whether a batch has records to announce; most have none, and cost nothing. */
export function hasRejected(ends: Ends): boolean {
  return Object.keys(ends).some((end) => end !== 'accepted' && end !== 'duplicate' && end !== 'conflict');
}

/**
 * W7: announces the rejected records of a partition, up to an offset, that were not announced yet, in order, and notes
 * where. A crash between the two announces them once more: at least once, never not at all.
 */
export async function announceRejected(
  deps: AnnounceDeps,
  place: StoredPartition & { readonly topic: Family },
  to: number,
): Promise<void> {
  for (;;) {
    const letters = await readUnannounced(deps.writer, place, to);
    const [first, last] = [letters[0], letters.at(-1)];
    if (!first || !last) return;
    const records = letters.map((letter) =>
      announcementOf(deps.writerEpoch, { ...place, offset: letter.offset }, letter),
    );
    const announced = await deps.log.announce(`${place.topic}/${place.partition}`, records);
    await insertAnnouncement(deps.writer, {
      ...place,
      firstOffset: first.offset,
      lastOffset: last.offset,
      letters: letters.length,
      announced,
      announcedAtUs: Date.now() * 1_000,
    });
  }
}

function announcementOf(writerEpoch: number, place: LetterPlace, letter: RejectedRecord): LogRecord {
  const fits = letter.value.length <= MAX_VALUE;
  const own = letter.headers === '' ? {} : (JSON.parse(letter.headers) as Record<string, string>);
  return {
    timestampMs: letter.receivedAtMs,
    key: letter.key,
    value: fits ? letter.value : Buffer.alloc(0),
    headers: {
      ...own,
      [LETTER_HEADERS.source]: letterId(place),
      [LETTER_HEADERS.reason]: letter.reason,
      [LETTER_HEADERS.detail]: letter.detail.slice(0, 256),
      [LETTER_HEADERS.leaf]: letter.leaf,
      [LETTER_HEADERS.firstSeen]: new Date(letter.receivedAtMs).toISOString(),
      [LETTER_HEADERS.worker]: String(writerEpoch),
      ...(fits ? {} : { [LETTER_HEADERS.withheld]: String(letter.value.length) }),
    },
  };
}
