import { readLines } from '../api.ts';
import { formatOption, refuseArguments } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';
import { countOf, createProgress } from '../progress.ts';
import { Problem } from '../../model/problem.ts';

interface RebuildCounts {
  readonly records: number;
  readonly events: number;
  readonly keys: number;
  readonly edges: number;
}

type RebuildLine =
  | { readonly progress: { readonly done: number; readonly total: number } }
  | { readonly result: RebuildCounts };

export const rebuildCommand: Command = {
  name: 'rebuild',
  help: `
Usage: custody rebuild [options]

Records are the evidence and are not touched. What is derived from them (events, keys, edges) is dropped and made again,
in the order of the log: with the same policy file and version, byte for byte the same. Use it after an upgrade that
reads a source better, or after changing how a source is described in the policy file.`,
  options: {},
  describe: {},
  async run(args, context) {
    refuseArguments(args, 'rebuild');
    const format = formatOption(args, ['text', 'json']);
    const api = await openApi(context, { reads: true });
    try {
      const progress = createProgress(context, 'rebuilding');
      for await (const line of readLines<RebuildLine>(await api.send('POST', '/v1/rebuild'))) {
        if ('progress' in line) {
          progress.update(line.progress.done, line.progress.total, 'records');
          continue;
        }
        const { records, events, keys, edges } = line.result;
        progress.finish('done');
        await context.out(
          format === 'json'
            ? `${JSON.stringify(line.result)}\n`
            : `${countOf(records, 'record')}: ${countOf(events, 'event')}, ${countOf(keys, 'key')}, ${countOf(edges, 'edge')}\n`,
        );
        return 0;
      }
      throw new Problem('unavailable', 'the rebuild ended without a result; run it again');
    } finally {
      await api.close();
    }
  },
};
