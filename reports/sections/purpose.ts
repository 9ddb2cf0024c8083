import { drawBullets, drawHeading, drawText } from '../pdf/blocks.ts';
import type { ReportContext } from '../report-context.ts';
import { openSection } from './open-section.ts';

/** Section 1: what the report is for, what it does not say, and who answers for what. */
export function drawPurpose(context: ReportContext): void {
  const { sheet, model, framework } = context;
  openSection(context, 'purpose');
  drawText(
    sheet,
    `This report shows how access through pipelines, people, services and agents was asked for, approved, run and used at ${model.organisation} in the period, and what that means for the requirements of ${framework.title} to which the tests are mapped. Every result rests on records of the systems themselves: each is named by its key, and can be traced to the event in its source.`,
  );
  drawHeading(sheet, 2, 'What it supports');
  drawBullets(sheet, [
    'Every member of a population was tested, not a sample; the population was fixed and hashed before the first member was judged.',
    'Each item that did not simply pass is listed with its key, its time, what was found, and the events that show it.',
    'For each exception, the chain is shown as far as the sources allow: request, approval, run, credential, what was touched, and how it ended.',
  ]);
  drawHeading(sheet, 2, 'What it is not');
  drawBullets(sheet, [
    "It is not an auditor's report, opinion or attestation. It is management's own test results; the auditor decides on their use, inspects the test logic, re-performs it, and traces items to the source systems.",
    'It does not state that a requirement is met. A result without exceptions says that none was noted in the population tested, nothing more.',
    'It does not grade exceptions. Severity, cause and compensating controls are for management and the auditor to state.',
    'It does not show that an approver understood what was approved, that a rule is enforced rather than followed, or what code did within its permissions.',
    'It shows which accounts acted. Who sat at the keyboard is beyond these sources, as is anything that a connected system does not log.',
    'It is complete only as far as the sources of section 2 are. Their gaps are printed, and block the conclusions that rest on them.',
  ]);
  drawHeading(sheet, 2, 'Who answers for what');
  drawText(
    sheet,
    `The management of ${model.organisation} answers for the controls, for the policy that names environments, approvers and identities, for connecting every system in scope, and for responding to exceptions. Custody collects, links and tests; the operators of the source systems answer for what those systems log.`,
  );
}
