import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The environment as one value. Nothing else in the product reads `process.env` but the settings files. Secrets are
 * never taken from here except the bearer token for a remote Custody.
 */
export interface Settings {
  readonly dataFolder: string;
  readonly configFile: string | undefined;
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly logLevel: string;
  readonly color: boolean;
}

/** Reads the environment; options of the command line go over it. */
export function readSettings(options: {
  data?: string | undefined;
  config?: string | undefined;
  url?: string | undefined;
}): Settings {
  const env = process.env;
  const config = options.config ?? env['CUSTODY_CONFIG'] ?? (existsSync('custody.yaml') ? 'custody.yaml' : undefined);
  return {
    dataFolder: resolve(options.data ?? env['CUSTODY_DATA'] ?? 'custody-data'),
    configFile: config === undefined ? undefined : resolve(config),
    url: options.url ?? env['CUSTODY_URL'],
    token: env['CUSTODY_TOKEN'],
    logLevel: env['CUSTODY_LOG_LEVEL'] ?? 'info',
    color: env['NO_COLOR'] === undefined && process.stdout.isTTY,
  };
}

/** The version of the package, as in package.json. */
export function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'custody' && found.version !== undefined) return found.version;
    } catch {
      // In a checkout the first place holds it, in dist/ the second.
    }
  }
  return 'unknown';
}
