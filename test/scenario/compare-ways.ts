import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { runScenario } from './run-scenario.ts';
import type { Via } from './run-scenario.ts';

// npm run scenario:ways -- DIR [WAY...]: brings a scenario in by each way (deliver and kafka if none is named; import, memory),
// scores each by the scenarios' own score.py beside DIR, and compares all that it says. Exit code 0 only where all match
// truth and say the same, 2 for wrong usage. KEEP=FOLDER keeps the result files.
const WAYS: readonly Via[] = ['deliver', 'import', 'kafka', 'memory'];
const named = process.argv.slice(3);
const ways = named.length === 0 ? (['deliver', 'kafka'] as const) : WAYS.filter((way) => named.includes(way));
const folder = resolve(process.argv[2] ?? '');
const scorer = join(dirname(folder), 'score.py');
const truth = join(folder, 'truth.json');
if (ways.length < Math.max(1, named.length) || !existsSync(scorer) || !existsSync(truth)) {
  console.error(
    `usage: npm run scenario:ways -- DIR [${WAYS.join('|')}]..., where DIR/truth.json and DIR/../score.py are`,
  );
  process.exit(2);
}
const scratch = await mkdtemp(join(tmpdir(), 'custody-ways-'));
const results = process.env['KEEP'] ?? scratch;
const scores = new Map<Via, { readonly isRight: boolean; readonly said: string; readonly result: string }>();
try {
  for (const via of ways) {
    const started = performance.now();
    const data = join(scratch, via);
    const { result, settled } = await runScenario({ folder, via, data, say: (text) => process.stderr.write(text) });
    const out = join(results, `${via}.json`);
    const text = JSON.stringify(result, undefined, 1);
    await writeFile(out, text);
    const { stdout, stderr, status } = spawnSync('python3', [scorer, out, truth, '--verbose'], { encoding: 'utf8' });
    const seconds = ((performance.now() - started) / 1_000).toFixed(0);
    console.log(`\n== ${via}: ${seconds} s, ${JSON.stringify(settled)}, exit code of score.py ${status}`);
    process.stdout.write(stdout + stderr);
    scores.set(via, { isRight: status === 0, said: `${status} ${stdout}${stderr}`, result: text });
    await rm(data, { recursive: true, force: true });
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
const all = [...scores.values()];
const isSame = new Set(all.map(({ said }) => said)).size === 1;
const isEqual = new Set(all.map(({ result }) => result)).size === 1;
const equality = isEqual ? 'equal to the byte' : 'not equal to the byte';
console.log(
  `\n${ways.join(', ')}: score.py says ${isSame ? 'the same of each' : 'other things of one'}; results are ${equality}`,
);
process.exit(isSame && all.every(({ isRight }) => isRight) ? 0 : 1);
