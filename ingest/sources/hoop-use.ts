import type { ActorRef } from '../../model/actor.ts';
import type { Facts } from '../../model/facts.ts';
import type { Micros } from '../../model/time.ts';
import { getText, getTime } from './hoop-parts.ts';
import { getString } from './read.ts';
import type { Doc } from './read.ts';

type Decision = NonNullable<Facts['decision']>;
type Finding = NonNullable<Facts['findings']>[number];

/** When a session ran; the end is absent where hoop states none, which does not mean that it goes on. */
export interface Ran {
  readonly start: Micros;
  readonly end: Micros | undefined;
}

/**
 * What the row of a session shows of how its review was used (sources.md 1.12.1): hoop enforces neither the window nor a
 * revocation on what runs already, and lets an administrator approve the own request. Whether it counts is for the control
 * tests.
 */
export function sessionFindings(
  review: Doc,
  decisions: readonly Decision[],
  actor: ActorRef,
  ran: Ran,
): readonly Finding[] {
  const findings: Finding[] = [];
  const approved = decisions.filter((decision) => decision.decided === 'approved');
  if (actor.key !== '' && approved.some((decision) => decision.by?.key === actor.key)) {
    findings.push({ kind: 'self_approval', detail: 'The person who asked is among those who approved.' });
  }
  const revokeAt = getTime(review, 'revoke_at')?.at;
  if (getText(review, 'type') === 'jit' && revokeAt !== undefined && ran.start > revokeAt) {
    findings.push({ kind: 'opened_after_window', detail: 'The session began after the end of the approved time.' });
  }
  const revoked = decisions.find((decision) => decision.decided === 'revoked')?.at;
  if (revoked !== undefined && ran.end !== undefined && ran.end > revoked) {
    findings.push({ kind: 'used_after_revocation', detail: 'The session went on after the review had been revoked.' });
  }
  const hours = windowOf(review);
  if (hours !== undefined && ran.end !== undefined && !isWithin(hours, ran.start)) {
    findings.push({
      kind: 'outside_time_window',
      detail: `The session began outside the hours of its review, ${hours.start} to ${hours.end}, taken as UTC.`,
    });
  }
  return findings;
}

interface Hours {
  readonly start: string;
  readonly end: string;
}

/** The hours of a review, "HH:MM" of each day; hoop states no zone. */
function windowOf(review: Doc): Hours | undefined {
  const [start, end] = ['start_time', 'end_time'].map((name) =>
    getString(review, 'time_window', 'configuration', name),
  );
  const isTime = (text: string | undefined): text is string => text !== undefined && /^\d{2}:\d{2}$/.test(text);
  return isTime(start) && isTime(end) ? { start, end } : undefined;
}

// Hours may go over midnight: 22:00 to 06:00.
function isWithin({ start, end }: Hours, at: Micros): boolean {
  const minute = new Date(at / 1_000).toISOString().slice(11, 16);
  return start <= end ? start <= minute && minute <= end : minute >= start || minute <= end;
}
