import { pathWith, readText } from '../api.ts';
import { formatOption, refuseArguments, timeOption } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';

export const sourcesCommand: Command = {
  name: 'sources',
  help: `
Usage: custody sources [--from TIME] [--to TIME] [--as-of TIME] [options]

Each source with how its records ended, when it was last heard, and whatever it gives by which a gap would show: its
counter (missing, repeated, begun anew), its pace (the interval that the policy expects, else its own rhythm), how late
its events come, CloudTrail's digests, and a second pull where the policy names one (reconcile_with). A gap blocks the
conclusions of the control tests that it overlaps. Times are UTC; a date alone means its midnight.

  custody sources --from 2026-07-01 --to 2026-08-01`,
  options: { from: { type: 'string' }, to: { type: 'string' }, 'as-of': { type: 'string' } },
  describe: {
    from: 'only what happened then or later',
    to: 'only what happened before',
    'as-of': 'only what was received by then (default: now)',
  },
  async run(args, context) {
    refuseArguments(args, 'sources');
    const format = formatOption(args, ['text', 'json']);
    const query = { from: timeOption(args, 'from'), to: timeOption(args, 'to'), as_of: timeOption(args, 'as-of') };
    const api = await openApi(context, { reads: true });
    try {
      await context.out(await readText(await api.send('GET', pathWith('/v1/sources', { ...query, format }))));
      return 0;
    } finally {
      await api.close();
    }
  },
};
