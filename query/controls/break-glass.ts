import type { Clocked, Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { clockAt, clockOf } from '../chains/rules.ts';
import type { Candidate, ControlContext } from './control-test.ts';
import { expiryOf } from './credentials.ts';
import { breakGlassOf, selectProductionIssues } from './production-issues.ts';
import type { ProductionIssue } from './production-issues.ts';

/** Emergency access to production that was opened in the period. */
export function selectBreakGlass(context: ControlContext): readonly Candidate<ProductionIssue>[] {
  return selectProductionIssues(context).filter((candidate) => breakGlassOf(candidate, context) !== undefined);
}

/** The end of an access, by the clock of whoever tells of it. */
export interface Closing {
  readonly at: Micros;
  readonly clock: Clocked;
  readonly evidence: readonly string[];
}

/** When the access ended: when it was revoked, else when the last of its credentials expired; never, if neither is told. */
export function closingOf({ key, flow, issue }: ProductionIssue, { asOf, rules }: ControlContext): Closing {
  const revoked = flow.events.find(
    (event) =>
      event.stage === 'revoke' &&
      event.outcome === 'success' &&
      event.keys.some((one) => one.role === 'ends' && one.key === key),
  );
  if (revoked) return { at: revoked.occurredAt, clock: clockOf(rules, revoked), evidence: [revoked.event] };
  const ends = [issue, ...flow.events].flatMap((event) => {
    const born = event.facts.credential;
    const end = born && flow.credentials.includes(born.key) ? expiryOf(event) : undefined;
    return end === undefined ? [] : [clockAt(rules, event, end)];
  });
  const at = ends.length === 0 ? asOf + 1 : Math.max(...ends.map((end) => end.at));
  const clock = ends.find((end) => end.at === at) ?? clockAt(rules, issue, at);
  return { at, clock, evidence: [issue.event] };
}

/** What was done with the access and succeeded, as far as targets told of it by as-of. */
export function touchesOf({ flow }: ProductionIssue): readonly StoredEvent[] {
  return flow.events.filter((event) => event.stage === 'touch' && event.outcome === 'success');
}

/** Each use of the credential itself that succeeded, also to open a session with it. */
export function usesOfKey({ key, flow }: ProductionIssue): readonly StoredEvent[] {
  return flow.events.filter(
    (event) => event.outcome === 'success' && event.keys.some((one) => one.role === 'uses' && one.key === key),
  );
}
