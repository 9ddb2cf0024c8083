import type { Micros } from '../../model/time.ts';
import type { Candidate, ControlContext } from './control-test.ts';
import { expiryOf } from './credentials.ts';
import { breakGlassOf, selectProductionIssues } from './production-issues.ts';
import type { ProductionIssue } from './production-issues.ts';

/** Emergency access to production that was opened in the period. */
export function selectBreakGlass(context: ControlContext): readonly Candidate<ProductionIssue>[] {
  return selectProductionIssues(context).filter((candidate) => breakGlassOf(candidate, context) !== undefined);
}

/** When the access ended: when it was revoked, else when the last of its credentials expired; never, if neither is told. */
export function closingOf(
  { key, flow, issue }: ProductionIssue,
  { asOf }: ControlContext,
): { at: Micros; evidence: readonly string[] } {
  const revoked = flow.events.find(
    (event) =>
      event.stage === 'revoke' &&
      event.outcome === 'success' &&
      event.keys.some((one) => one.role === 'ends' && one.key === key),
  );
  if (revoked) return { at: revoked.occurredAt, evidence: [revoked.event] };
  const ends = [issue, ...flow.events].flatMap((event) => {
    const born = event.facts.credential;
    return born && flow.credentials.includes(born.key) ? [expiryOf(event)] : [];
  });
  const known = ends.filter((end) => end !== undefined);
  return { at: known.length === 0 ? asOf + 1 : Math.max(...known), evidence: [issue.event] };
}
