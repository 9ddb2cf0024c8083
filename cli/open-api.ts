import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadSecrets, secretsFrom } from '../ingest/intake/secrets.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { findServer } from '../ingest/folder.ts';
import { emptyPolicy, parsePolicy } from '../model/policy.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import { openCustody } from '../server/open-custody.ts';
import type { CustodyOptions } from '../server/open-custody.ts';
import { injectApi, remoteApi } from './api.ts';
import type { Api } from './api.ts';
import type { CommandContext } from './command.ts';
import { packageVersion } from './settings.ts';

/**
 * The API for a command: of the server that `--url` names, of the running server that holds the data folder, or in this
 * process over the folder itself.
 */
export async function openApi(context: CommandContext, options: { readOnly?: boolean }): Promise<Api> {
  const { url, token, dataFolder } = context.settings;
  if (url !== undefined) return remoteApi(url, token);
  const server = await findServer(dataFolder);
  if (server) return remoteApi(server.url, server.token);
  if (options.readOnly === true && !existsSync(dataFolder)) {
    throw new Problem(
      'not_found',
      `there is no data folder at ${dataFolder}. Import something first (custody import --help), or name the folder with --data.`,
    );
  }
  const custody = await openCustody({ ...custodyOptions(context), oidc: undefined, logTo: 'nowhere' });
  return injectApi(custody.app, custody.token, () => custody.close());
}

/** What a Custody over the data folder of these settings is opened with. */
export function custodyOptions(context: CommandContext): Omit<CustodyOptions, 'oidc' | 'logTo'> {
  const { configFile, dataFolder, logLevel } = context.settings;
  const { policy, secrets } =
    configFile === undefined ? { policy: emptyPolicy(), secrets: secretsFrom({}) } : readPolicy(configFile);
  return { folder: dataFolder, policy, secrets, policyFile: configFile, logLevel, version: packageVersion() };
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
