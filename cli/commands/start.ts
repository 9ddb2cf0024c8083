import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { serveUntilStopped } from '../until-stopped.ts';
import { Problem } from '../../model/problem.ts';

export const startCommand: Command = {
  name: 'start',
  help: `
Usage: custody start [--port 8080] [--host ADDRESS] [options]

Takes deliveries at /v1/ingest/{source}, fetches what the policy file has a poll for, stores all, and answers queries. The
data folder has one owner: while this runs, the other commands on the same folder go through it. SIGTERM and SIGINT finish
what is in flight and stop.

It listens on 127.0.0.1. Any other address needs OIDC: CUSTODY_OIDC_ISSUER, CUSTODY_OIDC_AUDIENCE, CUSTODY_OIDC_JWKS_URL,
and roles (operator, auditor, responder) in the claim that CUSTODY_OIDC_ROLE_CLAIM names.

With CUSTODY_KAFKA_BROKERS the log is Kafka, in place of the one in the folder; the store stays in the folder. Take the
same for every command on that folder, and make the topics first: custody topics --help.`,
  common: ['data', 'config'],
  options: { port: { type: 'string' }, host: { type: 'string' } },
  describe: { port: 'the port (default 8080; 0 takes a free one)', host: 'the address (default 127.0.0.1)' },
  async run(args, context) {
    refuseArguments(args, 'start');
    portOption(args, 0);
    if (context.settings.url !== undefined) throw new Problem('usage', 'start works on a data folder, not on --url');
    const { readServerSettings } = await import('../../server/settings.ts');
    const { custodyOptions } = await import('../local-options.ts');
    const server = readServerSettings({ host: textOption(args, 'host'), port: textOption(args, 'port') });
    const options = custodyOptions(context);
    await serveUntilStopped(context, { ...options, oidc: server.oidc, hosts: server.hosts }, server);
    return 0;
  },
};
