import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { ReportModel, TestItem } from '../../model/control.ts';
import { FORBIDDEN } from '../../reports/wording.ts';
import { renderReport } from '../../reports/render-report.ts';
import { visibleText } from '../../reports/pdf/visible.ts';
import { missingPoppler, pdfText, poppler, squeeze } from '../support/pdf-tools.ts';
import { makeReportModel } from '../support/report-model.ts';
import { makeSigner } from '../support/report-signer.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { FLAVOURS, missingForVeraPdf, validatePdf } from '../support/verapdf.ts';

const folder = await tempFolder();
afterAll(folder.remove);
const pathOf = (name: string): string => join(folder.path, name);

const HOSTILE = [
  ') /URI (https://evil.example) >> endobj',
  '</script><script>alert(1)</script>',
  'report-\u202Efdp.exe',
  'nul\u0000and\u001Bescape',
  '漢字 and 😀',
  'א ב ג',
  'a\u0301\uD800 &amp; <b>',
  'A&B "C" \'D\'',
  'https://evil.example/click',
  `long-${'0123456789'.repeat(1_000)}-end`,
  '=HYPERLINK("https://evil.example")',
  '\\u{202E}',
  '',
] as const;

function makeHostileModel(): ReportModel {
  const model = makeReportModel('iso27001');
  const items = HOSTILE.map((text, i): TestItem => ({
    item: text,
    aliases: [text],
    verdict: 'exception',
    attribute: text,
    at: text,
    finding: text,
    evidence: [text],
    stratum: `${text}${i}`,
  }));
  const name = HOSTILE.slice(0, 8).join(' ');
  const chain = model.chains[0]?.chain ?? expect.unreachable();
  const party = { key: name, kind: 'human', display: name, person: name, aliases: [name], how: name } as const;
  const hostileChain = {
    ...chain,
    id: 'hostile',
    focal: name,
    requester: party,
    approvers: [party, party],
    job: name,
    events: chain.events.map((event) => ({ ...event, sentence: name, actor: party, resource: name })),
    findings: [{ kind: name, detail: name, event: name }],
  };
  return {
    ...model,
    organisation: `Söhne & Töchter ${name}`,
    tenant: name,
    sources: model.sources.map((source) => ({
      ...source,
      instance: name,
      gaps: [{ from: name, to: name, reason: name }],
      rejected: { [name]: 1 },
    })),
    tests: model.tests.map((entry, i) =>
      i === 0
        ? {
            ...entry,
            title: name,
            control: name,
            parameters: { [name]: name },
            gaps: [name],
            exceptions: items.length,
            undetermined: 0,
            excluded: {},
            items,
          }
        : entry,
    ),
    chains: [{ item: items[0]?.item ?? '', test: 'T-01', chain: hostileChain }],
  };
}

