import { Problem } from '../model/problem.ts';
import type { SignerFiles } from '../reports/sign/open-signer.ts';
import type { OidcSettings } from './authorize.ts';
import { isAllowedKeyUrl } from './fetch-keys.ts';

/** How the server listens and whom it believes. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly oidc: OidcSettings | undefined;
  /** Host names that are answered beside those of this machine; undefined: all. */
  readonly hosts: readonly string[] | undefined;
}

const NAMES = {
  issuer: 'CUSTODY_OIDC_ISSUER',
  audience: 'CUSTODY_OIDC_AUDIENCE',
  jwksUrl: 'CUSTODY_OIDC_JWKS_URL',
} as const;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

/**
 * Reads how to listen. Any address but loopback needs OIDC, because whoever reaches the API reads the evidence: without
 * it the server refuses to start and says which settings are missing.
 */
export function readServerSettings(
  options: { host?: string | undefined; port?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): ServerSettings {
  const host = options.host ?? env['CUSTODY_HOST'] ?? '127.0.0.1';
  const port = Number(options.port ?? env['CUSTODY_PORT'] ?? '8080');
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Problem('configuration', '--port must be a number from 0 to 65535');
  const missing = Object.values(NAMES).filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0 && missing.length < Object.keys(NAMES).length) {
    throw new Problem(
      'configuration',
      `OIDC needs all of ${Object.values(NAMES).join(', ')}; missing: ${missing.join(', ')}`,
    );
  }
  const oidc = missing.length === 0 ? readOidc(env) : undefined;
  if (!oidc && !LOOPBACK.has(host)) {
    throw new Problem(
      'configuration',
      `Listening on ${host} needs OIDC, so that not everybody on the network reads the evidence. Set ${Object.values(NAMES).join(', ')}, or listen on 127.0.0.1.`,
    );
  }
  return { host, port, oidc, hosts: readHosts(env, host) };
}

/** Where `/healthz`, `/readyz` and `/metrics` stand without a credential. */
export interface ManagementSettings {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `CUSTODY_MANAGEMENT_HOST` (127.0.0.1) and `CUSTODY_MANAGEMENT_PORT` (a preset of each command; 0 takes a free one);
 * options of the command line go over them. There are only counts behind it, so any address may be named; it should be one that only the
 * monitoring reaches.
 */
export function readManagementSettings(
  options: { host?: string | undefined; port?: string | undefined } = {},
  env: NodeJS.ProcessEnv = process.env,
  presetPort = 9464,
): ManagementSettings {
  const port = Number(options.port ?? env['CUSTODY_MANAGEMENT_PORT'] ?? presetPort);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Problem('configuration', 'CUSTODY_MANAGEMENT_PORT must be a number from 0 to 65535');
  return { host: options.host ?? env['CUSTODY_MANAGEMENT_HOST'] ?? '127.0.0.1', port };
}

/** `CUSTODY_SALT_KEY_FILE`: the key that all workers of a store share; undefined where none is named. */
export function readSaltKeyFile(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = env['CUSTODY_SALT_KEY_FILE'];
  return path === '' ? undefined : path;
}

/** Files that make the answers of `custody serve` evidence; undefined where none is named. */
export interface EvidenceFiles {
  /** `CUSTODY_LOG_KEYS_FILE`: the public keys of the signer. */
  readonly logKeys: string | undefined;
  /** `CUSTODY_SERVER_KEY_FILE`: the key of packs and receipts that all servers share, Ed25519, PKCS#8 in PEM. */
  readonly serverKey: string | undefined;
  /** `CUSTODY_SALT_KEY_FILE`: the key of the workers. */
  readonly saltKey: string | undefined;
}

/** Reads where they are. */
export function readEvidenceFiles(env: NodeJS.ProcessEnv = process.env): EvidenceFiles {
  const path = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return {
    logKeys: path('CUSTODY_LOG_KEYS_FILE'),
    serverKey: path('CUSTODY_SERVER_KEY_FILE'),
    saltKey: readSaltKeyFile(env),
  };
}

/**
 * `CUSTODY_REPORT_KEY_FILE` and `CUSTODY_REPORT_CERTIFICATE_FILE`: the operator's own key and certificate for the signature
 * inside report.pdf, in PEM. Undefined where neither is named; one without the other is refused.
 */
export function readSignerFiles(env: NodeJS.ProcessEnv = process.env): SignerFiles | undefined {
  const key = env['CUSTODY_REPORT_KEY_FILE'] ?? '';
  const certificate = env['CUSTODY_REPORT_CERTIFICATE_FILE'] ?? '';
  if ((key === '') !== (certificate === ''))
    throw new Problem(
      'configuration',
      `CUSTODY_REPORT_KEY_FILE and CUSTODY_REPORT_CERTIFICATE_FILE belong together; only ${key === '' ? 'the second' : 'the first'} is set. Without both, reports are signed by a key of the data folder.`,
    );
  return key === '' ? undefined : { key, certificate };
}

/**
 * `CUSTODY_ALLOWED_HOSTS`: names, with commas between them, under which a proxy or the network reaches this server. On
 * loopback nothing but the names of this machine is answered without it. On any other address everything needs a
 * credential that no browser sends by itself, and the server cannot know its names: there all are answered.
 */
function readHosts(env: NodeJS.ProcessEnv, host: string): readonly string[] | undefined {
  const names = (env['CUSTODY_ALLOWED_HOSTS'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = names.find((name) => !/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])$/.test(name));
  if (wrong !== undefined)
    throw new Problem('configuration', `CUSTODY_ALLOWED_HOSTS must list host names without ports, not "${wrong}"`);
  return names.length === 0 && !LOOPBACK.has(host) ? undefined : names;
}

function readOidc(env: NodeJS.ProcessEnv): OidcSettings {
  const jwksUrl = env[NAMES.jwksUrl] ?? '';
  if (!isAllowedKeyUrl(jwksUrl))
    throw new Problem('configuration', `${NAMES.jwksUrl} must be an https URL without a password in it`);
  return {
    issuer: env[NAMES.issuer] ?? '',
    audience: env[NAMES.audience] ?? '',
    jwksUrl,
    roleClaim: env['CUSTODY_OIDC_ROLE_CLAIM'] ?? 'roles',
  };
}
