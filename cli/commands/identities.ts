import { Problem } from '../../model/problem.ts';
import { pathWith, readText } from '../api.ts';
import { formatOption, textOption, timeOption } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';

export const identitiesCommand: Command = {
  name: 'identities',
  help: `
Usage: custody identities [KEY|EMAIL [OTHER]] [options]

Without an argument: every person with the accounts that events name, and for each account the reason why it is that
person's: the policy file, SCIM or SAML, an alias that a token issuer vouches for, or an e-mail address alone.

With an account: whose it is, step by step, each with the event that says so, how far it can be relied on (exact,
asserted) and for which time; the other accounts of the same person; and whom else it is said to be.

With two accounts: whether they are one party. An AI agent and the person who answers for it are one.

  custody identities
  custody identities --view unresolved --kind human
  custody identities gitlab:user:gitlab.acme.example/316
  custody identities mara@acme.example gitlab:user:gitlab.acme.example/316 --at 2026-07-01`,
  options: {
    view: { type: 'string' },
    kind: { type: 'string' },
    at: { type: 'string' },
    limit: { type: 'string' },
    after: { type: 'string' },
  },
  describe: {
    view: 'persons (default), unresolved or conflicts',
    kind: 'only human, service, ai_agent, system or unknown',
    at: 'as it was at this time (default: now)',
    limit: 'how many at most (default 100, at most 1000)',
    after: 'go on after this key, which the page before names',
  },
  async run(args, context) {
    const [key, other, ...more] = args.positionals;
    if (more.length > 0)
      throw new Problem('usage', 'identities takes at most two accounts. See: custody identities --help');
    const format = formatOption(args, ['text', 'json']);
    const at = timeOption(args, 'at');
    const list = ['view', 'kind', 'limit', 'after'].filter((name) => textOption(args, name) !== undefined);
    if (key !== undefined && list.length > 0)
      throw new Problem('usage', `--${list[0]} is for the list, not for one account. See: custody identities --help`);
    const path =
      key === undefined
        ? pathWith('/v1/identities', {
            view: textOption(args, 'view'),
            kind: textOption(args, 'kind'),
            limit: textOption(args, 'limit'),
            after: textOption(args, 'after'),
            at,
            format,
          })
        : pathWith(`/v1/identities/${encodeURIComponent(key)}`, { with: other, at, format });
    const api = await openApi(context, { reads: true });
    try {
      const text = await readText(await api.send('GET', path));
      await context.out(text.endsWith('\n') ? text : `${text}\n`);
      return 0;
    } finally {
      await api.close();
    }
  },
};
