import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pathWith, readLines } from '../api.ts';
import type { Api } from '../api.ts';
import { formatOption, requiredOption, textOption, timeOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { addSettled, emptySettled, rejectedTotal, settledText } from '../settled.ts';
import type { Settled } from '../settled.ts';
import { openApi } from '../open-api.ts';
import { createProgress } from '../progress.ts';
import { Problem } from '../../model/problem.ts';
import { SOURCES, isSource } from '../../model/source.ts';

type ImportLine = { readonly progress: unknown } | { readonly result: Settled };

export const importCommand: Command = {
  name: 'import',
  help: `
Usage: custody import --source SOURCE [--instance NAME] FILE... [options]

Every event of the files ends accepted, duplicate, conflict or rejected with a reason; the counts are printed. An import
can be interrupted at any moment, even by kill -9: the same command goes on where it stopped. A file that was imported
before changes nothing.

Sources:
${SOURCES.map((source) => `  ${source}`).join('\n')}

  custody import --source aws.cloudtrail logs/*.json.gz
  custody import --source vault.audit --instance vault-prod audit.log`,
  options: { source: { type: 'string' }, instance: { type: 'string' }, 'received-at': { type: 'string' } },
  describe: {
    source: 'what the files are, one of the sources above',
    instance: 'the installation they are from (host, organisation, cluster), where the files do not say it',
    'received-at': 'when the files were collected (default: now); the as-of of checks compares with this',
  },
  async run(args, context) {
    const source = requiredOption(args, 'source', 'import');
    if (!isSource(source)) throw new Problem('usage', `"${source}" is no source. Sources: ${SOURCES.join(', ')}`);
    if (args.positionals.length === 0)
      throw new Problem('usage', 'import needs at least one file. See: custody import --help');
    const format = formatOption(args, ['text', 'json']);
    const query = { source, instance: textOption(args, 'instance'), received_at: timeOption(args, 'received-at') };
    for (const file of args.positionals) await sizeOf(file);
    const api = await openApi(context, {});
    try {
      let total = emptySettled();
      for (const file of args.positionals) total = addSettled(total, await importOne(api, file, query, context));
      await context.out(format === 'json' ? `${JSON.stringify(total)}\n` : settledText(total));
      return total.conflict + rejectedTotal(total) > 0 ? 1 : 0;
    } finally {
      await api.close();
    }
  },
};

async function importOne(
  api: Api,
  file: string,
  query: Record<string, string | undefined>,
  context: CommandContext,
): Promise<Settled> {
  const size = await sizeOf(file);
  const progress = createProgress(context, file);
  let sent = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      progress.update(sent, size, 'bytes');
      done(null, chunk);
    },
  });
  const body = createReadStream(file)
    .on('error', (error) => counted.destroy(error))
    .pipe(counted);
  for await (const line of readLines<ImportLine>(
    await api.send('POST', pathWith('/v1/imports', query), { body, type: 'application/octet-stream' }),
  )) {
    if (!('result' in line)) continue;
    progress.finish(settledText(line.result).trim().replaceAll('\n', '; '));
    return line.result;
  }
  throw new Problem(
    'unavailable',
    `${file}: the import ended without a result. Run the same command again: it goes on where it stopped.`,
  );
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Problem('usage', `${file} is not a file`);
    return found.size;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('usage', `${file} cannot be read: ${(error as Error).message}`, {}, error);
  }
}
