import { Problem } from '../model/problem.ts';
import type { OidcSettings } from './authorize.ts';
import { isAllowedKeyUrl } from './fetch-keys.ts';

/** How the server listens and whom it believes. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly oidc: OidcSettings | undefined;
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
  return { host, port, oidc };
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
