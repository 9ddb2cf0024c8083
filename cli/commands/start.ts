import { once } from 'node:events';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { custodyOptions } from '../open-api.ts';
import { Problem } from '../../model/problem.ts';
import { readServerSettings } from '../../server/settings.ts';

const STOP_MS = 10_000;

export const startCommand: Command = {
  name: 'start',
  summary: 'intake, worker and API in one process',
  help: `
Usage: custody start [--port 8080] [--host ADDRESS] [options]

Takes deliveries at /v1/ingest/{source}, fetches what the policy file has a poll for, stores all, and answers queries. The
data folder has one owner: while this runs, the other commands on the same folder go through it. SIGTERM and SIGINT finish
what is in flight and stop.

It listens on 127.0.0.1. Any other address needs OIDC: CUSTODY_OIDC_ISSUER, CUSTODY_OIDC_AUDIENCE, CUSTODY_OIDC_JWKS_URL,
and roles (operator, auditor, responder) in the claim that CUSTODY_OIDC_ROLE_CLAIM names.`,
  options: { port: { type: 'string' }, host: { type: 'string' } },
  describe: { port: 'the port (default 8080; 0 takes a free one)', host: 'the address (default 127.0.0.1)' },
  async run(args, context) {
    refuseArguments(args, 'start');
    portOption(args, 0);
    if (context.settings.url !== undefined) throw new Problem('usage', 'start works on a data folder, not on --url');
    const server = readServerSettings({ host: textOption(args, 'host'), port: textOption(args, 'port') });
    const options = custodyOptions(context);
    const { openCustody } = await import('../../server/open-custody.ts');
    const custody = await openCustody({ ...options, oidc: server.oidc, hosts: server.hosts, logTo: 'stderr' });
    try {
      const url = await custody.listen(server.host, server.port);
      // Before anybody is told that it listens, so that no signal is met unprepared.
      const stopped = Promise.race(
        (['SIGTERM', 'SIGINT'] as const).map((signal) => once(process, signal).then(() => signal)),
      );
      context.say(
        `Custody ${options.policyFile === undefined ? 'without a policy file ' : ''}listens on ${url}, data in ${options.folder}\n`,
      );
      custody.polls.start();
      if (custody.polls.ids.length > 0) context.say(`Polling ${custody.polls.ids.join(', ')}\n`);
      context.say(`Other commands find it by the folder. For curl: the bearer token stands in ${custody.tokenFile}\n`);
      const signal = await stopped;
      context.say(`${signal}: finishing what is in flight\n`);
    } finally {
      // Whatever hangs must not keep the folder: what was acknowledged is in the log and is taken up at the next start.
      const giveUp = setTimeout(() => process.exit(3), STOP_MS);
      giveUp.unref();
      await custody.close();
      clearTimeout(giveUp);
    }
    return 0;
  },
};
