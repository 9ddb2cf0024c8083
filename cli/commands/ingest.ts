import { Problem } from '../../model/problem.ts';
import { STORE_SETTINGS_HELP } from '../../store/settings.ts';
import { KAFKA_SETTINGS_HELP, readClusterSettings } from '../cluster-settings.ts';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { runUntilStopped } from '../until-stopped.ts';

export const ingestCommand: Command = {
  name: 'ingest',
  help: `
Usage: custody ingest [--port 9464] [--host ADDRESS] [options]

Carries what Kafka holds into ClickHouse, each record once, whatever breaks: the position comes from the store, every batch is
read back before its offset is committed. Any number may run as one group; each takes some of the partitions, and a
data folder (--data) of its own for what it scribbles. It makes and changes the tables when it starts.

Where Kafka or ClickHouse is away it waits, for ever, and drops nothing. /healthz, /readyz (with reasons) and /metrics stand
on 127.0.0.1:9464, or on CUSTODY_MANAGEMENT_HOST and CUSTODY_MANAGEMENT_PORT. SIGTERM finishes what is in flight.

  CUSTODY_SALT_KEY_FILE               needed: 32 random bytes, the same file for all workers of a store, mode 0600, kept as
                                      long as the evidence: (umask 077; head -c 32 /dev/urandom > salt.key)

Topics that others produce to: each record passes the checks of the doors, and is kept with its reason where it fails.
Who may write there is the broker's to say (ACL); headers of ours that such a record carries have no authority.
  CUSTODY_INBOUND_ISSUER_TOPIC        CloudEvents of token issuers (Kafka binding, structured or binary), on the same brokers
  CUSTODY_EVENTHUBS_BROKERS, _TOPIC, _GROUP, _INSTANCE, _SASL, _USERNAME, _PASSWORD_FILE
                                      Entra's diagnostic records through Azure Event Hubs: NAMESPACE.servicebus.windows.net:9093,
                                      plain, $ConnectionString, and the connection string in the file

Kafka
${KAFKA_SETTINGS_HELP}

ClickHouse
${STORE_SETTINGS_HELP}`,
  common: ['data', 'config'],
  options: { port: { type: 'string' }, host: { type: 'string' } },
  describe: {
    port: 'the port for monitoring (default 9464; 0 takes a free one)',
    host: 'the address for monitoring (default 127.0.0.1)',
  },
  async run(args, context) {
    refuseArguments(args, 'ingest');
    portOption(args, 0);
    if (context.settings.url !== undefined)
      throw new Problem('usage', 'ingest takes no --url: it speaks to Kafka and ClickHouse');
    const { readManagementSettings, readSaltKeyFile } = await import('../../server/settings.ts');
    const management = readManagementSettings({ host: textOption(args, 'host'), port: textOption(args, 'port') });
    const { kafka, clickhouse } = readClusterSettings('ingest');
    const { readInboundTopics } = await import('../../ingest/settings.ts');
    const inbound = readInboundTopics();
    const keyFile = readSaltKeyFile();
    if (keyFile === undefined)
      throw new Problem('configuration', 'CUSTODY_SALT_KEY_FILE is needed. See: custody ingest --help');
    const { custodyOptions } = await import('../local-options.ts');
    const { folder, policy, logLevel } = custodyOptions(context);
    const { readSaltKey } = await import('../../ledger/salt-key.ts');
    const saltKey = await readSaltKey(keyFile);
    const [{ openIngest }, { createLogger }] = await Promise.all([
      import('../../server/open-ingest.ts'),
      import('../../server/create-app.ts'),
    ]);
    const logger = createLogger(logLevel ?? 'info');
    await runUntilStopped(context, async (signal) => {
      const ingest = await openIngest({
        inbound,
        folder,
        policy,
        saltKey,
        kafka,
        clickhouse,
        management,
        logger,
        signal,
      });
      context.say(`Custody ingest works as one of its group; monitoring at ${ingest.url}\n`);
      return ingest;
    });
    return 0;
  },
};
