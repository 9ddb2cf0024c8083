import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runScenario } from './run-scenario.ts';
import type { Via } from './run-scenario.ts';

// The scenarios judge the product from outside: their own scorer compares what was found with what is known to be true.
const scenarios = resolve(import.meta.dirname, '../../../shared/scenarios');
const scorer = join(scenarios, 'score.py');
const canScore = existsSync(scorer) && spawnSync('python3', ['--version']).status === 0;
const reason = canScore ? '' : ' (skipped: the scenarios or python3 are not here)';
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'custody-scenario-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Runs a scenario and gives what the scorer says of it. */
async function score(name: string, via: Via): Promise<{ status: number | null; said: string }> {
  const folder = join(scenarios, name);
  const { result } = await runScenario({ folder, via, data: join(scratch, `${name}-${via}`), say: () => undefined });
  const out = join(scratch, `${name}-${via}.json`);
  await writeFile(out, JSON.stringify(result));
  const run = spawnSync('python3', [scorer, out, join(folder, 'truth.json')], { encoding: 'utf8' });
  return { status: run.status, said: run.stdout };
}

describe.skipIf(!canScore)(`scenarios, adapters and queries alone${reason}`, () => {
  test.each(['acme-small', 'acme-edges', 'acme-quarter'])(
    '%s: every test and every chain is as truth tells',
    { timeout: 240_000 },
    async (name) => {
      const { status, said } = await score(name, 'memory');
      expect(said).toContain('ALL MATCH');
      expect(status).toBe(0);
    },
  );
});

describe.skipIf(!canScore)(`a scenario through intake, log, worker, store and API${reason}`, () => {
  test.each([
    ['acme-small', 'deliver'],
    ['acme-small', 'import'],
    ['acme-quarter', 'deliver'],
    ['acme-quarter', 'import'],
  ] as const)('%s by %s: every test and every chain is as truth tells', { timeout: 1_800_000 }, async (name, via) => {
    const { status, said } = await score(name, via);
    expect(said).toContain('ALL MATCH');
    expect(status).toBe(0);
  });
});
