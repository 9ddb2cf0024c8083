import { createHash } from 'node:crypto';
import { visibleText } from '../pdf/visible.ts';
import { RESULT_MARKS, bareTime, excludedOf, formatCount } from '../wording.ts';
import { readAsset } from './assets.ts';
import type { PackFile, PackFolder } from './pack-folder.ts';
import type { PackModel, PopulationRow } from './pack-model.ts';
import { POPULATION_LAYOUT } from './rows.ts';

/** Rows on the page: all that did not pass, and of the passes so many. The files hold the rest. */
const MAX_OPEN_ROWS = 50_000;
const MAX_PASSES = 20_000;
const ROWS_A_BLOCK = 500;

/** The page of a pack while it is written. */
export interface SearchPage {
  see(test: string, row: PopulationRow): Promise<void>;
  close(files: readonly PackFile[]): Promise<void>;
}

/**
 * Opens `index.html`: one file that works from a disk without a network, for whoever wants to look before opening any
 * other file. Its policy (CSP) allows its own script and style by their hashes and nothing else; whatever comes from data
 * is escaped text or JSON that cannot end its element.
 */
export async function openPage(folder: PackFolder, model: PackModel): Promise<SearchPage> {
  const [style, script] = await Promise.all([readAsset('page.css'), readAsset('page.js')]);
  const file = await folder.open('index.html', 'page');
  await file.write(headOf(model, style, script));
  let block: string[] = [];
  let passes = 0;
  let open = 0;
  let left = 0;
  const flush = async (): Promise<void> => {
    if (block.length > 0) await file.write(`<script type="application/json">[${block.join(',\n')}]</script>\n`);
    block = [];
  };
  return {
    async see(test, row) {
      const isPass = row.verdict === 'pass';
      if (isPass ? passes >= MAX_PASSES : open >= MAX_OPEN_ROWS) {
        left += 1;
        return;
      }
      if (isPass) passes += 1;
      else open += 1;
      block.push(jsonForScript([test, ...POPULATION_LAYOUT.cells(row)]));
      if (block.length >= ROWS_A_BLOCK) await flush();
    },
    async close(files) {
      await flush();
      await file.write(tailOf(files, left, script));
      await file.close();
    },
  };
}

function headOf({ report }: PackModel, style: string, script: string): string {
  const policy = [
    "default-src 'none'",
    `script-src '${sourceOf(script)}'`,
    `style-src '${sourceOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const title = `Evidence pack: ${report.organisation}, ${report.framework}`;
  const option = (value: string, name: string): string => `<option value="${escape(value)}">${escape(name)}</option>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${escape(title)}</title><style>${style}</style></head><body>
<h1>${escape(title)}</h1>
<p class="quiet">${escape(bareTime(report.from))} to ${escape(bareTime(report.to))} UTC (end excluded), as of ${escape(bareTime(report.as_of))} UTC. ${report.status === 'issued' ? `Issued, version ${escape(report.version ?? '1')}` : 'Draft'}.</p>
<p>Management's own control test results. They are facts about the records, not an opinion, and say of no requirement that it is met. The report is <a href="report.pdf">report.pdf</a>; <a href="README.txt">README.txt</a> tells how to verify this pack. This page itself verifies nothing.</p>
<h2>Results</h2><div class="scroll"><table><thead><tr><th>Test</th><th>Control test</th><th>Result</th><th>Population</th><th>Exceptions</th><th>Undetermined</th><th>Excluded</th><th>Files</th></tr></thead><tbody>
${report.tests.map((test) => resultRow(test)).join('\n')}
</tbody></table></div>
<h2>Search</h2>
<form id="search" hidden><label>Words, keys, event names<input id="words" type="search" autocomplete="off"></label>
<label>Test<select id="test"><option value="">any</option>${report.tests.map((test) => option(test.test, test.test)).join('')}</select></label>
<label>Verdict<select id="verdict"><option value="">any</option>${['exception', 'undetermined', 'excluded', 'pass'].map((one) => option(one, one)).join('')}</select></label>
<label>Also search these files of the pack<input id="files" type="file" multiple accept=".ndjson"></label></form>
<p id="count" aria-live="polite" class="quiet">Searching needs the script of this page. The files hold the same rows.</p>
<div class="scroll"><table><thead><tr><th>Test</th><th>Verdict</th><th>Item</th><th>When (UTC)</th><th>Finding</th><th>Evidence</th></tr></thead><tbody id="rows"></tbody></table></div>
`;
}

function resultRow(test: PackModel['report']['tests'][number]): string {
  const mark = RESULT_MARKS[test.result];
  const number = (count: number): string => `<td class="number">${formatCount(count)}</td>`;
  const link = (name: string): string => `<a href="tests/${escape(test.test)}/${name}.csv">${name}</a>`;
  return `<tr><td>${escape(test.test)}</td><td>${escape(test.title)}</td><td>${mark.sign} ${mark.word}</td>${number(test.population.count)}${number(test.exceptions)}${number(test.undetermined)}${number(excludedOf(test))}<td>${['population', 'exceptions', 'sample', 'worksheet'].map(link).join(' ')}</td></tr>`;
}

function tailOf(files: readonly PackFile[], left: number, script: string): string {
  const missing =
    left === 0
      ? ''
      : `<p>${formatCount(left)} rows are too many for this page. Choose their population.ndjson above to search them too.</p>`;
  const rows = files.map(
    (file) => `<tr><td><a href="${escape(file.path)}">${escape(file.path)}</a></td><td>${escape(file.role)}</td></tr>`,
  );
  return `${missing}<h2>Files</h2><div class="scroll"><table><thead><tr><th>File</th><th>What it is</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div><p class="quiet">manifest.json names all files with their SHA-256; manifest.sig is its signature.</p>
<script>${script}</script></body></html>
`;
}

/** JSON that cannot end the element it stands in, whatever the data hold. */
function jsonForScript(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** Text as HTML; characters that hide or reorder text are shown by their number. */
function escape(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return visibleText(text).replaceAll(/[&<>"']/g, (character) => names[character] ?? '');
}

function sourceOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
