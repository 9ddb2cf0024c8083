import { seeded } from '../support/random.ts';
import { runTamperTrials } from '../support/tamper.ts';

// npm run test:tamper [-- TRIALS [SEED]]: tampers with a signed history in random ways; exit code 1 if one was not found.
const trials = Number(process.argv[2] ?? 10_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
console.error(`${trials} trials, seed ${seed}`);
const random = seeded(seed);
const PIECE = 500;
const counts: Record<string, number> = {};
const missed: string[] = [];
for (let done = 0; done < trials; done += PIECE) {
  const result = runTamperTrials(Math.min(PIECE, trials - done), random);
  for (const [kind, count] of Object.entries(result.trials)) counts[kind] = (counts[kind] ?? 0) + count;
  missed.push(...result.missed);
  console.error(`${Math.min(trials, done + PIECE)} of ${trials}: ${missed.length} not found`);
}
console.log(JSON.stringify({ trials: counts, found: trials - missed.length, missed, seed }, null, 2));
process.exitCode = missed.length > 0 ? 1 : 0;
