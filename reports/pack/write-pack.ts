import { X509Certificate } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { TestId, TestResultName } from '../../model/control.ts';
import { frameworkOf } from '../../query/frameworks/registry.ts';
import { renderReport } from '../render-report.ts';
import { readAsset } from './assets.ts';
import { saidOf } from './exceptions.ts';
import { writeGovernance } from './governance.ts';
import { pretty } from './json.ts';
import { writeLedger } from './ledger-files.ts';
import { MANIFEST, SIGNATURE, manifestText, packName, signedText } from './manifest.ts';
import { oscalDocument } from './oscal.ts';
import { mediaTypeOf, openPackFolder } from './pack-folder.ts';
import type { PackFile, PackFolder } from './pack-folder.ts';
import type { PackModel, PopulationRow, TestExtras } from './pack-model.ts';
import { openPage } from './page.ts';
import type { SearchPage } from './page.ts';
import { openWorkbook } from './workbook.ts';
import { writeTest } from './write-tests.ts';
import { folderEntries, writeZip } from './zip.ts';

export interface WriteOptions {
  readonly onProgress?: (stage: string, done: number, total: number) => void;
  /** Ends the work between two rows; what was written is removed. */
  readonly signal?: AbortSignal;
}

/** What was written. The hash of the manifest stands for the whole pack. */
export interface WrittenPack {
  readonly name: string;
  readonly folder: string;
  readonly zip: { readonly path: string; readonly bytes: number; readonly sha256: string };
  readonly manifest_sha256: string;
  readonly pdf: { readonly pages: number; readonly bytes: number; readonly sha256: string };
  readonly files: number;
  readonly results: readonly { readonly test: TestId; readonly result: TestResultName }[];
}

/**
 * Writes a pack into a folder: `<name>/` and `<name>.zip`, both appearing only when they are whole. The same model gives
 * the same bytes, in any time zone: every time in them is the model's. Populations are read once each, row by row.
 * Throws `internal` if files would disagree, the signal's reason if it is aborted.
 */
export async function writePack(model: PackModel, out: string, options: WriteOptions = {}): Promise<WrittenPack> {
  const name = packName(model);
  const draft = join(out, `.${name}.part`);
  await mkdir(out, { recursive: true, mode: 0o700 });
  await rm(draft, { recursive: true, force: true });
  try {
    const folder = await openPackFolder(draft);
    const pdf = await writeContent(folder, model, options);
    const manifest = manifestText(model, name, folder.files, pdf.unsigned);
    await folder.write(MANIFEST, 'manifest', manifest);
    if (model.ledger) await folder.write(SIGNATURE, 'signature', model.ledger.sign(signedText(manifest)));
    options.onProgress?.('zip', 0, folder.files.length);
    const paths = folder.files.map((file) => file.path);
    const zip = join(out, `${name}.zip`);
    const zipped = await writeZip(folderEntries(draft, name, paths), zip);
    const target = join(out, name);
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
    return {
      name,
      folder: target,
      zip: { path: zip, ...zipped },
      manifest_sha256: signedText(manifest).split('\n')[1] ?? '',
      pdf: { pages: pdf.pages, bytes: pdf.bytes, sha256: pdf.sha256 },
      files: paths.length,
      results: model.report.tests.map(({ test, result }) => ({ test, result })),
    };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function writeContent(
  folder: PackFolder,
  model: PackModel,
  options: WriteOptions,
): Promise<Awaited<ReturnType<typeof renderReport>>> {
  const { report, ledger, signer } = model;
  const { extras, events, page } = await writeTests(folder, model, options);
  await writeGovernance(folder, model, frameworkOf(report.framework));
  if (report.supplement_to)
    await folder.write('governance/supplement.json', 'supplement', pretty(report.supplement_to));
  const chains = await folder.open('chains/chains.ndjson', 'chains');
  for (const chain of report.chains) await chains.row(`${canonicalJson(chain)}\n`);
  await chains.close();
  options.onProgress?.('proofs', 0, events.length);
  if (ledger) await writeLedger(folder, ledger, events);
  options.onProgress?.('pdf', 0, 0);
  options.signal?.throwIfAborted();
  const pdf = await renderReport(report, join(folder.path, 'report.pdf'), {
    extras,
    ...options,
    ...(signer ? { signer } : {}),
  });
  folder.adopt(fileOf('report.pdf', 'report', pdf));
  if (signer) await folder.write('signer-chain.pem', 'certificate', pemOf(signer.chain));
  await folder.write('report.pdf.sha256', 'report_hash', `${pdf.sha256}  report.pdf\n`);
  await folder.write(
    'oscal/assessment-results.json',
    'oscal',
    `${JSON.stringify(oscalDocument(model, folder.files), undefined, 1)}\n`,
  );
  for (const asset of ['verify.mjs', 'verify.py'] as const)
    await folder.write(`verify/${asset}`, 'verifier', await readAsset(asset));
  await folder.write('README.txt', 'readme', await readAsset('README.txt'));
  await page.close(folder.files);
  return pdf;
}

/** All tests, and the two files that hold the rows of all of them: workbook and page. */
async function writeTests(
  folder: PackFolder,
  model: PackModel,
  { onProgress, signal }: WriteOptions,
): Promise<{ extras: ReadonlyMap<TestId, TestExtras>; events: readonly string[]; page: SearchPage }> {
  const { tests } = model.report;
  const total = tests.reduce((sum, test) => sum + test.population.count, 0);
  const page = await openPage(folder, model);
  const workbook = openWorkbook(model, join(folder.path, 'workbook.xlsx'));
  const extras = new Map<TestId, TestExtras>();
  const said = saidOf(model.report);
  const events = new Set<string>();
  let done = 0;
  for (const test of tests) {
    const sheets = workbook.openTest(test);
    const see = async (row: PopulationRow): Promise<void> => {
      done += 1;
      if (done % 500 === 0) {
        signal?.throwIfAborted();
        onProgress?.('populations', done, total);
      }
      if (row.verdict === 'exception' || row.verdict === 'undetermined')
        for (const one of row.evidence) events.add(one);
      await sheets.see(row);
      await page.see(test.test, row);
    };
    const written = await writeTest(folder, model, test, { see, said });
    await sheets.close(written);
    for (const { row } of written.sample.items) for (const one of row.evidence) events.add(one);
    extras.set(test.test, written);
  }
  onProgress?.('workbook', 0, 0);
  folder.adopt(fileOf('workbook.xlsx', 'workbook', await workbook.close()));
  return { extras, events: [...events].toSorted(), page };
}

/** Certificates in PEM (RFC 7468), the signer's first. */
function pemOf(chain: readonly Buffer[]): string {
  return chain.map((der) => new X509Certificate(der).toString()).join('');
}

function fileOf(path: string, role: string, written: { bytes: number; sha256: string }): PackFile {
  return { path, bytes: written.bytes, sha256: written.sha256, media_type: mediaTypeOf(path), role };
}
