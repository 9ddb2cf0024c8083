import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Chain } from '../../../model/chain.ts';
import type { ReportModel, TestItem } from '../../../model/control.ts';
import { LIFETIME_ENDS_S } from '../../../model/report-figures.ts';
import type { Lifetimes } from '../../../model/report-figures.ts';
import { openDocument } from '../../../reports/pdf/document.ts';
import type { Scene } from '../../../reports/pdf/scene.ts';
import { buildScene } from '../../../reports/pdf/scene.ts';
import { renderReport } from '../../../reports/render-report.ts';
import { chainAlt, chainScene, stepsOf } from '../../../reports/sections/chain-diagram.ts';
import { coverageAlt, coverageOf, coverageScene, silentDays } from '../../../reports/sections/coverage-chart.ts';
import { exceptionRows, exceptionsAlt, exceptionsOverTime, exceptionsScene } from '../../../reports/sections/exceptions-chart.ts'; // prettier-ignore
import { lifetimeRows, lifetimesAlt, lifetimesScene, limitPlace } from '../../../reports/sections/lifetimes-chart.ts';
import { compactCount } from '../../../reports/wording.ts';
import { missingPoppler, pdfText, squeeze } from '../../support/pdf-tools.ts';
import { makeReportModel } from '../../support/report-model.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { FLAVOURS, missingForVeraPdf, validatePdf } from '../../support/verapdf.ts';

const folder = await tempFolder();
afterAll(folder.remove);
const { fonts } = openDocument({ title: 'T', author: 'T', subject: 'T', keywords: 't', created: new Date(0), frame: { header: '', headerRight: '', footer: '' } }).sheet; // prettier-ignore
const LONG = 'https://issuer.example/'.padEnd(400, 'a-very-long-name-');
const NASTY = ['', LONG, '漢字 and 😀', 'א ב ג', 'nul\u0000 \u202E \uD800', ' '];
const PAGE_ROOM = 841.89 - 78 - 66;

type Text = Extract<Scene['shapes'][number], { kind: 'text' }>;
const texts = (scene: Scene): readonly Text[] => scene.shapes.filter((shape) => shape.kind === 'text');

/** Every shape lies within the figure, every text within its place, and no two places of texts share room. */
function expectTidy(scene: Scene): void {
  expect(scene.height).toBeLessThan(PAGE_ROOM);
  const slack = 0.01;
  for (const shape of scene.shapes) {
    const places = 'box' in shape ? [[shape.box.x, shape.box.y], [shape.box.x + shape.box.width, shape.box.y + shape.box.height]] : [shape.from, shape.to]; // prettier-ignore
    for (const [x = 0, y = 0] of places) {
      expect(x).toBeGreaterThanOrEqual(-slack);
      expect(x).toBeLessThanOrEqual(scene.width + slack);
      expect(y).toBeGreaterThanOrEqual(-1);
      expect(y).toBeLessThanOrEqual(scene.height + slack);
    }
  }
  const all = texts(scene).toSorted((a, b) => a.box.y - b.box.y);
  for (const [i, one] of all.entries()) {
    expect(one.line.width, one.text).toBeLessThanOrEqual(one.box.width + slack);
    for (const other of all.slice(i + 1)) {
      if (other.box.y >= one.box.y + one.box.height - 1.5) break;
      const apart = one.box.x + one.box.width <= other.box.x + slack || other.box.x + other.box.width <= one.box.x + slack;
      expect(apart, `"${one.text}" and "${other.text}" overlap`).toBe(true);
    }
  }
} // prettier-ignore

function withItems(model: ReportModel, id: string, moments: readonly string[]): ReportModel {
  const items = moments.map((at, i): TestItem => ({ item: `item:${i}`, aliases: [], verdict: 'exception', at, finding: 'f', evidence: [] })); // prettier-ignore
  const tests = model.tests.map((one) => (one.test === id ? { ...one, exceptions: items.length, undetermined: 0, excluded: {}, items } : one)); // prettier-ignore
  return { ...model, tests };
}

