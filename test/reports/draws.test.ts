import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openDraws } from '../../reports/draws.ts';
import type { DrawnPlan } from '../../reports/draws.ts';
import { readReportBody } from '../../reports/report-request.ts';
import type { ReportRequest } from '../../reports/report-request.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = await tempFolder('custody-draws-');
afterAll(folder.remove);

const request = (sampling: object | undefined, more: object = {}, operator = 'kim'): ReportRequest =>
  readReportBody({ framework: 'soc2', from: '2026-04-01T00:00:00Z', to: '2026-07-01T00:00:00Z', ...(sampling ? { sampling } : {}), ...more }, '2026-07-08T06:00:00Z', operator); // prettier-ignore
const NOW = Date.parse('2026-07-08T07:00:00Z');

test('who draws anew says why; the same again, picks and another period are no re-draw; all of it is kept', async () => {
  const draws = await openDraws(folder.path, () => NOW);
  const told: DrawnPlan[] = [];
  const note = (...args: Parameters<typeof request>): Promise<void> =>
    draws.note(request(...args), (draw) => Promise.resolve(void told.push(draw)));
  await note(undefined);
  await note(undefined);
  await note({ picks: [{ test: 'T-01', item: 'x' }] });
  await note({ phrase: 'other' }, { framework: 'iso27001' });
  await note({ phrase: 'other' }, { from: '2026-05-01T00:00:00Z' });
  expect(draws.list()).toHaveLength(3);
  expect(told).toEqual([]);
  for (const anew of [{ phrase: 'lucky' }, { sizes: { 'T-01': 38 } }, { risk: 'high' }, { attributes: { confidence: 0.9, tolerable: 0.05, deviations: 0 } }])
    await expect(note(anew, {}, 'lee'), JSON.stringify(anew)).rejects.toThrow(/^kim had the samples .*2026-07-08T07:00:00.000Z.*--reason/);
  // The period is compared as moments, not as text.
  await expect(note({ phrase: 'lucky' }, { from: '2026-04-01T02:00:00+02:00' })).rejects.toThrow('--reason');
  expect(draws.list()).toHaveLength(3);
  await note({ phrase: 'lucky', reason: 'The auditor asked for a phrase of his own.' }, {}, 'lee');
  await note({ phrase: 'lucky' });
  // Back to the first seed is a re-draw like any other.
  await expect(note(undefined)).rejects.toThrow(/^lee had/);
  await note({ sizes: { 'T-01': 38 } }, { issue: true, supplement: 'One deviation: extended.' });
  expect(told).toEqual(draws.list().slice(3));
  expect(told).toMatchObject([
    { operator: 'lee', at: '2026-07-08T07:00:00.000Z', plan: { phrase: 'lucky' }, reason: 'The auditor asked for a phrase of his own.' },
    { operator: 'kim', plan: { sizes: { 'T-01': 38 } }, reason: 'One deviation: extended.' },
  ]);
  expect((await openDraws(folder.path)).list()).toEqual(draws.list());
}); // prettier-ignore

test('what cannot be told is not drawn, and a line that a crash cut off spoils no other', async () => {
  const path = join(folder.path, 'draws.ndjson');
  const draws = await openDraws(folder.path);
  const before = readFileSync(path, 'utf8');
  const anew = request({ phrase: 'third', reason: 'again' });
  await expect(draws.note(anew, () => Promise.reject(new Error('the log is away')))).rejects.toThrow('away');
  expect(readFileSync(path, 'utf8')).toBe(before);
  appendFileSync(path, '{"at":"2026-');
  const after = await openDraws(folder.path);
  expect(after.list()).toEqual(draws.list());
  await after.note(anew);
  const again = await openDraws(folder.path);
  expect(again.list()).toEqual(after.list());
  expect(again.list().at(-1)).toMatchObject({ plan: { phrase: 'third' }, reason: 'again' });
});

test('two that draw anew at one moment: the second is compared with the first', async () => {
  const own = await tempFolder('custody-draws-');
  const draws = await openDraws(own.path);
  const answers = await Promise.allSettled(['a', 'b', 'b'].map((phrase) => draws.note(request({ phrase }))));
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(draws.list()).toHaveLength(1);
  await own.remove();
});
