import type { Approval } from '../chains/approvals.ts';
import type { Candidate, ControlContext } from './control-test.ts';
import { automatedSessionOf, breakGlassOf, selectProductionIssues } from './production-issues.ts';
import type { ProductionIssue } from './production-issues.ts';
import { approvalsOf } from './tests/t-01.ts';

/** An approval and one credential that relied on it: the same decision may be proper for one run and not for another. */
export interface Reliance {
  readonly approval: Approval;
  readonly credential: ProductionIssue;
}

/** Approvals that production credentials of the period relied on: one candidate for each approval and credential. */
export function selectReliances(context: ControlContext): readonly Candidate<Reliance>[] {
  return selectOrdinaryIssues(context).flatMap(({ subject: credential }) =>
    reliedOn(credential, context).map((approval) => ({
      canonical: `${approval.event.event} ${approval.event.eventId} ${approval.by.key} ${credential.key}`,
      item: approval.event.event,
      aliases: [credential.key],
      at: approval.at,
      evidence: [approval.event.event, credential.issue.event],
      subject: { approval, credential },
    })),
  );
}

/** Production credentials of the period that were asked for in the ordinary way: no emergency, no automation. */
export function selectOrdinaryIssues(context: ControlContext): readonly Candidate<ProductionIssue>[] {
  return selectProductionIssues(context).filter(
    (candidate) =>
      breakGlassOf(candidate, context) === undefined && automatedSessionOf(candidate, context) === undefined,
  );
}

/** The approvals that a credential may rest on: given, linked well enough, not known to be late or withdrawn. */
export function reliedOn(credential: ProductionIssue, context: ControlContext): readonly Approval[] {
  return approvalsOf(credential, context).filter(
    (approval) => approval.before !== false && approval.withdrawn !== true,
  );
}