describe('exceptions over time', () => {
  const model = makeReportModel();

  test.each([
    ['a day', '2026-04-01', '2026-04-02', 1, 1],
    ['a month, by day', '2026-04-01', '2026-05-01', 1, 30],
    ['a quarter, by week', '2026-04-01', '2026-07-01', 7, 13],
    ['a year, by four weeks', '2026-01-01', '2027-01-01', 28, 14],
    ['ten years', '2020-01-01', '2030-01-01', 364, 11],
    ['a century', '1971-01-01', '2071-01-01', 1_179, 31],
  ])('%s is cut into stretches that fit', (_name, from, to, step, stretches) => {
    const data = exceptionsOverTime({ ...model, from: `${from}T00:00:00.000000Z`, to: `${to}T00:00:00.000000Z` });
    expect([data.step, data.starts.length]).toEqual([step, stretches]);
    expect(data.starts[0]).toBe(from);
    expectTidy(exceptionsScene(fonts, data));
  });

  test('counts at the edges: the first moment, the last, one after it, and no moment at all', () => {
    const moments = ['2026-04-01T00:00:00.000000Z', '2026-04-07T23:59:59.999999Z', '2026-04-08T00:00:00.000000Z', '2026-06-30T23:59:59.999999Z', '2026-07-01T00:00:00.000000Z', '2026-03-31T23:59:59.999999Z', 'yesterday']; // prettier-ignore
    const data = exceptionsOverTime(withItems(model, 'T-01', moments));
    const [authorisation] = data.groups;
    expect(authorisation).toMatchObject({ name: 'Authorisation', total: 7, outside: 3 });
    expect(authorisation?.counts).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test('bars and table are the same numbers, and a changed value changes both', () => {
    const data = exceptionsOverTime(withItems(model, 'T-01', Array.from({ length: 1_234 }, () => '2026-05-01T00:00:00Z')));
    const scene = exceptionsScene(fonts, data);
    const rows = exceptionRows(data);
    const drawn = texts(scene).map(({ text }) => text);
    for (const [, ...counts] of rows.slice(0, data.starts.length))
      for (const count of counts.slice(0, -1)) if (count > 0) expect(drawn).toContain(compactCount(count));
    expect(rows.at(-1)).toEqual(['All', ...data.groups.map(({ total }) => total), data.total]);
    const bars = scene.shapes.filter(({ kind }) => kind === 'fill').length;
    expect(bars).toBe(rows.slice(0, data.starts.length).flatMap(([, ...counts]) => counts.slice(0, -1)).filter((count) => count > 0).length);
    const other = exceptionsOverTime(withItems(model, 'T-01', ['2026-05-01T00:00:00Z']));
    expect(exceptionRows(other)).not.toEqual(rows);
    expect(exceptionsAlt(other)).not.toBe(exceptionsAlt(data));
  }); // prettier-ignore

  test('another number than the tests tell is an error, and none is a sentence', async () => {
    const lost = { ...model, tests: model.tests.map((one) => (one.test === 'T-08' ? { ...one, exceptions: 2 } : one)) };
    await expect(renderReport(lost, join(folder.path, 'lost.pdf'))).rejects.toThrow(/counts 3 where the tests tell 4/);
  });
});

describe('coverage by source', () => {
  const model = makeReportModel();
  const figures = model.figures ?? expect.unreachable();

  test('tells days with events, without, in a gap, and what came of what was expected', () => {
    const coverage = coverageOf(model, figures);
    expectTidy(coverageScene(fonts, coverage));
    const [gitlab, okta, issuer, trail, vault] = coverage.rows;
    expect(gitlab?.days.every(({ events, gap }) => events > 0 && !gap)).toBe(true);
    expect(silentDays(coverage, okta ?? expect.unreachable())).toMatch(/^2026-04-04 to 2026-04-05, .*, and 7 more$/);
    expect(issuer?.expected).toEqual({ received: 55_098, of: 55_100, by: 'its own counter' });
    expect(trail?.days.flatMap(({ gap }, i) => (gap ? [i] : []))).toEqual([31]);
    expect(silentDays(coverage, vault ?? expect.unreachable())).toBe(
      '2026-04-01 to 2026-05-10, 2026-05-12 to 2026-06-30',
    );
    const alt = coverageAlt(coverage);
    expect(alt).toContain('vault.audit vault.northwind.example: events on 1 of 91 days');
    expect(alt).toContain('a gap on 1');
  });

  test.each([[1, 1], [1, 91], [24, 400], [300, 3_660]])('%i sources over %i days with any names stay in their places', (count, days) => {
    const sources = Array.from({ length: count }, (_, i) => ({ ...(model.sources[i % 5] ?? expect.unreachable()), instance: `${NASTY[i % NASTY.length]}${i}` }));
    const coverage = coverageOf({ ...model, sources }, { ...figures, days, coverage: sources.map(({ family, instance }, i) => ({ family, instance, events: Array.from({ length: days }, (_one, day) => (day * 7 + i) % 5) })) });
    expect(coverage.rows).toHaveLength(count);
    expectTidy(coverageScene(fonts, coverage));
  }); // prettier-ignore

  test('filled boxes are the days of the data', () => {
    const coverage = coverageOf(model, { ...figures, days: 5, coverage: figures.coverage.map((row, i) => ({ ...row, events: [1, 0, i, 0, 1] })) }); // prettier-ignore
    const width = (part: Scene): number => part.shapes.filter((shape) => shape.kind === 'fill' && shape.box.height === 13).length; // prettier-ignore
    const active = coverage.rows.flatMap(({ days }) => days).filter(({ events }) => events > 0).length;
    expect(width(coverageScene(fonts, coverage))).toBe(active);
  });
});

describe('lives of credentials', () => {
  const lives = makeReportModel().figures?.lifetimes ?? [];

  test('limits stand where they belong on the axis', () => {
    expect([0, 150, 300, 600, 900, 3_600, 604_800, 604_801].map((limit) => limitPlace(limit))).toEqual([0, 0.5, 1, 1.5, 2, 4, 10, 10.5]); // prettier-ignore
  });

  test('what lies beyond the limit is hatched, and the rest is filled', () => {
    const [one] = lives;
    const scene = lifetimesScene(fonts, [one ?? expect.unreachable()]);
    expect(scene.shapes.filter(({ kind }) => kind === 'hatch')).toHaveLength(1);
    expect(scene.shapes.filter(({ kind }) => kind === 'fill')).toHaveLength(4);
    expect(texts(scene).map(({ text }) => text)).toContain('limit 1 h');
  });

  test.each([
    ['as the model has it', lives],
    ['of nine environments with any names', Array.from({ length: 9 }, (_, i): Lifetimes => ({ environment: NASTY[i % NASTY.length] ?? '', limit_s: [1, 3_600, 43_200, 86_400, 604_800, 31_536_000][i % 6] ?? 1, counts: Array.from({ length: LIFETIME_ENDS_S.length + 2 }, (_one, place) => 10 ** ((place + i) % 8)), over: 10 ** i }))],
    ['of one environment without any', [{ counts: Array.from({ length: LIFETIME_ENDS_S.length + 2 }, () => 0), over: 0 }]],
  ])('%s stay in their places', (_name, some) => {
    expectTidy(lifetimesScene(fonts, some));
    expect(lifetimesAlt(some).length).toBeLessThan(4_000);
  }); // prettier-ignore

  test('the table has every number, and changes with each', () => {
    const rows = lifetimeRows(lives);
    expect(rows).toHaveLength(LIFETIME_ENDS_S.length + 5);
    expect(rows.at(-3)).toEqual(['All', '8,924', '9,230', '50']);
    expect(rows.at(-2)).toEqual(['Over the limit', '1', '0', 'cannot be said']);
    expect(rows.at(-1)).toEqual(['Limit of the policy', '1 h', '12 h', 'none']);
    const changed = lives.map((one, i) => (i === 0 ? { ...one, counts: one.counts.map((count, place) => count + (place === 2 ? 1 : 0)) } : one)); // prettier-ignore
    expect(lifetimeRows(changed)).not.toEqual(rows);
  });
});

describe('the diagram of a chain', () => {
  const { chains } = makeReportModel();
  const chain = chains[0]?.chain ?? expect.unreachable();

  test('tells each stage with who, when and how it is known', () => {
    const steps = stepsOf(chain, new Map(chain.events.map((event, i) => [event.event, `E${i + 1}`])));
    const scene = chainScene(fonts, steps);
    expectTidy(scene);
    const drawn = texts(scene).map(({ text }) => text);
    for (const text of ['Requested', '✓ present', 'Lena Vogt (okta:user:northwind.okta.example/00u1lena)', '2026-04-14 09:10:00', '✗ missing', 'exact', 'no link', 'E2, E3'])
      expect(drawn).toContain(text);
    expect(scene.shapes.filter(({ kind }) => kind === 'arrow')).toHaveLength(steps.length - 1);
    expect(chainAlt(steps)).toContain('Approved: missing, Omar Haddad (okta:user:northwind.okta.example/00u1omar), 2026-04-14 09:11:22.418 UTC');
    const weaker = { ...chain, stages: chain.stages.map((stage) => ({ ...stage, grade: 'inferred' as const })) };
    expect(texts(chainScene(fonts, stepsOf(weaker, new Map()))).filter(({ text }) => text === 'inferred')).toHaveLength(5);
  }); // prettier-ignore

  test.each([0, 1, 2, 40])('with %i parties of any name stays in its places', (count) => {
    const party = (i: number) => ({ key: NASTY[i % NASTY.length] ?? '', kind: 'human' as const, display: NASTY[(i + 1) % NASTY.length] ?? '', aliases: [] }); // prettier-ignore
    const { requester: _requester, ...rest } = chain;
    const wild: Chain = { ...rest, approvers: Array.from({ length: count }, (_, i) => party(i)), credentials: NASTY.slice(0, count), touched: [], stages: chain.stages.map((stage) => ({ ...stage, events: Array.from({ length: count }, (_, i) => `${LONG}${i}`) })) }; // prettier-ignore
    expectTidy(chainScene(fonts, stepsOf(wild, new Map())));
    expect(chainScene(fonts, [])).toMatchObject({ shapes: [] });
  });
});

test('a label is cut to its place with an ellipsis, and left out where not even that has room', () => {
  const draft = buildScene(fonts, 100);
  draft.label('whole', { x: 0, y: 0, width: 100 });
  draft.label('a text that is far too long for it', { x: 0, y: 10, width: 40 });
  draft.label('nothing', { x: 0, y: 20, width: 1 });
  const [whole, cut, ...none] = texts(draft.scene(30));
  expect(whole?.text).toBe('whole');
  expect(cut?.text).toMatch(/^a text.*…$/);
  expect(none).toEqual([]);
  expect([0, 999, 1_000, 1_250, 9_999, 12_900, 999_999, 1_500_000].map((count) => compactCount(count))).toEqual(['0', '999', '1k', '1.2k', '9.9k', '12k', '999k', '1.5M']); // prettier-ignore
});

describe('in the document', () => {
  test('each chart is a figure with its words and its place, and its table follows', async ({ skip }) => {
    const path = join(folder.path, 'charts.pdf');
    await renderReport(makeReportModel(), path);
    const raw = readFileSync(path, 'latin1');
    const figures = [...raw.matchAll(/\/S \/Figure\n(?:[^>]|>(?!>))*?\/Alt \(([\s\S]*?)\)\n\/A <<\n\/O \/Layout\n\/Placement \/Block\n\/BBox \[([^\]]+)\]/g)]; // prettier-ignore
    expect(figures).toHaveLength(3 + 2);
    for (const [, alt, box] of figures) {
      expect(alt).not.toBe('');
      const [left = 0, bottom = 0, right = 0, top = 0] = (box ?? '').split(' ').map(Number);
      expect(left).toBeCloseTo(54, 1);
      expect(right).toBeLessThanOrEqual(595.28 - 54 + 0.1);
      expect(bottom).toBeGreaterThanOrEqual(66);
      expect(top).toBeLessThanOrEqual(841.89 - 78);
      expect(top).toBeGreaterThan(bottom);
    }
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const text = squeeze(pdfText(path));
    for (const heading of ['Coverage by source', 'Exceptions over time', 'How long credentials were issued for', 'From request to use'])
      expect(text).toContain(squeeze(heading)); // prettier-ignore
    expect(text).toContain(squeeze('55,098 of 55,100 by its own counter'));
  });

  test('a report without figures, sources or exceptions says so instead of drawing', async ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const path = join(folder.path, 'bare.pdf');
    const { figures: _figures, ...bare } = makeReportModel();
    await renderReport({ ...bare, tests: bare.tests.filter(({ exceptions }) => exceptions === 0), chains: [] }, path);
    const text = squeeze(pdfText(path));
    expect(text).toContain(squeeze('No test lists an exception, so there is nothing to draw over time.'));
    expect(text).not.toContain(squeeze('Coverage by source'));
  });

  const missing = missingForVeraPdf();
  test('veraPDF passes a report whose charts are as full as they can be', { timeout: 180_000 }, async () => {
    if (missing !== undefined && process.env['CI'] !== 'true') return console.warn(`not judged by veraPDF: ${missing}`);
    const model = makeReportModel('soc2', 60);
    const path = join(folder.path, 'full.pdf');
    const source = model.sources[2] ?? expect.unreachable();
    await renderReport({ ...model, sources: [...model.sources, ...NASTY.map((instance) => ({ ...source, instance }))] }, path); // prettier-ignore
    for (const flavour of FLAVOURS) expect(await validatePdf(path, flavour)).toMatchObject({ passed: true });
  });
});
