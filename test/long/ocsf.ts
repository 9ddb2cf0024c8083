import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredEvent } from '../../store/stored-event.ts';
import { policyFromFacts } from '../scenario/policy-from-facts.ts';
import type { ScenarioFacts } from '../scenario/policy-from-facts.ts';
import { SHARED } from '../support/adapter-input.ts';
import { corpusEvents, sampleEvents } from '../support/all-events.ts';
import { readScenarioGraph } from '../support/memory-graph.ts';
import { hasOcsfSchemas, judgeOcsf } from '../support/ocsf-schemas.ts';

// npm run ocsf -- [SET...]: exports every event of the samples, the corpus with the real servers' logs, and each scenario as
// OCSF 1.8.0 and holds it against the published schema of its class. Ends with 1 and each kind of fault where there is one.
const SCENARIOS = join(SHARED, 'scenarios');
const scenarios = existsSync(SCENARIOS)
  ? readdirSync(SCENARIOS).filter((name) => existsSync(join(SCENARIOS, name, 'facts.json')))
  : [];
const SETS: ReadonlyMap<string, () => Promise<readonly StoredEvent[]>> = new Map([
  ['samples', () => Promise.resolve([...sampleEvents()])],
  ['corpus', () => Promise.resolve([...corpusEvents()])],
  ...scenarios.toSorted().map((name) => [name, () => eventsOf(name)] as const),
]);

async function eventsOf(name: string): Promise<readonly StoredEvent[]> {
  const folder = join(SCENARIOS, name);
  const facts = JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8')) as ScenarioFacts;
  return (await readScenarioGraph(folder, policyFromFacts(facts).policy)).events;
}

const asked = process.argv.slice(2);
if (!hasOcsfSchemas || asked.some((name) => !SETS.has(name))) {
  const why = hasOcsfSchemas ? '' : 'The published schemas of OCSF are not beside the project.\n';
  process.stderr.write(`${why}usage: npm run ocsf -- [${[...SETS.keys()].join('|')}]...\n`);
  process.exit(2);
}
let [all, wrong] = [0, 0];
for (const [name, read] of SETS) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stderr.write(`${name}: reading\n`);
  const events = await read();
  const started = performance.now();
  const { faults, classes } = judgeOcsf(events, (done) => {
    if (done % 5_000 === 0) process.stderr.write(`${name}: ${done} of ${events.length}\n`);
  });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const counts = [...classes].toSorted(([a], [b]) => a - b).map(([uid, count]) => `${uid}: ${count}`);
  console.log(`${name}: ${events.length} events, ${faults.size} kinds of fault, ${seconds} s (${counts.join(', ')})`);
  for (const [fault, times] of faults) console.log(`  ${times} times ${fault}`);
  all += events.length;
  wrong += faults.size;
}
// A set that is empty shows nothing.
const isGood = wrong === 0 && all > 0;
console.log(`${all} events as OCSF 1.8.0: ${isGood ? 'each is what its schema says' : `${wrong} kinds of fault`}`);
process.exitCode = isGood ? 0 : 1;
