import { Problem } from '../../model/problem.ts';
import { readManagementSettings, readSaltKeyFile } from '../../server/settings.ts';
import { STORE_SETTINGS_HELP } from '../../store/settings.ts';
import { KAFKA_SETTINGS_HELP, readClusterSettings } from '../cluster-settings.ts';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { custodyOptions } from '../open-api.ts';
import { runUntilStopped } from '../until-stopped.ts';

export const ingestCommand: Command = {
  name: 'ingest',
  summary: 'a worker of a cluster, one of any number: Kafka to ClickHouse',
  help: `
Usage: custody ingest [--port 9464] [--host ADDRESS] [options]

Carries what Kafka holds into ClickHouse, each record once, whatever breaks: the position comes from the store, every batch is
read back before its offset is committed. Any number may run as one group; each takes some of the partitions, and a
data folder (--data) of its own for what it scribbles. It makes and changes the tables when it starts.

Where Kafka or ClickHouse is away it waits, for ever, and drops nothing. /healthz, /readyz (with reasons) and /metrics stand
on 127.0.0.1:9464, or on CUSTODY_MANAGEMENT_HOST and CUSTODY_MANAGEMENT_PORT. SIGTERM finishes what is in flight.

  CUSTODY_SALT_KEY_FILE               needed: 32 random bytes, the same file for all workers of a store, mode 0600, kept as
                                      long as the evidence: (umask 077; head -c 32 /dev/urandom > salt.key)

Kafka
${KAFKA_SETTINGS_HELP}

ClickHouse
${STORE_SETTINGS_HELP}`,
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
    const management = readManagementSettings({ host: textOption(args, 'host'), port: textOption(args, 'port') });
    const { kafka, clickhouse } = readClusterSettings('ingest');
    const keyFile = readSaltKeyFile();
    if (keyFile === undefined)
      throw new Problem('configuration', 'CUSTODY_SALT_KEY_FILE is needed. See: custody ingest --help');
    const { folder, policy, logLevel } = custodyOptions(context);
    const { readSaltKey } = await import('../../ledger/salt-key.ts');
    const saltKey = await readSaltKey(keyFile);
    const [{ openIngest }, { createLogger }] = await Promise.all([
      import('../../server/open-ingest.ts'),
      import('../../server/create-app.ts'),
    ]);
    const logger = createLogger(logLevel ?? 'info');
    await runUntilStopped(context, async (signal) => {
      const ingest = await openIngest({ folder, policy, saltKey, kafka, clickhouse, management, logger, signal });
      context.say(`Custody ingest works as one of its group; monitoring at ${ingest.url}\n`);
      return ingest;
    });
    return 0;
  },
};
