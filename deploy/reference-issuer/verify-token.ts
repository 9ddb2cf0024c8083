import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTVerifyGetKey } from 'jose';

/** A provider of identities whose tokens are taken: keys, issuer, audience and algorithms are pinned. */
export interface Provider {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly keys: JWTVerifyGetKey;
}

/** How long is waited for keys, how often they are fetched for an unknown key id, and how long they are good; milliseconds. */
export interface KeyLimits {
  readonly timeoutMs: number;
  readonly cooldownMs: number;
  readonly maxAgeMs: number;
}

const LIMITS: KeyLimits = { timeoutMs: 3_000, cooldownMs: 10_000, maxAgeMs: 600_000 };

/** The keys at an address, as GitLab gives them at `/oauth/discovery/keys`: https, but on this machine. Throws for others. */
export function remoteKeys(url: URL, limits: KeyLimits = LIMITS): JWTVerifyGetKey {
  const isLocal = url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !isLocal) throw new Error(`keys over ${url.protocol} from ${url.host}: use https`);
  const { timeoutMs: timeoutDuration, cooldownMs: cooldownDuration, maxAgeMs: cacheMaxAge } = limits;
  return createRemoteJWKSet(url, { timeoutDuration, cooldownDuration, cacheMaxAge });
}

/**
 * What a token proves. With a `payload` and no `reason` it is good. With both, the provider signed it, and it is not good
 * here or any more. Without a payload nothing of it is proven; `retry` says that this is for want of keys alone.
 */
export type Verified =
  | { readonly payload: Record<string, unknown>; readonly reason?: string }
  | { readonly payload?: undefined; readonly reason: string; readonly retry: boolean };

/** Verifies a token of a provider, a clock 30 s off being forgiven. Faults come as a reason, none is thrown. */
export async function verifyToken(token: string, provider: Provider): Promise<Verified> {
  try {
    const { payload } = await jwtVerify(token, provider.keys, {
      issuer: provider.issuer,
      audience: provider.audience,
      algorithms: [...provider.algorithms],
      requiredClaims: ['exp', 'iat', 'jti', 'sub'],
      clockTolerance: 30,
    });
    return { payload };
  } catch (error) {
    // jose looks at the signature first, then at issuer, audience and times in this order: what fails by one has passed those before.
    if (error instanceof errors.JWTExpired) return { payload: error.payload, reason: 'token_expired' };
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud' && error.reason === 'check_failed')
      return { payload: error.payload, reason: 'wrong_audience' };
    const reason = reasonOf(error);
    return { reason, retry: reason === 'keys_unavailable' };
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  [errors.JOSEAlgNotAllowed.code, 'algorithm_not_allowed'],
  [errors.JWKSNoMatchingKey.code, 'unknown_key'],
  [errors.JWKSMultipleMatchingKeys.code, 'unknown_key'],
  [errors.JWSSignatureVerificationFailed.code, 'bad_signature'],
  [errors.JWSInvalid.code, 'token_malformed'],
  [errors.JWTInvalid.code, 'token_malformed'],
  [errors.JOSENotSupported.code, 'token_malformed'],
]);

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'iss' ? 'wrong_issuer' : error.claim === 'nbf' ? 'token_not_yet_valid' : 'claims_missing';
  // What else fails is the way to the keys: no connection, no answer in time, none that is a set of keys.
  return (error instanceof errors.JOSEError ? REASONS.get(error.code) : undefined) ?? 'keys_unavailable';
}
