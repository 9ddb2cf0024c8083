import { rm } from 'node:fs/promises';
import { killImports, makeReference, seededRandom } from '../support/kill-imports.ts';
import type { KillCount } from '../support/kill-imports.ts';
import { tempFolder } from '../support/temp-folder.ts';

// npm run test:kills -- [KILLS] [SEED]: kills imports at random moments, two at a time, and compares every row with an
// import that was left in peace. A thousand take some half an hour on two calm cores; CI does fifty (test/e2e). Folders that
// were equal are removed; one that was not stays, and the seed gives the same moments again, as far as moments can be given.
const LANES = 2;
const most = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
if (!Number.isInteger(most) || most < 1 || !Number.isInteger(seed)) {
  console.error('usage: npm run test:kills -- [KILLS] [SEED], whole numbers');
  process.exit(2);
}
const folder = await tempFolder('custody-kills-');
console.log(`${most} kills, seed ${seed}, in ${folder.path}`);
const reference = await makeReference(folder.path);
const { lines, openMs, importMs } = reference;
console.log(`the reference: ${lines} lines, ${Math.round(openMs)} ms to begin, ${Math.round(importMs)} ms to import`);

const started = performance.now();
const counts: KillCount[] = [];
const total = (of: keyof KillCount): number => counts.reduce((sum, count) => sum + count[of], 0);
const tell = (): void => {
  const minutes = (performance.now() - started) / 60_000;
  const left = (minutes / Math.max(1, total('kills'))) * (most - total('kills'));
  console.log(
    `${total('kills')} of ${most} killed (${total('begun')} while importing), ${total('folders')} folders equal, ` +
      `${minutes.toFixed(1)} min, about ${Math.max(0, left).toFixed(0)} more`,
  );
};
await Promise.all(
  Array.from({ length: LANES }, async (_, lane) => {
    const share = Math.floor((most + lane) / LANES);
    const random = seededRandom(seed * LANES + lane);
    await killImports(folder.path, reference, share, random, (count, data) => {
      counts[lane] = { ...count };
      void rm(data, { recursive: true, force: true });
      tell();
    });
  }),
);
console.log(
  `done: ${total('kills')} kills, ${total('folders')} folders, each equal to the reference: 0 lost, 0 twice, same leaves`,
);
await folder.remove();
