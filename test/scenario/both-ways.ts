import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { runScenario } from './run-scenario.ts';

// npm run scenario:ways -- DIR: delivers a scenario through the embedded log and through Kafka, scores both by the
// scenarios' own score.py beside DIR, and compares all that it says. Exit code 0 only where both say the same, 2 for wrong
// usage. KEEP=FOLDER keeps the two result files.
const folder = resolve(process.argv[2] ?? '');
const scorer = join(dirname(folder), 'score.py');
const truth = join(folder, 'truth.json');
if (process.argv.length !== 3 || !existsSync(scorer) || !existsSync(truth)) {
  console.error('usage: npm run scenario:ways -- DIR, where DIR/truth.json and DIR/../score.py are');
  process.exit(2);
}
const scratch = await mkdtemp(join(tmpdir(), 'custody-ways-'));
const results = process.env['KEEP'] ?? scratch;
const scores = new Map<string, { readonly said: string; readonly result: string }>();
try {
  for (const via of ['deliver', 'kafka'] as const) {
    const started = performance.now();
    const data = join(scratch, via);
    const { result, settled } = await runScenario({ folder, via, data, say: (text) => process.stderr.write(text) });
    const out = join(results, `${via}.json`);
    const text = JSON.stringify(result, undefined, 1);
    await writeFile(out, text);
    const { stdout, stderr, status } = spawnSync('python3', [scorer, out, truth, '--verbose'], { encoding: 'utf8' });
    console.log(
      `\n== ${via}: ${((performance.now() - started) / 1_000).toFixed(0)} s, ${JSON.stringify(settled)}, exit code of score.py ${status}`,
    );
    process.stdout.write(stdout + stderr);
    scores.set(via, { said: `${status} ${stdout}${stderr}`, result: text });
    await rm(data, { recursive: true, force: true });
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
const [embedded, kafka] = [scores.get('deliver'), scores.get('kafka')];
const isSame = embedded?.said === kafka?.said;
console.log(
  `\nscore.py says ${isSame ? 'the same of both ways' : 'other things of the two ways'}; the result files are ${embedded?.result === kafka?.result ? 'equal to the byte' : 'not equal to the byte'}`,
);
process.exit(isSame ? 0 : 1);