describe('a report', () => {
  test('is the same bytes for the same model, in another time zone and locale too', async () => {
    const first = await renderReport(makeReportModel(), pathOf('first.pdf'));
    const second = await renderReport(makeReportModel(), pathOf('second.pdf'));
    expect(second).toEqual(first);
    const bytes = readFileSync(pathOf('first.pdf'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(first.sha256);
    expect(bytes.length).toBe(first.bytes);
    const script = join(import.meta.dirname, '../support/render-fixture.ts');
    const env = { ...process.env, TZ: 'Pacific/Auckland', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' };
    expect(
      execFileSync(process.execPath, ['--import', 'tsx', script, pathOf('third.pdf')], { env, encoding: 'utf8' }),
    ).toBe(first.sha256);
  });

  test('goes to a stream as well as to a file, and differs if the model does', async () => {
    const stream = new PassThrough();
    const [rendered, bytes] = await Promise.all([renderReport(makeReportModel(), stream), buffer(stream)]);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(rendered.sha256);
    const other = await renderReport({ ...makeReportModel(), organisation: 'Other' }, pathOf('other.pdf'));
    expect(other.sha256).not.toBe(rendered.sha256);
  });

  test('waits for a slow reader instead of filling memory', async () => {
    let most = 0;
    let slow: Writable | undefined;
    slow = new Writable({
      highWaterMark: 1_024,
      write(_chunk, _encoding, done) {
        most = Math.max(most, slow?.writableLength ?? 0);
        setTimeout(done, 1);
      },
    });
    const { pages } = await renderReport(makeReportModel('soc2', 50), slow);
    expect(pages).toBeGreaterThan(20);
    expect(most).toBeLessThan(2 * 1_048_576);
  });

  test('leaves no half a file behind when its model is wrong or its place cannot be written', async () => {
    const model = makeReportModel();
    const wrong = { ...model, tests: model.tests.map((entry) => ({ ...entry, undetermined: entry.undetermined + 1 })) };
    await expect(renderReport(wrong, pathOf('wrong.pdf'))).rejects.toThrow('undetermined but lists');
    expect(existsSync(pathOf('wrong.pdf')) || existsSync(pathOf('wrong.pdf.part'))).toBe(false);
    await expect(renderReport(model, pathOf('no/such/folder/report.pdf'))).rejects.toThrow('ENOENT');
    await expect(renderReport({ ...model, as_of: 'yesterday' }, pathOf('when.pdf'))).rejects.toThrow('as_of');
  });

  test('an output that breaks off ends the drawing with its error', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
    await expect(renderReport(makeReportModel('soc2', 500), broken)).rejects.toThrow('disk full');
  });
});

describe.each(['soc2', 'iso27001'] as const)('the %s report', (framework) => {
  test('holds every key of the model, page numbers that are right, and only embedded fonts', async ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const model = makeReportModel(framework);
    const path = pathOf(`${framework}.pdf`);
    const { pages } = await renderReport(model, path);
    const info = poppler('pdfinfo', path);
    expect(info).toMatch(/Tagged:\s+yes/);
    expect(info).toMatch(new RegExp(`Pages:\\s+${pages}\\b`));
    const fonts = poppler('pdffonts', path).trim().split('\n').slice(2);
    expect(fonts.length).toBeGreaterThan(2);
    expect(fonts.filter((line) => !/DejaVu.*\byes yes yes\b/.test(line))).toEqual([]);
    const text = pdfText(path);
    const sheets = text.split('\f').slice(0, pages);
    expect(sheets.filter((sheet, i) => !sheet.includes(`Page ${i + 1} of ${pages}`))).toEqual([]);
    const squeezed = squeeze(text);
    expect(keysOf(model).filter((key) => !squeezed.includes(squeeze(key)))).toEqual([]);
    for (const told of ['120 to 55219: 55098 came, 2 missing', 'longest silence 1 h 30 min', '99 % 1 min 1 s, longest 1 d 1 h', '1 never streamed'])
      expect(squeezed).toContain(squeeze(told)); // prettier-ignore
    expect(text).not.toMatch(FORBIDDEN);
    expect(text).not.toContain('\uFFFD');
  });

  test('has contents whose page numbers are where the headings are', async ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const path = pathOf(`${framework}-contents.pdf`);
    await renderReport(makeReportModel(framework), path);
    const sheets = pdfText(path).split('\f');
    const entries = [...(sheets[1] ?? '').matchAll(/^(\d {1,2}[A-Z].*?|T-\d\d .*?) ?\n? ?(\d+)$/gm)].map((found) => ({
      title: squeeze(found[1] ?? ''),
      page: Number(found[2]),
    }));
    expect(entries).toHaveLength(15);
    for (const { title, page } of entries) expect(squeeze(sheets[page - 1] ?? '')).toContain(title);
  });

  test('has links and bookmarks that lead somewhere', async ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const path = pathOf(`${framework}-links.pdf`);
    await renderReport(makeReportModel(framework), path);
    const raw = readFileSync(path, 'latin1');
    const targets = new Set([...raw.matchAll(/\/S \/GoTo\n\/D \(([^)]*)\)/g)].map((found) => found[1]));
    const places = new Set([...poppler('pdfinfo', '-dests', path).matchAll(/"([^"]+)"/g)].map((found) => found[1]));
    expect(targets.size).toBe(8 + 7 + 2);
    expect([...targets].filter((target) => !places.has(target))).toEqual([]);
    expect(raw).toMatch(/\/PageMode \/UseOutlines/);
    for (const title of [
      '5  Tests and results',
      'T-09  No use after expiry',
      '8  Integrity, and how to check this report',
    ])
      expect(raw).toContain(`/Title (${title})`);
    expect(raw).toMatch(/\/Title \(5 {2}Tests and results\)\n\/Count -7\b/);
  });

  test('carries the check and the chains as files, byte for byte', async ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const model = makeReportModel(framework);
    const path = pathOf(`${framework}-attached.pdf`);
    await renderReport(model, path);
    poppler('pdfdetach', '-saveall', '-o', folder.path, path);
    const { chains, ...check } = model;
    expect(readFileSync(pathOf('check-result.json'), 'utf8')).toBe(canonicalJson(check));
    expect(readFileSync(pathOf('chains.json'), 'utf8')).toBe(canonicalJson(chains));
    expect(squeeze(pdfText(path))).toContain(createHash('sha256').update(canonicalJson(check)).digest('hex'));
  });
});

