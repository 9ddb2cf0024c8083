import { STORE_SETTINGS_HELP } from '../../store/settings.ts';
import { Problem } from '../../model/problem.ts';
import { KAFKA_SETTINGS_HELP, readClusterSettings } from '../cluster-settings.ts';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { ClusterEvidence } from '../../server/backing.ts';
import type { Command, CommandContext } from '../command.ts';
import { serveUntilStopped } from '../until-stopped.ts';

export const serveCommand: Command = {
  name: 'serve',
  help: `
Usage: custody serve [--port 8080] [--host ADDRESS] [--poll] [options]

Takes deliveries at /v1/ingest/{source} and answers 202 when all in-sync replicas of Kafka have them; answers queries and
makes reports from the ClickHouse server that custody ingest fills. Any number may run, each with a data folder of its own
for reports and for the token of this machine's commands. It reads
the store, and adds nothing to it but the results of checks: the rights of custody_serves in deploy/clickhouse/users.sql.

Evidence; without them it runs, and says at the start what is missing
  CUSTODY_LOG_KEYS_FILE               the public keys of the signer, as custody sign --keys prints them: packs, answers and T-32
                                      then rest on its checkpoints, and only on those that these keys signed
  CUSTODY_SALT_KEY_FILE               the file of custody ingest (mode 0600): each 202 then carries a signed receipt, which
                                      POST /v1/log/redeem turns into proofs; needs the keys of the signer
  CUSTODY_SERVER_KEY_FILE             the key of packs and receipts that all servers share, so that one redeems what another
                                      signed: (umask 077; openssl genpkey -algorithm ed25519 > server.pem); without it each
                                      data folder has its own. GET /v1/log/keys publishes it beside those of the signer

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
    const own = custodyOptions(context);
    const evidence = await readEvidence(own.policy.tenant, context);
    const polls = args.values['poll'] === true;
    const options = { ...own, kafka, clickhouse, polls, evidence, oidc: server.oidc, hosts: server.hosts };
    await serveUntilStopped(context, options, server);
    return 0;
  },
};

/** What its answers can be proved by; tells what is missing. */
async function readEvidence(tenant: string, { say }: CommandContext): Promise<ClusterEvidence> {
  const [{ readEvidenceFiles }, { readLogKeys, readServerKey }, { readSaltKey }] = await Promise.all([
    import('../../server/settings.ts'),
    import('../../server/log-keys.ts'),
    import('../../ledger/salt-key.ts'),
  ]);
  const files = readEvidenceFiles();
  const signer = files.logKeys === undefined ? undefined : await readLogKeys(files.logKeys, tenant);
  const saltKey = files.saltKey === undefined ? undefined : await readSaltKey(files.saltKey);
  const key = files.serverKey === undefined ? undefined : await readServerKey(files.serverKey);
  if (!signer)
    say('CUSTODY_LOG_KEYS_FILE names no keys of a signer: packs carry no checkpoint, T-32 has none to look at.\n');
  if (!signer || !saltKey)
    say(`No receipts are given: ${saltKey ? 'the keys of the signer are' : 'CUSTODY_SALT_KEY_FILE is'} missing.\n`);
  return { signer, saltKey, key };
}
