import { drawCallout, drawText } from '../pdf/blocks.ts';
import { fillOps } from '../pdf/draw.ts';
import { newPage } from '../pdf/page.ts';
import { drawArtifact } from '../pdf/struct.ts';
import { COLORS, PAGE, SIZES } from '../pdf/style.ts';
import type { SupplementTo } from '../../model/control.ts';
import { code, drawFacts } from '../report-context.ts';
import type { Fact, ReportContext } from '../report-context.ts';
import { closed, showTime } from '../wording.ts';

/** The first page: whose report, on what, for which period, as of when, in which state, and by which digest it is known. */
export async function drawCover({ sheet, model, framework, digest }: ReportContext): Promise<void> {
  newPage(sheet, { framed: false });
  drawArtifact(sheet, fillOps(0, 0, PAGE.width, 10, COLORS.accent));
  sheet.y = 96;
  drawText(sheet, 'CUSTODY', { size: 9, face: 'bold', color: COLORS.muted, after: 100 });
  drawText(sheet, model.organisation, { size: 13, color: COLORS.accent, face: 'bold', after: 6 });
  drawText(sheet, "Management's control test results", { size: SIZES.cover, face: 'bold', tag: 'H1', after: 6 });
  drawText(
    sheet,
    'Access by pipelines, people, services and agents: who asked, who approved, who ran, with which credential, and what was touched',
    { size: 11, color: COLORS.muted, after: 34 },
  );
  drawArtifact(sheet, fillOps(PAGE.left, sheet.y - 18, 42, 2, COLORS.accent));
  const status = model.status === 'issued' ? 'Issued' : 'Draft: not yet issued by management';
  await drawFacts(
    sheet,
    [
      ['Framework', `${framework.title}, ${framework.edition}`],
      ['Period', `${showTime(model.from)} to ${showTime(model.to)} (end excluded)`],
      ['As of', `${showTime(model.as_of)}: evidence received later is not in this report`],
      ['Status', model.version === undefined ? status : `${status}; version ${model.version}`],
      ...supplementFacts(model.supplement_to),
      ['Tenant', code(model.tenant)],
      ['Catalogue of tests', code(model.catalogue_version)],
      ['Digest of the content', code(digest)],
    ],
    8.6,
  );
  sheet.y += 14;
  drawCallout(sheet, 'neutral', 'Restricted use', [
    `This report is for the management of ${model.organisation} and for the auditors and certification bodies whom management gives it to. It names people, systems and credentials. It is not for anyone else, and not a basis for a decision by anyone who does not know the tests and their limits.`,
    'It holds management’s own test results. It is not an auditor’s report and gives no opinion.',
  ]);
}

function supplementFacts(to: SupplementTo | undefined): readonly Fact[] {
  if (!to) return [];
  return [
    [
      'Supplement to',
      `Version ${to.version}, as of ${showTime(to.as_of)}, which stays as it was issued. ${closed(to.reason)}`,
      code(to.manifest_sha256),
      ...(to.changes.length === 0 ? ['No test says anything else than in that version.'] : to.changes),
    ],
  ];
}
