import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { Problem } from '../../model/problem.ts';
import { TOTAL_HEADER } from '../../query/export/total-header.ts';
import { pathWith, readText } from '../api.ts';
import type { ApiAnswer } from '../api.ts';
import { formatOption, periodOption, refuseArguments, textOption, timeOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import { countOf, createProgress, formatCount } from '../progress.ts';

const FORMATS = ['ocsf', 'ndjson', 'parquet'] as const;

export const exportCommand: Command = {
  name: 'export',
  help: `
Usage: custody export --format ocsf|ndjson|parquet --from TIME --to TIME [--where FILTER] [--out FILE] [options]

Writes all accepted events of a period in order of time, however many there are.

  ocsf      one event of OCSF 1.8.0 a line; what OCSF has no place for stands under "unmapped"
  ndjson    one event a line as Custody holds it: who, what, when, keys, facts, the parties behind the actor
  parquet   the same columns as ndjson in one file; needs --out

Times are UTC: a date alone means its midnight. The filter is that of custody timeline. FILE appears when it is whole;
what was there under its name stays until then.

  custody export --format ocsf --from 2026-07-01 --to 2026-10-01 --out quarter.ocsf.ndjson
  custody export --format parquet --from 2026-07-01 --to 2026-10-01 --where 'action=secret.*' --out secrets.parquet`,
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    where: { type: 'string' },
    'as-of': { type: 'string' },
    out: { type: 'string' },
    purpose: { type: 'string' },
  },
  describe: {
    from: 'first moment, included',
    to: 'first moment that is not included',
    where: 'filter, as in custody timeline',
    'as-of': 'only what had been received by then (default now)',
    out: 'the file to write (default stdout)',
    purpose: 'what it is for: a server records every export, and T-37 asks for its purpose',
    format: 'ocsf (default), ndjson or parquet',
  },
  async run(args, context) {
    refuseArguments(args, 'export');
    const format = formatOption(args, FORMATS);
    const out = textOption(args, 'out');
    if (format === 'parquet' && out === undefined)
      throw new Problem('usage', 'Parquet is a binary file: name one with --out FILE.');
    const query = {
      ...periodOption(args, 'export'),
      where: textOption(args, 'where'),
      as_of: timeOption(args, 'as-of'),
    };
    const api = await openApi(context, { reads: true });
    try {
      const purpose = textOption(args, 'purpose');
      const headers = purpose === undefined ? {} : { headers: { 'custody-purpose': headerText(purpose) } };
      const answer = await api.send('GET', pathWith('/v1/export', { ...query, format }), headers);
      if (answer.status >= 400) await readText(answer);
      await (out === undefined ? toStdout(answer, context) : toFile(answer, out, context));
      return 0;
    } finally {
      await api.close();
    }
  },
};

/** Text as a header field can carry it. */
function headerText(text: string): string {
  if (/^[\x20-\x7e]{1,2000}$/.test(text)) return text;
  throw new Problem('usage', '--purpose takes 1 to 2000 printable ASCII characters');
}

async function toStdout(answer: ApiAnswer, context: CommandContext): Promise<void> {
  const decoder = new TextDecoder();
  await follow(answer, context, (chunk) => context.out(decoder.decode(chunk, { stream: true })));
}

/** Writes beside the file and puts it in its place when all of it is on the disk. */
async function toFile(answer: ApiAnswer, out: string, context: CommandContext): Promise<void> {
  const partial = `${out}.partial`;
  const file = createWriteStream(partial, { mode: 0o600 });
  try {
    await once(file, 'open');
    await follow(answer, context, async (chunk) => {
      if (!file.write(chunk)) await once(file, 'drain');
    });
    file.end();
    await once(file, 'close');
    const handle = await open(partial, 'r+');
    await handle.sync();
    await handle.close();
    await rename(partial, out);
  } catch (error) {
    file.destroy();
    await rm(partial, { force: true });
    throw error instanceof Problem || !(error instanceof Error && 'code' in error)
      ? error
      : new Problem('usage', `${out} cannot be written: ${error.message}`, {}, error);
  }
}

/** Reads the body as it comes, counts its lines, and shows how far it is. */
async function follow(
  answer: ApiAnswer,
  context: CommandContext,
  write: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const total = Number(answer.headers[TOTAL_HEADER] ?? 0);
  const isText = answer.type.startsWith('application/x-ndjson');
  const progress = createProgress(context, 'exporting');
  let [lines, bytes] = [0, 0];
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      await write(chunk);
      bytes += chunk.length;
      if (isText) lines += countLines(chunk);
      progress.update(lines, isText ? total : undefined, `${formatCount(Math.round(bytes / 1_024))} KiB`);
    }
  } catch (error) {
    if (error instanceof Problem || (error instanceof Error && 'syscall' in error && error.syscall !== 'read'))
      throw error;
    throw new Problem('unavailable', 'the export was cut off before its end. Nothing was written under its name; run the same command again.', {}, error); // prettier-ignore
  }
  if (isText && lines < total)
    throw new Problem(
      'unavailable',
      `the export was cut off: ${lines} of ${total} events came. Run the same command again.`,
    );
  const none = total === 0 ? '; custody sources tells when each source was last heard' : '';
  progress.finish(`${countOf(total, 'event')}, ${formatCount(Math.round(bytes / 1_024))} KiB${none}`);
}

function countLines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) count += 1;
  return count;
}
