import { SOURCES } from '../../model/source.ts';
import { surviveMutations } from '../support/mutate-samples.ts';

// npm run test:mutations -- [ROUNDS [SEED]] [SOURCE...]: changes the samples of each source so many times (100,000) and gives
// them to its adapter, which must never throw and never lose one. Ends with 1 and the seed and round that show a fault.
const isNumber = (text: string): boolean => /^\d+$/.test(text);
const given = process.argv.slice(2);
const [rounds = 100_000, seed = 1] = given.filter(isNumber).map(Number);
const asked = given.filter((text) => !isNumber(text));
const sources = SOURCES.filter((source) => asked.length === 0 || asked.includes(source));
if (sources.length < Math.max(1, asked.length)) throw new Error(`sources are ${SOURCES.join(', ')}`);
let faults = 0;
for (const source of sources) {
  const started = performance.now();
  try {
    const { accepted, refused, reasons } = surviveMutations(source, rounds, seed);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    const why = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`);
    console.log(
      `${source}: ${rounds} changed, ${accepted} events, ${refused} refused (${why.join(', ')}), ${seconds} s`,
    );
  } catch (error) {
    faults += 1;
    console.error(error);
  }
}
console.log(faults === 0 ? `${sources.length} adapters survived, seed ${seed}` : `${faults} adapters FAILED`);
process.exitCode = faults === 0 ? 0 : 1;
