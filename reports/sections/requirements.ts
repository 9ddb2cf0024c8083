import type { TestResult } from '../../model/control.ts';
import type { EvidenceGrade, Requirement } from '../../query/frameworks/framework.ts';
import { drawHeading, drawText } from '../pdf/blocks.ts';
import type { Rich } from '../pdf/plain-layout.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { markSpans } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { RESULT_MARKS, closed, nounOf } from '../wording.ts';
import { openSection } from './open-section.ts';

const GRADES: Record<EvidenceGrade, string> = {
  strong: 'every transaction',
  partial: 'in part',
  supporting: 'support only',
  none: 'nothing',
};

interface Tested {
  readonly requirement: Requirement;
  readonly tests: readonly { readonly test: TestResult; readonly role: 'P' | 's' }[];
}

/** Section 4: the requirements that tests bear on, with each result and what still has to come from elsewhere. */
export async function drawRequirements(context: ReportContext): Promise<void> {
  const { sheet, framework } = context;
  openSection(context, 'requirements');
  drawText(
    sheet,
    `Requirements of ${framework.title} (${framework.edition}) by id, titled in our own words. “Bears on” marks a test of the requirement itself, “supports” one that only adds to it. What is still needed has to come from other evidence; a result here never stands for the whole requirement.`,
  );
  const tested = testedRequirements(context);
  if (tested.length === 0) drawText(sheet, 'No test of this report is mapped to a requirement of this framework.');
  else await drawTested(context, tested);
  drawRest(context, tested);
}

async function drawTested({ sheet }: ReportContext, tested: readonly Tested[]): Promise<void> {
  await drawTable(sheet, {
    columns: [
      { title: 'Requirement', min: 56 },
      { title: 'In our words', min: 110 },
      { title: 'Chains can show', min: 52, max: 60 },
      { title: 'Tests and results', min: 150, max: 168 },
      { title: 'Still needed from elsewhere', min: 120 },
    ],
    rows: tested,
    cells: ({ requirement, tests }) => [
      cell([{ text: requirement.id, face: 'bold' }]),
      cell(requirement.title),
      cell(GRADES[requirement.grade]),
      cell(
        ...tests.map(({ test, role }): Rich => [
          { text: `${test.test} ${role === 'P' ? 'bears on' : 'supports'}: ` },
          ...markSpans(RESULT_MARKS[test.result]),
        ]),
      ),
      cell(
        requirement.stillNeeded === undefined
          ? 'Evidence of everything beyond the tests named.'
          : closed(requirement.stillNeeded),
      ),
    ],
    expected: tested.length,
  });
}

function drawRest({ sheet, framework }: ReportContext, tested: readonly Tested[]): void {
  const rest = framework.requirements.filter(
    (requirement) => !tested.some((entry) => entry.requirement.id === requirement.id),
  );
  drawHeading(sheet, 2, 'Not evidenced by this report');
  drawText(
    sheet,
    `No test of this report is mapped to the remaining ${nounOf(rest.length, 'requirement')} of the framework. Not evidenced by this system; see the evidence of their owners.`,
  );
  if (rest.length > 0) drawText(sheet, rest.map((requirement) => requirement.id).join(', '));
}

/** Requirements in the order of the framework; one that a mapping names but the framework lacks is shown by its id. */
function testedRequirements({ model, framework }: ReportContext): readonly Tested[] {
  const byRequirement = new Map<string, { test: TestResult; role: 'P' | 's' }[]>();
  for (const test of model.tests) {
    for (const mapping of test.mappings.filter((entry) => entry.framework === model.framework)) {
      byRequirement.set(mapping.requirement, [
        ...(byRequirement.get(mapping.requirement) ?? []),
        { test, role: mapping.role },
      ]);
    }
  }
  const known = new Set(framework.requirements.map((requirement) => requirement.id));
  const strangers = [...byRequirement.keys()].filter((id) => !known.has(id)).toSorted();
  const all: Requirement[] = [
    ...framework.requirements,
    ...strangers.map((id): Requirement => ({ id, title: '(no title in the catalogue)', grade: 'none' })),
  ];
  return all.flatMap((requirement) => {
    const tests = byRequirement.get(requirement.id);
    return tests ? [{ requirement, tests }] : [];
  });
}
