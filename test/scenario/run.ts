import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Problem } from '../../model/problem.ts';
import { runScenario } from './run-scenario.ts';
import type { Via } from './run-scenario.ts';

const USAGE = `
Usage: npm run scenario -- DIR --out RESULT.json [--via deliver|import|kafka] [--data FOLDER] [--memory]

Turns DIR/facts.json into a policy file, delivers DIR/deliveries.ndjson.gz (or imports DIR/by-source), runs every control
test, traces every line of DIR/focal.txt and writes the result file of the scenarios. It reads nothing else of DIR.
--via kafka delivers through a cluster of its own: a real broker (or KAFKA_BROKERS), two processes of custody ingest, custody
serve, and a ClickHouse server as the tests have it. --memory leaves out intake, log and store: adapters and queries alone, in seconds.
`;

/** Runs one scenario from the command line; exit 0 when the result file is written, 2 for wrong usage, 3 otherwise. */
async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      via: { type: 'string', default: 'deliver' },
      data: { type: 'string' },
      memory: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE.trim()}\n`);
    return 0;
  }
  const [folder] = positionals;
  const via: Via | undefined = values.memory
    ? 'memory'
    : (['deliver', 'import', 'kafka'] as const).find((name) => name === values.via);
  if (folder === undefined || positionals.length > 1 || values.out === undefined || via === undefined) {
    throw new Problem('usage', USAGE.trim());
  }
  const temporary = values.data === undefined ? await mkdtemp(join(tmpdir(), 'custody-scenario-')) : undefined;
  const data = values.data === undefined ? join(temporary ?? '', 'data') : resolve(values.data);
  try {
    const started = performance.now();
    const { result, settled, refused } = await runScenario({
      folder,
      via,
      data,
      say: (text) => process.stderr.write(text),
    });
    await writeFile(values.out, `${JSON.stringify(result, undefined, 1)}\n`);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    process.stderr.write(`${values.out}: ${result.tests.length} tests, ${result.chains.length} chains, ${seconds} s\n`);
    if (settled) process.stderr.write(`${JSON.stringify({ settled, refused })}\n`);
    return 0;
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error instanceof Problem ? error.message : error.stack) : String(error)}\n`,
  );
  process.exitCode = error instanceof Problem ? error.exit : 3;
}
