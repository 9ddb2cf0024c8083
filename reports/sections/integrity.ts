import { drawBullets, drawHeading, drawText } from '../pdf/blocks.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { code, drawFacts } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { formatCount, nounOf, showTime } from '../wording.ts';
import { openSection } from './open-section.ts';
import { drawSignature } from './signature.ts';

/** Section 8: the hashes by which content, policy, populations and attachments are known, and how to check them. */
export async function drawIntegrity(context: ReportContext): Promise<void> {
  const { sheet, model, digest, attached } = context;
  openSection(context, 'integrity');
  drawText(
    sheet,
    'These hashes make a change evident; they do not prevent one. They show that this file, its attachments and its populations belong together. They say nothing about records before Custody received them. The SHA-256 of the PDF itself cannot stand in it; it is printed when the file is written.',
  );
  await drawFacts(sheet, [
    [
      'Digest of the content',
      code(digest),
      'SHA-256 of the model of this report as JSON with sorted keys and no spaces',
    ],
    ['Policy', code(model.policy_sha256), 'SHA-256 of the policy that was in force for this run'],
    ['Catalogue of tests', code(model.catalogue_version)],
    ['Period', `${showTime(model.from)} to ${showTime(model.to)} (end excluded)`],
    ['As of', showTime(model.as_of)],
  ]);
  drawHeading(sheet, 2, 'Attached files');
  drawText(
    sheet,
    `${nounOf(attached.length, 'file')} ${attached.length === 1 ? 'is' : 'are'} inside this PDF (PDF/A-3); any reader that shows attachments can save them.`,
  );
  await drawTable(sheet, {
    columns: [
      { title: 'File', min: 90, face: 'mono' },
      { title: 'Content', min: 110 },
      { title: 'Bytes', min: 44, align: 'right' },
      { title: 'SHA-256', min: 150, face: 'mono' },
    ],
    rows: attached,
    cells: (file) => [cell(file.name), cell(file.description), cell(formatCount(file.bytes)), cell(file.sha256)],
    expected: attached.length,
  });
  await drawPopulations(context);
  drawSignature(context);
  drawHeading(sheet, 2, 'How to run it again');
  const period = `--from ${brief(model.from)} --to ${brief(model.to)} --as-of ${brief(model.as_of)}`;
  drawBullets(sheet, [
    [{ text: 'The tests: ' }, ...code(`custody check --framework ${model.framework} ${period} --format json`)],
    [
      { text: 'This report: ' },
      ...code(`custody report --framework ${model.framework} ${period} --out DIR`),
      {
        text: '. With the same records, policy and version of Custody the file is the same, byte for byte; where another key signs it, up to the signature at its end.',
      },
    ],
    [{ text: 'Any chain, from any of its keys or events: ' }, ...code('custody trace KEY')],
    [{ text: 'The derived tables, from the stored records alone: ' }, ...code('custody rebuild')],
  ]);
}

async function drawPopulations({ sheet, model }: ReportContext): Promise<void> {
  if (model.tests.length === 0) {
    drawHeading(sheet, 2, 'Populations');
    drawText(sheet, 'No test, so no population.');
    return;
  }
  await drawTable(sheet, {
    heading: { level: 2, text: 'Populations' },
    columns: [
      { title: 'Test', min: 36 },
      { title: 'Items', min: 44, align: 'right' },
      { title: 'SHA-256 of the sorted keys', min: 200, face: 'mono' },
      { title: 'Source', min: 70 },
    ],
    rows: model.tests,
    cells: (test) => [
      cell(test.test),
      cell(formatCount(test.population.count)),
      cell(test.population.sha256),
      cell(test.population.source === 'independent' ? 'independent' : 'own records'),
    ],
    expected: model.tests.length,
  });
}

/** The same moment without a fraction of zeros, as one would type it. */
function brief(time: string): string {
  return time.replace(/\.0+Z$/, 'Z');
}
