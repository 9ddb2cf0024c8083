import { Problem } from '../../model/problem.ts';
import { STORE_SETTINGS_HELP } from '../../store/settings.ts';
import { readStoreServer } from '../cluster-settings.ts';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { runUntilStopped } from '../until-stopped.ts';

export const signCommand: Command = {
  name: 'sign',
  help: `
Usage: custody sign [--port 9465] [--host ADDRESS] [options]
       custody sign --keys [options]

The one signer of a cluster. Every two seconds it signs a checkpoint over what custody ingest has stored, where that has
grown, and only what continues what it signed before: a store that was rolled back, rewritten or forked gets no signature,
and the log says what is wrong (alarm: signing_stopped). It is the only process with this key; keep its data folder
(--data) away from those who administer the store, and keys/ as long as the evidence. keys/signed.json is its memory: a
signer that lost it, or a second one, is refused. It needs no Kafka and holds no evidence.

  custody sign --keys --data signer > log-keys.json     the public keys, for CUSTODY_LOG_KEYS_FILE of custody serve and
                                                        for whoever verifies; makes the key where there is none

Where ClickHouse is away it waits, for ever. /healthz, /readyz (with reasons) and /metrics stand on 127.0.0.1:9465, or on
CUSTODY_MANAGEMENT_HOST and CUSTODY_MANAGEMENT_PORT. SIGTERM signs once more and ends. The rights of its user in the store:
deploy/clickhouse/users.sql, custody_signs.

ClickHouse
${STORE_SETTINGS_HELP}`,
  common: ['data', 'config'],
  options: { port: { type: 'string' }, host: { type: 'string' }, keys: { type: 'boolean' } },
  describe: {
    port: 'the port for monitoring (default 9465; 0 takes a free one)',
    host: 'the address for monitoring (default 127.0.0.1)',
    keys: 'print the public keys as JSON, and end',
  },
  async run(args, context) {
    refuseArguments(args, 'sign');
    portOption(args, 0);
    if (context.settings.url !== undefined) throw new Problem('usage', 'sign takes no --url: it speaks to ClickHouse');
    if (args.values['keys'] === true) return printKeys(context);
    const { readManagementSettings } = await import('../../server/settings.ts');
    const address = { host: textOption(args, 'host'), port: textOption(args, 'port') };
    const management = readManagementSettings(address, undefined, 9_465);
    const clickhouse = readStoreServer('sign');
    const { custodyOptions } = await import('../local-options.ts');
    const { folder, policy, logLevel } = custodyOptions(context);
    const [{ openSign }, { createLogger }] = await Promise.all([
      import('../../server/open-sign.ts'),
      import('../../server/create-app.ts'),
    ]);
    const logger = createLogger(logLevel ?? 'info');
    await runUntilStopped(context, async (signal) => {
      const signer = await openSign({ folder, tenant: policy.tenant, clickhouse, management, logger, signal });
      context.say(`Custody sign works for ${policy.tenant}; monitoring at ${signer.url}\n`);
      return signer;
    });
    return 0;
  },
};

async function printKeys(context: CommandContext): Promise<number> {
  const { custodyOptions } = await import('../local-options.ts');
  const { readFolderKeys } = await import('../../server/log-keys.ts');
  const { folder, policy } = custodyOptions(context);
  await context.out(`${JSON.stringify(await readFolderKeys(folder, policy.tenant), null, 2)}\n`);
  return 0;
}
