import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import PdfKit from 'pdfkit';
import type { TestId, TestItem, TestResult } from '../../model/control.ts';
import { fontFile } from '../../reports/pdf/fonts.ts';
import { renderReport } from '../../reports/render-report.ts';
import type { PackModel, Population, PopulationRow } from '../../reports/pack/pack-model.ts';
import { writePack } from '../../reports/pack/write-pack.ts';
import { verifyPack } from '../../reports/verify/verify-pack.ts';
import { makePackModel } from '../support/pack-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

const EXCEPTIONS_IN = 20;

/** A row made when it is asked for: the population is never in memory. One in twenty is an exception. */
function rowOf(i: number): PopulationRow {
  const id = `token:jti:https://issuer.northwind.example/${String(i).padStart(8, '0')}-7c1e-4f0b-9a55-0d9e8b6c1a77`;
  const base = { key: id, item: id, aliases: [`aws:accesskey:ASIA${String(i).padStart(16, '0')}`], at: '2026-05-01T00:00:00.000000Z', stratum: i % 3 === 0 ? 'staging' : 'production', evidence: [`event:ce/${id.slice(-46)}`, `event:gitlab.audit/${900_000 + i}`] }; // prettier-ignore
  if (i % EXCEPTIONS_IN !== 0) return { ...base, verdict: 'pass' };
  return {
    ...base,
    verdict: 'exception',
    attribute: 'approval',
    finding: 'no approval is on record for the request behind this credential',
  };
}

function benchModel(count: number): PackModel {
  const model = makePackModel({ passes: 3, tests: ['T-01'] });
  const [test] = model.report.tests;
  if (!test) throw new Error('the fixture has no test');
  const population: Population = {
    count,
    *rows() {
      for (let i = 0; i < count; i += 1) yield rowOf(i);
    },
  };
  const digest = createHash('sha256');
  const items: TestItem[] = [];
  for (const row of population.rows() as Iterable<PopulationRow>) {
    digest.update(`${row.key}\n`);
    const { key: _key, finding = '', ...rest } = row;
    if (row.verdict === 'exception') items.push({ ...rest, finding });
  }
  const result: TestResult = { ...test, population: { ...test.population, count, sha256: digest.digest('hex') }, passed: count - items.length, exceptions: items.length, undetermined: 0, excluded: {}, result: 'exceptions_noted', items }; // prettier-ignore
  return {
    ...model,
    report: { ...model.report, tests: [result], chains: [] },
    populations: new Map<TestId, Population>([[test.test, population]]),
  };
}

/** The peak of resident memory while something runs, megabytes. */
async function measure<Value>(work: () => Promise<Value>): Promise<{ value: Value; seconds: number; peak: number }> {
  let peak = process.memoryUsage().rss;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
  const started = performance.now();
  try {
    const value = await work();
    return {
      value,
      seconds: (performance.now() - started) / 1_000,
      peak: Math.max(peak, process.memoryUsage().rss) / 1e6,
    };
  } finally {
    clearInterval(timer);
  }
}

/** The same rows with nothing but pdfkit: one text a cell, fonts embedded, not tagged, no attachments. */
async function rawPdfkit(model: PackModel, path: string): Promise<number> {
  const doc = new PdfKit({
    size: 'A4',
    layout: 'landscape',
    margin: 36,
    font: fontFile('regular'),
    info: { CreationDate: new Date(0) },
  });
  const out = doc.pipe(createWriteStream(path));
  let pages = 1;
  let y = 40;
  doc.fontSize(7);
  for (const item of model.report.tests[0]?.items ?? []) {
    const cells = [item.item, item.at, item.finding, item.evidence.join(' ')];
    for (const [i, text] of cells.entries()) doc.text(text, 36 + i * 190, y, { width: 180 });
    y += 36;
    if (y <= 540) continue;
    doc.addPage();
    pages += 1;
    y = 40;
    await setImmediate();
  }
  doc.end();
  await finished(out);
  return pages;
}

/**
 * `npm run bench -- pack [ITEMS]`: a whole pack over a population of 10,000 (or ITEMS): seconds and peak memory, then the
 * pages of its PDF a second against raw pdfkit with the same rows in the same run, then its verification.
 */
export async function benchPack([items = '10000']: readonly string[]): Promise<void> {
  const folder = await tempFolder('custody-bench-');
  try {
    const model = benchModel(Number(items));
    const whole = await measure(() => writePack(model, folder.path));
    console.log(
      `pack of ${items} items: ${whole.seconds.toFixed(1)} s, peak ${whole.peak.toFixed(0)} MB, ${whole.value.files} files, zip ${(whole.value.zip.bytes / 1e6).toFixed(1)} MB, PDF ${whole.value.pdf.pages} pages`,
    );
    const own = await measure(() => renderReport(model.report, join(folder.path, 'own.pdf')));
    console.log(
      `its PDF alone: ${own.value.pages} pages, ${(own.value.pages / own.seconds).toFixed(0)} pages/s, tagged PDF/A-3a`,
    );
    const raw = await measure(() => rawPdfkit(model, join(folder.path, 'raw.pdf')));
    console.log(`raw pdfkit, same rows: ${raw.value} pages, ${(raw.value / raw.seconds).toFixed(0)} pages/s, untagged`);
    const check = await measure(() => verifyPack(whole.value.zip.path));
    console.log(
      `verified: ${check.seconds.toFixed(1)} s, ${check.value.findings.length} findings, peak ${check.peak.toFixed(0)} MB`,
    );
  } finally {
    await folder.remove();
  }
}
