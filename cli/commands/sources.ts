import { pathWith, readText } from '../api.ts';
import { formatOption, refuseArguments } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';

export const sourcesCommand: Command = {
  name: 'sources',
  summary: 'what each source sent: accepted, duplicate, conflict, rejected, last seen, gaps',
  help: `
Usage: custody sources [options]

One line a source: how many records ended how, when it was last heard of, and where its own counter has holes.`,
  options: {},
  describe: {},
  async run(args, context) {
    refuseArguments(args, 'sources');
    const format = formatOption(args, ['text', 'json']);
    const api = await openApi(context, { reads: true });
    try {
      await context.out(await readText(await api.send('GET', pathWith('/v1/sources', { format }))));
      return 0;
    } finally {
      await api.close();
    }
  },
};
