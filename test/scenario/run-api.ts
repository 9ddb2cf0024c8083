import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { pathWith, readJson, readLines } from '../../cli/api.ts';
import type { Api } from '../../cli/api.ts';
import type { CommandContext } from '../../cli/command.ts';
import { replay } from '../../cli/commands/deliver.ts';
import { openApi } from '../../cli/open-api.ts';
import { addSettled, emptySettled } from '../../cli/settled.ts';
import type { Settled } from '../../cli/settled.ts';
import type { Chain } from '../../model/chain.ts';
import type { CheckResult } from '../../model/control.ts';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import type { Family, Source } from '../../model/source.ts';
import { familyOf } from '../../model/source.ts';
import { formatMicros } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { FILES } from '../support/memory-graph.ts';
import type { policyFromFacts } from './policy-from-facts.ts';
import type { ScenarioOutcome, ScenarioRun } from './run-scenario.ts';
import { startCluster } from '../support/cluster.ts';
import { scenarioResult } from './scenario-result.ts';
import { clustersOf, linesOf } from './split-clusters.ts';

/** Runs a scenario through the same API that the command line drives: deliver or import, check, trace each focal event. */
export async function runThroughApi(
  run: ScenarioRun,
  configuration: ReturnType<typeof policyFromFacts>,
  period: { readonly from: Micros; readonly to: Micros; readonly asOf: Micros },
  focal: readonly string[],
): Promise<ScenarioOutcome> {
  const { policy, text, secrets } = configuration;
  const context = await contextFor(run, text, secrets);
  const cluster = run.via === 'kafka' ? await startCluster(context, run.say) : undefined;
  const api = await openApi(cluster ? cluster.context : context, {});
  try {
    const delivered =
      run.via !== 'import'
        ? await deliver(api, run, context)
        : { settled: await importAll(api, run, policy, period.to) };
    const query = {
      framework: 'all',
      from: formatMicros(period.from),
      to: formatMicros(period.to),
      as_of: formatMicros(period.asOf),
    };
    const check = await readJson<CheckResult>(await api.send('GET', pathWith('/v1/check', query)));
    const chains: Chain[] = [];
    for (const key of focal) {
      chains.push(await traceOf(api, key, query.as_of, run.say));
      if (chains.length % 100 === 0) run.say(`${chains.length} of ${focal.length} chains traced\n`);
    }
    return { ...delivered, result: scenarioResult(check, chains) };
  } catch (error) {
    // Answers of a server do not hold the words of the store; its log does.
    if (cluster) run.say(cluster.said());
    throw error;
  } finally {
    await api.close();
    await cluster?.stop();
  }
}

/**
 * A chain. Where the engine ended the question for its time (a process that was halted by its machine for a minute), it is
 * asked once more, and says so; a chain that really takes too long fails the second time too.
 */
async function traceOf(api: Api, key: string, as_of: string, say: (text: string) => void): Promise<Chain> {
  const path = pathWith('/v1/trace', { key, format: 'json', as_of });
  const ask = async (): Promise<Chain> => readJson<Chain>(await api.send('GET', path));
  return ask().catch((error: unknown) => {
    if (!(error instanceof Problem && error.code === 'unavailable')) throw error;
    say(`${key}: ${error.message} Asked once more.\n`);
    return ask();
  });
}

async function contextFor(run: ScenarioRun, policy: string, secrets: Record<string, string>): Promise<CommandContext> {
  const config = `${run.data}.config`;
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'custody.yaml'), policy);
  await writeFile(join(config, 'custody.secrets.yaml'), JSON.stringify(secrets), { mode: 0o600 });
  await chmod(join(config, 'custody.secrets.yaml'), 0o600);
  const settings = {
    dataFolder: run.data,
    configFile: join(config, 'custody.yaml'),
    url: undefined,
    token: undefined,
    logLevel: 'warn',
    color: false,
  };
  return { settings, out: () => Promise.resolve(), say: run.say, live: false };
}

async function deliver(api: Api, run: ScenarioRun, context: CommandContext): Promise<Omit<ScenarioOutcome, 'result'>> {
  const body = createReadStream(join(run.folder, 'deliveries.ndjson.gz')).pipe(createGunzip());
  const summary = await replay(api, { body, type: 'application/x-ndjson' }, context, () => undefined);
  return { settled: summary.settled, refused: summary.by_reason };
}

/** Each file as an operator would import it: with the installation where the events do not say it. */
async function importAll(api: Api, run: ScenarioRun, policy: Policy, receivedAt: Micros): Promise<Settled> {
  let total = emptySettled();
  for (const [name, source] of Object.entries(FILES)) {
    const file = join(run.folder, 'by-source', `${name}.ndjson`);
    if (!existsSync(file) && !existsSync(`${file}.gz`)) continue;
    const parts =
      source === 'kubernetes.audit'
        ? await byCluster(run.folder, file, policy)
        : [{ instance: instanceOf(policy, familyOf(source)), lines: linesOf(file) }];
    for (const { instance, lines } of parts)
      total = addSettled(total, await importPart(api, source, instance, lines, receivedAt));
    run.say(`${name} imported\n`);
  }
  return total;
}

async function importPart(
  api: Api,
  source: Source,
  instance: string | undefined,
  lines: AsyncIterable<string> | Iterable<string>,
  receivedAt: Micros,
): Promise<Settled> {
  const query = { source, instance, received_at: formatMicros(receivedAt) };
  const body = Readable.from(withNewlines(lines));
  for await (const line of readLines<{ result?: Settled }>(
    await api.send('POST', pathWith('/v1/imports', query), { body, type: 'application/octet-stream' }),
  )) {
    if (line.result) return line.result;
  }
  throw new Problem('unavailable', `the import of ${source} ended without a result`);
}

async function* withNewlines(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

async function byCluster(
  folder: string,
  file: string,
  policy: Policy,
): Promise<{ instance: string; lines: string[] }[]> {
  const clusterOf = await clustersOf(folder, policy);
  const parts = new Map<string, string[]>();
  for await (const line of linesOf(file)) {
    const cluster = clusterOf(JSON.parse(line));
    parts.set(cluster, [...(parts.get(cluster) ?? []), line]);
  }
  return [...parts].map(([instance, lines]) => ({ instance, lines }));
}

/** The one installation of a family; undefined where the events themselves name theirs. */
function instanceOf(policy: Policy, family: Family): string | undefined {
  const instances = policy.sources.filter((source) => source.family === family).map((source) => source.instance);
  return instances.length === 1 ? instances[0] : undefined;
}
