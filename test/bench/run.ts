import { benchChain } from './chain.ts';
import { benchIngest } from './ingest.ts';
import { benchKafka } from './kafka.ts';
import { benchLedger } from './ledger.ts';
import { benchPack } from './pack.ts';

/** Benchmarks by name; `npm run bench -- NAME [ARGUMENTS]`, all of them without a name. */
const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  ingest: benchIngest,
  kafka: benchKafka,
  chain: benchChain,
  ledger: benchLedger,
  pack: benchPack,
};

const [name, ...args] = process.argv.slice(2);
const chosen = name === undefined ? Object.entries(BENCHES) : Object.entries(BENCHES).filter(([key]) => key === name);
if (chosen.length === 0) throw new Error(`no benchmark of that name; there are: ${Object.keys(BENCHES).join(', ')}`);
for (const [key, bench] of chosen) {
  console.log(`\n== ${key}`);
  await bench(args);
}
