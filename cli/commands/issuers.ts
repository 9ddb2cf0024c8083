import { Problem } from '../../model/problem.ts';
import { pathWith, readText } from '../api.ts';
import { formatOption, timeOption } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';

export const issuersCommand: Command = {
  name: 'issuers',
  help: `
Usage: custody issuers [ISSUER] [--from TIME] [--to TIME] [--as-of TIME] [options]

A score of 0 to 100 for each token issuer, or for the one whose CloudEvents source is named, over what it sent: holes in
its sequence, tokens without jti or expiry, accounts that nothing ties to a person, late events, conflicts. Each line says
how many, what it costs, and what the issuer can do. custody issuer-check judges events before they are sent. Times are
UTC; a date alone means its midnight.

  custody issuers https://broker.acme.com/eu --from 2026-07-01`,
  options: { from: { type: 'string' }, to: { type: 'string' }, 'as-of': { type: 'string' } },
  describe: {
    from: 'only what happened then or later',
    to: 'only what happened before',
    'as-of': 'only what was received by then (default: now)',
  },
  async run(args, context) {
    const [issuer, ...more] = args.positionals;
    if (more.length > 0) throw new Problem('usage', 'issuers takes one issuer at most. See: custody issuers --help');
    const format = formatOption(args, ['text', 'json']);
    const times = { from: timeOption(args, 'from'), to: timeOption(args, 'to'), as_of: timeOption(args, 'as-of') };
    const api = await openApi(context, { reads: true });
    try {
      await context.out(await readText(await api.send('GET', pathWith('/v1/issuers', { ...times, issuer, format }))));
      return 0;
    } finally {
      await api.close();
    }
  },
};
