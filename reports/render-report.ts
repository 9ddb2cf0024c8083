import type { Writable } from 'node:stream';
import { canonicalJson } from '../model/canonical-json.ts';
import type { ReportModel, TestId } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import { parseStamp } from '../model/time.ts';
import { frameworkOf } from '../query/frameworks/registry.ts';
import { drawContents, planContents } from './pdf/contents.ts';
import { attachFile, closeDocument, openDocument, sha256, writeDocument } from './pdf/document.ts';
import type { Attachment } from './pdf/document.ts';
import { addSignatureField, createSigning } from './pdf/signature-field.ts';
import type { UnsignedPart } from './pdf/signature-field.ts';
import { closeTag, openTag } from './pdf/struct.ts';
import type { Element } from './pdf/struct.ts';
import { saidOf } from './pack/exceptions.ts';
import type { TestExtras } from './pack/pack-model.ts';
import { planReport } from './plan.ts';
import type { ReportContext } from './report-context.ts';
import { drawChains } from './sections/chains.ts';
import { drawCover } from './sections/cover.ts';
import { drawIntegrity } from './sections/integrity.ts';
import { drawMatrix } from './sections/matrix.ts';
import { drawMethod } from './sections/method.ts';
import { drawPurpose } from './sections/purpose.ts';
import { drawRequirements } from './sections/requirements.ts';
import { drawScope } from './sections/scope.ts';
import { drawTests } from './sections/tests.ts';
import type { PdfSigner } from './sign/signer.ts';
import { bareTime } from './wording.ts';

/** In the order of the pages. Those without tables draw at once. */
const SECTIONS: readonly ((context: ReportContext) => Promise<void> | void)[] = [
  drawPurpose,
  drawScope,
  drawMatrix,
  drawRequirements,
  drawTests,
  drawChains,
  drawMethod,
  drawIntegrity,
];

/** What was written. `sha256` is of the PDF itself. */
export interface RenderedReport {
  readonly pages: number;
  readonly bytes: number;
  readonly sha256: string;
  /** The file without its signature; absent where it was not signed. */
  readonly unsigned?: UnsignedPart;
}

export interface RenderOptions {
  /** Source, period and sample of each population, where the report is part of a pack. */
  readonly extras?: ReadonlyMap<TestId, TestExtras>;
  /** Ends the drawing between two sections; the file is then not there. */
  readonly signal?: AbortSignal;
  /** Who signs the file; without one it is not signed. */
  readonly signer?: PdfSigner;
}

/**
 * Writes the report of a model as one PDF that is PDF/A-3a and PDF/UA-1, to a path (written whole, then renamed) or to a
 * stream, which is ended. The same model always gives the same bytes: every time in it is the model's, in UTC. The pages
 * flow out while they are drawn. Throws `internal` if a page would show less than the model holds, `invalid_request` if
 * `as_of` is no time.
 */
export async function renderReport(
  model: ReportModel,
  out: Writable | string,
  options: RenderOptions = {},
): Promise<RenderedReport> {
  const created = parseStamp(model.as_of);
  if (!created) throw new Problem('invalid_request', 'the model of the report has no readable as_of');
  const date = new Date(Math.floor(created.at / 1_000));
  const framework = frameworkOf(model.framework);
  const digest = sha256(canonicalJson(model));
  const files = attachmentsOf(model);
  const plan = planReport(model);
  const title = `Management's control test results: ${framework.title}, ${model.organisation}`;
  const { sheet, root } = openDocument({
    title,
    author: model.organisation,
    subject: `Access by pipelines, people, services and agents, ${bareTime(model.from)} to ${bareTime(model.to)} UTC`,
    keywords: `model-sha256:${digest}`,
    created: date,
    frame: {
      header: `${model.organisation}: management's control test results`,
      headerRight: framework.title,
      footer: `${bareTime(model.from)} to ${bareTime(model.to)} UTC, as of ${bareTime(model.as_of)} UTC. Restricted use.`,
    },
  });
  const context: ReportContext = {
    sheet,
    model,
    framework,
    plan,
    digest,
    attached: files.map(({ name, description, content }) => ({
      name,
      description,
      bytes: content.length,
      sha256: sha256(content),
    })),
    extras: options.extras ?? new Map<TestId, TestExtras>(),
    said: saidOf(model),
    signer: options.signer,
  };
  const draw = (): Promise<void> => drawReport(context, root, files, date, options.signal);
  const signing = options.signer && createSigning(sheet, options.signer, date);
  const written = await writeDocument(sheet, out, draw, signing);
  return { pages: sheet.page, ...written, ...(signing ? { unsigned: signing.unsigned() } : {}) };
}

/** Draws all pages in the order of the file, with the contents last, and ends the document. */
async function drawReport(
  context: ReportContext,
  root: Element,
  files: readonly Attachment[],
  date: Date,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { sheet, plan, signer } = context;
  const part = (): Element => (sheet.section = openTag(sheet, root, 'Sect'));
  const contents = planContents(sheet, plan.entries);
  const cover = part();
  await drawCover(context);
  closeTag(cover);
  const contentsPart = part();
  sheet.page += contents.pages.length;
  for (const draw of SECTIONS) {
    signal?.throwIfAborted();
    const section = part();
    await draw(context);
    closeTag(section);
  }
  drawContents(sheet, contentsPart, contents, 1);
  closeTag(contentsPart);
  for (const file of files) attachFile(sheet, file, date);
  if (signer) sheet.signature = addSignatureField(sheet, root);
  closeDocument(sheet, root, sheet.page);
}

/** The model in two files for machines: the check, and the chains of its exceptions. */
function attachmentsOf(model: ReportModel): readonly Attachment[] {
  const { chains, ...check } = model;
  return [
    {
      name: 'check-result.json',
      description: 'Sources, tests and every item that did not pass, as JSON.',
      content: Buffer.from(canonicalJson(check)),
    },
    {
      name: 'chains.json',
      description: 'The chains behind the exceptions, as JSON.',
      content: Buffer.from(canonicalJson(chains)),
    },
  ];
}
