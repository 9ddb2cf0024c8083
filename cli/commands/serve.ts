import { STORE_SETTINGS_HELP } from '../../store/settings.ts';
import { Problem } from '../../model/problem.ts';
import { KAFKA_SETTINGS_HELP, readClusterSettings } from '../cluster-settings.ts';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { serveUntilStopped } from '../until-stopped.ts';

export const serveCommand: Command = {
  name: 'serve',
  help: `
Usage: custody serve [--port 8080] [--host ADDRESS] [--poll] [options]

Takes deliveries at /v1/ingest/{source} and answers 202 when all in-sync replicas of Kafka have them; answers queries and
makes reports from the ClickHouse server that custody ingest fills. Any number may run, each with a data folder of its own
for reports and for the token of this machine's commands. It only reads the store: give it a user with rights to SELECT.

The polls of the policy file are run by the one server that has --poll. How far they are stands in its data folder: keep
it on a disk that lasts. Two of them would fetch everything twice; what is fetched twice is counted once.

Where Kafka or ClickHouse is not there yet it waits, and says so. It listens on 127.0.0.1; any other address needs OIDC, as
in custody start. /healthz and /readyz (with reasons) need no credential, /metrics the right to read.

Kafka
${KAFKA_SETTINGS_HELP}

ClickHouse
${STORE_SETTINGS_HELP}`,
  common: ['data', 'config'],
  options: { port: { type: 'string' }, host: { type: 'string' }, poll: { type: 'boolean' } },
  describe: {
    port: 'the port (default 8080; 0 takes a free one)',
    host: 'the address (default 127.0.0.1)',
    poll: 'fetch what the policy file says is to be polled',
  },
  async run(args, context) {
    refuseArguments(args, 'serve');
    portOption(args, 0);
    if (context.settings.url !== undefined) throw new Problem('usage', 'serve is a server itself, and takes no --url');
    const { readServerSettings } = await import('../../server/settings.ts');
    const { custodyOptions } = await import('../local-options.ts');
    const server = readServerSettings({ host: textOption(args, 'host'), port: textOption(args, 'port') });
    const { kafka, clickhouse } = readClusterSettings('serve');
    const polls = args.values['poll'] === true;
    const options = { ...custodyOptions(context), kafka, clickhouse, polls, oidc: server.oidc, hosts: server.hosts };
    await serveUntilStopped(context, options, server);
    return 0;
  },
};
