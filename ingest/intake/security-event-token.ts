import { decodeJwt, errors, jwtVerify } from 'jose';
import type { JWTVerifyGetKey } from 'jose';
import type { PolicySource } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { unauthenticated } from './credentials.ts';
import type { HeaderCheck } from './credentials.ts';
import type { IntakeDeps } from './deps.ts';
import { doorFault } from './door-fault.ts';
import type { Headers } from './signature.ts';

/** Bytes that a token may have: a claims set of many subjects is a few kilobytes. */
const MAX_SET_BYTES = 65_536;

/** A security event token that was verified: its claims as they were signed, and whose they are. */
export interface OpenedSet {
  readonly claims: Buffer;
  readonly check: HeaderCheck;
}

/** Keys of an issuer by the address of its key set. */
export type KeysOf = (jwksUrl: string) => JWTVerifyGetKey;

/** The installations that take security event tokens. */
export function setReceivers({ policy }: Pick<IntakeDeps, 'policy'>): readonly PolicySource[] {
  return policy.sources.filter(({ family, security_events: events }) => family === 'ssf' && events !== undefined);
}

/**
 * Opens a pushed security event token (RFC 8417, pushed as RFC 8935 says): algorithms, issuer, audience and the address of
 * the keys come from the policy file and never from the token (reliability.md 3.2 row 3), and the type must be
 * `secevent+jwt`, so that no other token of the same issuer passes for one. Throws the fault `set_not_verified` with the
 * error code of RFC 8935 in `err`; `unavailable` where the keys cannot be fetched now. The token itself is stored nowhere.
 */
export async function openSet(
  deps: Pick<IntakeDeps, 'policy'> & { readonly keysOf?: KeysOf | undefined },
  body: Buffer,
): Promise<OpenedSet> {
  if (body.length > MAX_SET_BYTES)
    throw doorFault('too_large', `A token may have ${MAX_SET_BYTES} bytes.`, { limit: MAX_SET_BYTES });
  const token = body.toString('latin1').trim();
  const issuer = issuerOf(token);
  const receivers = setReceivers(deps).filter(({ security_events: events }) => events?.issuer === issuer);
  if (receivers.length === 0 || !deps.keysOf)
    throw notVerified('invalid_issuer', 'The policy file takes no tokens of this issuer.');
  let fault: Error = notVerified('invalid_request', 'The token cannot be verified.');
  for (const installation of receivers) {
    try {
      await verify(token, installation, deps.keysOf);
      const check: HeaderCheck = { proven: [{ installation, kind: 'signed_set' }], pending: [] };
      return { claims: Buffer.from(token.split('.')[1] ?? '', 'base64url'), check };
    } catch (error) {
      fault = faultOf(error);
    }
  }
  throw fault;
}

async function verify(token: string, { security_events: events }: PolicySource, keysOf: KeysOf): Promise<void> {
  if (!events) throw notVerified('invalid_issuer', 'The policy file takes no tokens of this issuer.');
  const { payload } = await jwtVerify(token, keysOf(events.jwks_url), {
    algorithms: events.algorithms,
    issuer: events.issuer,
    audience: events.audience,
    typ: 'secevent+jwt',
    requiredClaims: ['iss', 'aud', 'iat', 'jti'],
    clockTolerance: 60,
  });
  if (typeof payload['events'] !== 'object' || payload['events'] === null)
    throw notVerified('invalid_request', 'The token holds no events.');
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    throw notVerified(
      'invalid_request',
      'The body is no security event token: three parts of base64url with dots between them. What is not signed is not taken.',
    );
  }
}

function faultOf(error: unknown): Error {
  if (error instanceof Problem) return error;
  if (error instanceof errors.JWTClaimValidationFailed) {
    const code =
      error.claim === 'aud' ? 'invalid_audience' : error.claim === 'iss' ? 'invalid_issuer' : 'invalid_request';
    return notVerified(code, `The ${error.claim} of the token is not what the policy file says, or it is missing.`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return notVerified('authentication_failed', 'The signature does not fit.');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return notVerified('invalid_key', 'The issuer publishes no key with which this token could be verified.');
  if (error instanceof errors.JOSEAlgNotAllowed)
    return notVerified('authentication_failed', 'The algorithm of the signature is none that the policy file allows.');
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError))
    return new Problem(
      'unavailable',
      'The keys of the issuer cannot be fetched now. Send the token again.',
      { retry_after_s: 30 },
      error,
    );
  return notVerified('invalid_request', 'The token is not well-formed.');
}

function notVerified(err: string, detail: string): Problem {
  return doorFault('set_not_verified', detail, { err });
}

/** Refuses, before a body is read, where no issuer is registered, and what does not say that it is such a token. */
export function checkSetHeaders(deps: Pick<IntakeDeps, 'policy'>, headers: Headers): HeaderCheck {
  // The same answer as at every other door that nobody may pass.
  if (setReceivers(deps).length === 0) throw unauthenticated();
  const [type = ''] = (headers['content-type'] ?? '').toLowerCase().split(';');
  if (type.trim() !== 'application/secevent+jwt')
    throw doorFault('unsupported_media_type', 'Send the token as application/secevent+jwt (RFC 8935).');
  return { proven: [], pending: [] };
}
