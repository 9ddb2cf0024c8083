import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settled } from '../../cli/settled.ts';
import { Problem } from '../../model/problem.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { policyFromFacts } from './policy-from-facts.ts';
import type { ScenarioFacts } from './policy-from-facts.ts';
import type { ScenarioResult } from './scenario-result.ts';

export type Via = 'deliver' | 'import' | 'kafka' | 'memory';

export interface ScenarioRun {
  /** The scenario: facts.json, focal.txt, and deliveries or by-source files. Nothing else of it is read. */
  readonly folder: string;
  readonly via: Via;
  /** The data folder; the policy and secrets files are written beside it. */
  readonly data: string;
  readonly say: (text: string) => void;
}

export interface ScenarioOutcome {
  readonly result: ScenarioResult;
  /** How the inputs ended; absent in memory, where there is no intake. */
  readonly settled?: Settled;
  /** Deliveries that the door refused, by reason. */
  readonly refused?: Readonly<Record<string, number>>;
}

/** Seconds after the end of the period at which a scenario is judged. */
const AS_OF_DELAY_US = 60_000_000;

/** Runs a scenario, judged a minute after the end of its period. */
export async function runScenario(run: ScenarioRun): Promise<ScenarioOutcome> {
  const facts = JSON.parse(await readFile(join(run.folder, 'facts.json'), 'utf8')) as ScenarioFacts;
  const focal = (await readFile(join(run.folder, 'focal.txt'), 'utf8'))
    .split('\n')
    .filter((line) => line.trim() !== '');
  const configuration = policyFromFacts(facts);
  const [from, to] = [micros(facts.period.start), micros(facts.period.end)];
  const period = { from, to, asOf: to + AS_OF_DELAY_US };
  // Each way is loaded only when it is taken: the engine of the store is a native library.
  if (run.via === 'memory') {
    const { runInMemory } = await import('./run-memory.ts');
    return { result: await runInMemory(run.folder, configuration.policy, period, focal) };
  }
  const { runThroughApi } = await import('./run-api.ts');
  return runThroughApi(run, configuration, period, focal);
}

function micros(text: string): Micros {
  const stamp = parseStamp(text);
  if (!stamp) throw new Problem('usage', `the facts hold no time where one is needed: ${text}`);
  return stamp.at;
}
