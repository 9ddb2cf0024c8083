import { rm } from 'node:fs/promises';
import { killImports, makeReference, seededRandom } from '../support/kill-imports.ts';
import { tempFolder } from '../support/temp-folder.ts';

// npm run test:kills -- [KILLS] [SEED]: kills imports at random moments, and compares every row with an import that was
// left in peace. Not in CI: a thousand kills take an hour or two. Folders that were equal are removed; one that was not
// stays, and the seed gives the same moments again.
const most = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const folder = await tempFolder('custody-kills-');
const started = performance.now();
console.log(`${most} kills, seed ${seed}, in ${folder.path}`);
const reference = await makeReference(folder.path, [1, 2]);
console.log(`the reference: ${reference.lines} lines, ${Math.round(reference.importMs)} ms`);
const done = await killImports(folder.path, reference, most, seededRandom(seed), (count, data) => {
  void rm(data, { recursive: true, force: true });
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  console.log(
    `${count.kills} of ${most} killed (${count.begun} while importing), ${count.folders} folders equal, ${minutes} min`,
  );
});
console.log(`done: ${done.kills} kills, ${done.folders} folders, each equal to the reference in every row`);
await folder.remove();
