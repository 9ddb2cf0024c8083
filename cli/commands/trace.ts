import { pathWith, readText } from '../api.ts';
import { formatOption } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';
import { checkTraceable } from '../../query/traceable.ts';
import { Problem } from '../../model/problem.ts';

export const traceCommand: Command = {
  name: 'trace',
  help: `
Usage: custody trace KEY [options]

Starts from any key of a flow or from one event and tells the whole story. Examples of keys:

  event:aws.cloudtrail/0ce00fb2-6bb4-414f-a8bc-7546f0b2d81c    one event
  aws:accesskey:ASIAEXAMPLE000000001                           an access key
  gitlab:job:gitlab.acme.example/9350017                       a job
  token:jti:https://broker.acme.example/3b7e0f10-...           a token
  access-request:okta:acme.okta.example/reqA1b2C3              a request

Each link says how it is known (exact, asserted, inferred) and which event says so. The exit code is 1 where nothing is
known under that name.`,
  options: {},
  describe: {},
  async run(args, context) {
    const [key, ...more] = args.positionals;
    if (key === undefined || more.length > 0)
      throw new Problem('usage', 'trace takes one key or event. See: custody trace --help');
    const format = formatOption(args, ['text', 'json']);
    // Before a folder is opened for it: what can begin no chain is refused at once, with the words of the API.
    checkTraceable(key);
    const api = await openApi(context, { reads: true });
    try {
      await context.out(await readText(await api.send('GET', pathWith('/v1/trace', { key, format }))));
      return 0;
    } finally {
      await api.close();
    }
  },
};
