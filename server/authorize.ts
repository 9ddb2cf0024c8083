import { createHash, timingSafeEqual } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { Problem } from '../model/problem.ts';
import { remoteKeys } from './fetch-keys.ts';

/** What a caller may do: `read` evidence, `report` on it, `dispose` (say something of exceptions), `operate` (import, deliver, rebuild). */
export const PERMISSIONS = ['read', 'report', 'dispose', 'operate'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Who is calling, as far as our own log needs to know. */
export interface Principal {
  readonly subject: string;
  readonly issuer: string;
  readonly permissions: readonly Permission[];
}

/** Decides by the Authorization header alone; throws `unauthenticated` or `forbidden`. */
export type Authorize = (authorization: string | undefined, permission: Permission) => Promise<Principal>;

const ROLES: Readonly<Record<string, readonly Permission[]>> = {
  // Who runs the service says nothing of exceptions, and who does so does not run it.
  operator: ['read', 'report', 'operate'],
  manager: ['read', 'report', 'dispose'],
  auditor: ['read', 'report'],
  responder: ['read'],
};

export interface OidcSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** The claim that lists roles (operator, manager, auditor, responder). */
  readonly roleClaim: string;
}

/** Callers on this machine prove that they can read the data folder: the token stands in its lock file, mode 0600. */
export function createLocalAuthorize(token: string): Authorize {
  return (authorization) => {
    const given = bearerOf(authorization);
    if (given === undefined || !sameSecret(given, token))
      return Promise.reject(unauthenticated('Send the token of the data folder: Authorization: Bearer TOKEN.'));
    return Promise.resolve({ subject: 'local', issuer: 'local', permissions: PERMISSIONS });
  };
}

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const MAX_TOKEN_CHARS = 8_192;

/**
 * OIDC access tokens, verified by jose: algorithms, issuer and audience pinned, expiry required, keys only from the
 * configured JWKS (reliability.md 3.2 rows 3 and 4). A key named by the token itself (jwk, jku, x5u) is never used.
 */
export function createOidcAuthorize(oidc: OidcSettings, keys: JWTVerifyGetKey = remoteKeys(oidc.jwksUrl)): Authorize {
  return async (authorization, permission) => {
    const token = bearerOf(authorization);
    if (token === undefined || token.length > MAX_TOKEN_CHARS)
      throw unauthenticated('Send an access token of the configured issuer.');
    const claims = await verify(token, keys, oidc);
    const permissions = permissionsOf(claims[oidc.roleClaim]);
    if (!permissions.includes(permission)) {
      throw new Problem(
        'forbidden',
        `This needs the permission "${permission}", which none of the roles in ${oidc.roleClaim} gives.`,
        { caller: { subject: String(claims.sub), issuer: oidc.issuer, permissions } },
      );
    }
    return { subject: String(claims.sub), issuer: oidc.issuer, permissions };
  };
}

/** Tries each in turn: the first that knows the credential decides. A known caller without the right is refused at once. */
export function firstOf(...ways: readonly Authorize[]): Authorize {
  return async (authorization, permission) => {
    let last: unknown = unauthenticated('Send a bearer token.');
    for (const way of ways) {
      try {
        return await way(authorization, permission);
      } catch (error) {
        if (error instanceof Problem && error.code === 'forbidden') throw error;
        last = error;
      }
    }
    throw last;
  };
}

async function verify(token: string, keys: JWTVerifyGetKey, oidc: OidcSettings): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer: oidc.issuer,
      audience: oidc.audience,
      requiredClaims: ['exp', 'iat', 'sub'],
      clockTolerance: 30,
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
      throw new Problem('unavailable', 'The keys of the token issuer cannot be fetched now.', {}, error);
    }
    // The reason stays inside: it would help whoever is probing more than whoever has a real token.
    throw unauthenticated('The access token is not valid here.', error);
  }
}

function permissionsOf(claim: unknown): Permission[] {
  const names = Array.isArray(claim) ? claim : typeof claim === 'string' ? claim.split(' ') : [];
  const granted = names.flatMap((name) =>
    typeof name === 'string' && Object.hasOwn(ROLES, name) ? (ROLES[name] ?? []) : [],
  );
  return PERMISSIONS.filter((permission) => granted.includes(permission));
}

function bearerOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1];
}

/** Compares without telling by its time how much was right. */
function sameSecret(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

function unauthenticated(message: string, cause?: unknown): Problem {
  return new Problem('unauthenticated', message, {}, cause);
}
