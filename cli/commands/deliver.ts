import { createReadStream } from 'node:fs';
import { readLines } from '../api.ts';
import type { Api, ApiRequest } from '../api.ts';
import { formatOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { settledText } from '../settled.ts';
import { openApi } from '../open-api.ts';
import { countOf, createProgress } from '../progress.ts';
import type { DeliveryOutcome, DeliverySummary } from '../../ingest/intake/deliver.ts';
import { Problem } from '../../model/problem.ts';

type DeliverLine = DeliveryOutcome | { readonly summary: DeliverySummary };

export const deliverCommand: Command = {
  name: 'deliver',
  help: `
Usage: custody deliver FILE [options]

FILE holds one captured delivery a line (NDJSON, or gzip of it):

  {"received_at", "source", "transport", "method", "path_hint", "headers", "body"}

Each goes through the same verification, bounds and redaction as a live request; its received_at is the clock by which
signatures and future events are judged. What the door refused is printed with its reason.`,
  options: { all: { type: 'boolean' } },
  describe: { all: 'print every delivery, not only those that were refused' },
  async run(args, context) {
    const [file, ...more] = args.positionals;
    if (file === undefined || more.length > 0)
      throw new Problem('usage', 'deliver takes one file. See: custody deliver --help');
    const format = formatOption(args, ['text', 'json']);
    const body = createReadStream(file);
    await new Promise<void>((resolve, reject) => {
      body
        .once('open', () => resolve())
        .once('error', (error) => reject(new Problem('usage', `${file} cannot be read: ${error.message}`, {}, error)));
    });
    const api = await openApi(context, {});
    try {
      const outcomes: DeliveryOutcome[] = [];
      const summary = await replay(api, { body, type: 'application/x-ndjson' }, context, (outcome) => {
        if (outcome.status >= 400 || args.values['all'] === true) outcomes.push(outcome);
      });
      await context.out(
        format === 'json' ? `${JSON.stringify({ ...summary, outcomes })}\n` : deliveryText(summary, outcomes),
      );
      return Object.keys(summary.by_reason).length > 0 || summary.settled.conflict > 0 ? 1 : 0;
    } finally {
      await api.close();
    }
  },
};

/** Sends captured deliveries and shows progress; each outcome is handed on, the summary is given. */
export async function replay(
  api: Api,
  request: ApiRequest,
  context: CommandContext,
  each: (outcome: DeliveryOutcome) => void,
  total?: number,
): Promise<DeliverySummary> {
  const progress = createProgress(context, 'delivering');
  let done = 0;
  for await (const line of readLines<DeliverLine>(await api.send('POST', '/v1/deliveries', request))) {
    if ('summary' in line) {
      progress.finish(
        `${countOf(line.summary.deliveries, 'delivery', 'deliveries')}, ${countOf(line.summary.records, 'record')}`,
      );
      return line.summary;
    }
    done += 1;
    progress.update(done, total);
    each(line);
  }
  throw new Problem('unavailable', 'the replay ended without a summary');
}

/** For people: what was refused at the door, then how the rest ended. */
export function deliveryText(summary: DeliverySummary, outcomes: readonly DeliveryOutcome[]): string {
  const shown = outcomes.map(
    (outcome) =>
      `  ${outcome.delivery_id ?? `line ${outcome.line}`}: ${outcome.status}${outcome.reason === undefined ? '' : ` ${outcome.reason}`}${outcome.detail === undefined ? '' : `: ${outcome.detail}`}`,
  );
  const refused = Object.entries(summary.by_reason).map(([reason, count]) => `${count} ${reason}`);
  return [
    `${countOf(summary.deliveries, 'delivery', 'deliveries')}, ${countOf(summary.records, 'record')}`,
    ...(refused.length > 0 ? [`refused at the door: ${refused.join(', ')}`] : []),
    ...shown,
    settledText(summary.settled).trimEnd(),
    '',
  ].join('\n');
}
