import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importAgain, killImports, makeReference, seededRandom } from '../support/kill-imports.ts';
import type { Reference } from '../support/kill-imports.ts';
import { tempFolder } from '../support/temp-folder.ts';

const KILLS = 50;

let folder: Awaited<ReturnType<typeof tempFolder>>;
let reference: Reference;

beforeAll(async () => {
  folder = await tempFolder();
  reference = await makeReference(folder.path);
}, 120_000);
afterAll(() => folder.remove());

describe('kill -9 in the middle of an import', () => {
  test('the file holds every way in which an event can end', () => {
    const { accepted, duplicate, conflict, rejected } = reference.counts;
    for (const count of [accepted, duplicate, conflict]) expect(count).toBeGreaterThan(20);
    expect(Object.keys(rejected).length).toBeGreaterThanOrEqual(3);
    expect(accepted + duplicate + conflict + Object.values(rejected).reduce((a, b) => a + b, 0)).toBe(reference.lines);
    expect(reference.digests['records']?.rows).toBe(reference.lines);
    expect(reference.digests['edges']?.rows).toBeGreaterThan(1_000);
  });

  test('importing again adds no row and tells every accepted event as a duplicate', async () => {
    const again = await importAgain(reference, join(folder.path, 'reference'));
    expect(again.accepted).toBe(0);
    expect(again.duplicate + Object.values(again.rejected).reduce((a, b) => a + b, 0)).toBe(reference.lines);
  }, 120_000);

  // Two at a time, each in folders of its own.
  test(`fault 01: ${KILLS} kills, then the same import: the same rows, the same leaves, nothing lost, nothing twice`, async () => {
    const lanes = await Promise.all(
      [11, 22].map((seed) => killImports(folder.path, reference, KILLS / 2, seededRandom(seed))),
    );
    const kills = lanes.reduce((total, lane) => total + lane.kills, 0);
    const begun = lanes.reduce((total, lane) => total + lane.begun, 0);
    expect(kills).toBeGreaterThanOrEqual(KILLS);
    expect(begun).toBeGreaterThanOrEqual(KILLS / 2);
  }, 1_200_000);
});
