import { pathWith } from '../api.ts';
import { formatOption, periodOption, refuseArguments, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';
import { pour } from '../pour.ts';
import { Problem } from '../../model/problem.ts';

export const timelineCommand: Command = {
  name: 'timeline',
  help: `
Usage: custody timeline --from TIME --to TIME [--where 'actor=... action=touch.*'] [options]

Events of the period in order of time, as text, NDJSON or CSV. Times are UTC; a date alone means its midnight. A filter
is a list of field=value, all of which must hold; a value may end in *. Fields: actor, action, stage, outcome, family,
instance, type, resource, environment, ip, key.

  custody timeline --from 2026-07-01 --to 2026-07-02 --where 'action=secret.* outcome=success'`,
  options: { from: { type: 'string' }, to: { type: 'string' }, where: { type: 'string' }, limit: { type: 'string' } },
  describe: {
    from: 'first moment, included',
    to: 'first moment that is not included',
    where: 'filter, see above',
    limit: 'how many events at most (default 1000)',
  },
  async run(args, context) {
    refuseArguments(args, 'timeline');
    const format = formatOption(args, ['text', 'ndjson', 'csv', 'json']);
    const limit = textOption(args, 'limit') ?? '1000';
    if (!/^[1-9]\d{0,6}$/.test(limit))
      throw new Problem('usage', `--limit must be a whole number from 1 to 1000000, not "${limit}"`);
    const query = { ...periodOption(args, 'timeline'), where: textOption(args, 'where') };
    const api = await openApi(context, { reads: true });
    try {
      return await pour(await api.send('GET', pathWith('/v1/events', { ...query, limit, format })), context);
    } finally {
      await api.close();
    }
  },
};
