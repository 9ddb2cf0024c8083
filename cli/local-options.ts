import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadSecrets, secretsFrom } from '../ingest/intake/secrets.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import { readKafkaSettings } from '../ingest/settings.ts';
import { emptyPolicy, parsePolicy } from '../model/policy.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import type { CustodyOptions } from '../server/open-custody.ts';
import type { CommandContext } from './command.ts';
import { packageVersion } from './settings.ts';

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