describe('hostile text', () => {
  test('is shown escaped, and never becomes a link, a script or an action', async ({ skip }) => {
    const path = pathOf('hostile.pdf');
    await renderReport(makeHostileModel(), path);
    const raw = readFileSync(path, 'latin1');
    expect(raw).not.toMatch(/\/S\s*\/(?:URI|JavaScript|Launch|GoToR|SubmitForm)|\/(?:OpenAction|AA)\b|\/JS\b/);
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const text = squeeze(pdfText(path)).replaceAll(/Page\d+of\d+/g, '');
    for (const hostile of HOSTILE.filter((entry) => entry.length < 1_000))
      expect(text).toContain(squeeze(shown(hostile)));
    // Keys that wrap over a page boundary have the page's furniture between, so the long one is sought in parts.
    expect([...text.matchAll(/0123456789/g)].length).toBeGreaterThanOrEqual(4 * 900);
    expect(pdfText(path)).not.toMatch(/(?![\n\f])[\p{Cc}\p{Cf}\p{M}\p{Cs}]/u);
  });
});

describe('ten thousand exceptions', () => {
  test('are all listed, within seconds', { timeout: 180_000 }, async ({ skip }) => {
    const started = performance.now();
    const { pages } = await renderReport(makeReportModel('soc2', 10_000), pathOf('many.pdf'));
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(pages).toBeGreaterThan(300);
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const found = new Set(
      [...squeeze(pdfText(pathOf('many.pdf'))).matchAll(/northwind\.example\/ex-(\d{5})-[0-9a-f]{12}/g)].map(
        (match) => match[1],
      ),
    );
    expect(found.size).toBe(10_000);
  });
});

describe('veraPDF', () => {
  const missing = missingForVeraPdf();

  test('can run wherever the continuous integration does', () => {
    if (process.env['CI'] === 'true') expect(missing).toBeUndefined();
  });

  test.each([
    ['the SOC 2 report', () => makeReportModel('soc2')],
    ['the ISO 27001 report', () => makeReportModel('iso27001')],
    ['a report of hostile text', makeHostileModel],
    ['a report of nothing', (): ReportModel => ({ ...makeReportModel(), sources: [], tests: [], chains: [] })],
  ])('passes %s, signed, as PDF/A-3a and PDF/UA-1', { timeout: 180_000 }, async (name, make) => {
    if (missing !== undefined && process.env['CI'] !== 'true') return console.warn(`not judged by veraPDF: ${missing}`);
    const path = pathOf(`${name.replaceAll(' ', '-')}.pdf`);
    await renderReport(make(), path, { signer: makeSigner(0) });
    for (const flavour of FLAVOURS) expect(await validatePdf(path, flavour)).toMatchObject({ passed: true });
  });
});

/** The text as a report shows it: no font of the report has these two ideographs. */
function shown(text: string): string {
  return visibleText(text).replaceAll(
    /[漢字]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16).toUpperCase()}}`,
  );
}

/** Every key, hash and event that a report of the model has to show. */
function keysOf(model: ReportModel): string[] {
  const items = model.tests.flatMap((entry) =>
    entry.items.flatMap((item) => [item.item, ...item.aliases, ...item.evidence]),
  );
  const chains = model.chains.flatMap(({ chain }) => [
    chain.focal,
    ...chain.credentials,
    ...chain.touched,
    ...chain.pipelines,
    ...chain.requests,
    ...chain.events.map((event) => event.event),
    ...chain.links.flatMap((link) => [link.parent, link.child]),
    ...chain.approvers.map((party) => party.key),
  ]);
  return [
    ...items,
    ...chains,
    ...model.tests.map((entry) => entry.population.sha256),
    ...model.sources.map((source) => source.instance),
    model.policy_sha256,
  ];
}
