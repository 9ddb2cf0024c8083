import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';
import { runScenario } from './run-scenario.ts';
import type { Via } from './run-scenario.ts';

// The scenarios judge the product from outside: their own scorer compares what was found with what is known to be true.
const SCENARIOS = resolve(import.meta.dirname, '../../../shared/scenarios');
const SCORER = join(SCENARIOS, 'score.py');

/** Whether the scenarios and what scores them are here, and words for the name of a test where they are not. */
export const CAN_SCORE = existsSync(SCORER) && spawnSync('python3', ['--version']).status === 0;
export const WHY_NOT = CAN_SCORE ? '' : ' (skipped: the scenarios or python3 are not here)';

/** Runs a scenario one of its ways, and expects that the scorer finds every test and every chain as truth tells. */
export async function expectAllMatch(name: string, via: Via): Promise<void> {
  const scratch = await tempFolder('custody-scenario-');
  try {
    const folder = join(SCENARIOS, name);
    const { result } = await runScenario({ folder, via, data: join(scratch.path, 'data'), say: () => undefined });
    const out = join(scratch.path, 'result.json');
    await writeFile(out, JSON.stringify(result));
    const run = spawnSync('python3', [SCORER, out, join(folder, 'truth.json')], { encoding: 'utf8' });
    expect(run.stdout).toContain('ALL MATCH');
    expect(run.status).toBe(0);
  } finally {
    await scratch.remove();
  }
}
