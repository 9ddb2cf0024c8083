import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadSecrets, secretsFrom } from '../ingest/intake/secrets.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { findServer } from '../ingest/folder.ts';
import { readKafkaSettings } from '../ingest/settings.ts';
import { emptyPolicy, parsePolicy } from '../model/policy.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import type { Custody, CustodyOptions } from '../server/open-custody.ts';
import { injectApi, remoteApi } from './api.ts';
import type { Api } from './api.ts';
import type { CommandContext } from './command.ts';
import { packageVersion } from './settings.ts';

const SAY_AFTER_MS = 1_500;

/**
 * The API for a command: of the server that `--url` names, of the running server that holds the data folder, or in this
 * process over the folder itself. `reads`: the command asks and brings nothing, so there must be something to ask.
 */
export async function openApi(context: CommandContext, options: { reads?: boolean }): Promise<Api> {
  const { url, token, dataFolder } = context.settings;
  if (url !== undefined) return remoteApi(url, token);
  const server = await findServer(dataFolder);
  if (server) return remoteApi(server.url, server.token);
  const settings = custodyOptions(context);
  if (options.reads === true && !existsSync(join(dataFolder, 'store'))) {
    throw new Problem(
      'not_found',
      `nothing was imported yet: there is no data at ${dataFolder}. See custody import --help, or name another folder with --data.`,
    );
  }
  // Loaded only where it is needed: the engine takes longer to load than most answers take.
  const { openCustody } = await import('../server/open-custody.ts');
  const custody = await openCustody({ ...settings, oidc: undefined, logTo: 'nowhere' });
  closeOnSignal(custody, context);
  if (options.reads === true) await settle(custody, context);
  return injectApi(custody.app, custody.token, () => custody.close());
}

// What an import that was killed had left in the log belongs to the answer. A partition that cannot go on must not hide
// what the others hold.
async function settle(custody: Custody, { say }: CommandContext): Promise<void> {
  const late = setTimeout(
    () => say('looking whether an earlier command left something half done, to complete it\n'),
    SAY_AFTER_MS,
  );
  await custody.settled().catch((error: unknown) => {
    say(
      `warning: some of what the log holds is not stored: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  });
  clearTimeout(late);
}

/** A first Ctrl-C ends cleanly, so that nothing stays in memory folders; a second one ends at once. Both lose nothing. */
function closeOnSignal(custody: Custody, { say }: CommandContext): void {
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    process.once(signal, () => {
      say(`\n${signal}: stopping. What is half done goes on with the next command.\n`);
      void custody.close().finally(() => process.exit(code));
    });
  }
}

/** What a Custody over the data folder of these settings is opened with. */
export function custodyOptions(context: CommandContext): Omit<CustodyOptions, 'oidc' | 'logTo'> {
  const { configFile, dataFolder, logLevel } = context.settings;
  const { policy, secrets } =
    configFile === undefined ? { policy: emptyPolicy(), secrets: secretsFrom({}) } : readPolicy(configFile);
  return {
    folder: dataFolder,
    policy,
    secrets,
    policyFile: configFile,
    logLevel,
    version: packageVersion(),
    kafka: readKafkaSettings(),
  };
}

/** The policy file, and the secrets file beside it where there is one. */
export function readPolicy(path: string): { policy: Policy; secrets: Secrets } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Problem(
      'configuration',
      `the policy file ${path} cannot be read: ${(error as Error).message}`,
      {},
      error,
    );
  }
  const secretsFile = join(dirname(path), 'custody.secrets.yaml');
  return {
    policy: parsePolicy(text, path),
    secrets: existsSync(secretsFile) ? loadSecrets(secretsFile) : secretsFrom({}),
  };
}
