import { createPublicKey } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { at, isObject } from '../sources/read.ts';
import type { CheckResult, Finding } from './finding.ts';

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const SAFE = new Set([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]);

/** Judges the key set that an issuer publishes (RFC 7517): no private part, keys that can be told apart, strong enough. */
export function judgeKeys(document: unknown): CheckResult {
  const list = at(document, 'keys');
  const keys: readonly unknown[] = Array.isArray(list) ? list : [];
  const findings = keys.flatMap((key, index) => judgeKey(key, index));
  if (keys.length === 0) findings.push(error('no_keys', 'keys', 'The set holds no key.', 'Publish the keys in use.'));
  const kids = keys.map((key) => at(key, 'kid'));
  const twice = kids.findIndex((kid, index) => kid !== undefined && kids.indexOf(kid) < index);
  if (twice >= 0)
    findings.push(
      error('kid_twice', `keys[${twice}].kid`, 'Two keys have the same kid.', 'Give each key a kid of its own.'),
    );
  return { kind: 'keys', judged: keys.length, findings };
}

function judgeKey(key: unknown, index: number): readonly Finding[] {
  const path = `keys[${index}]`;
  if (!isObject(key)) return [error('no_key', path, 'This is no key.', 'Write a JSON Web Key (RFC 7517).')];
  const found: Finding[] = [];
  const secret = PRIVATE.find((name) => at(key, name) !== undefined);
  if (secret !== undefined) {
    const remedy = 'Take it down now, make a new key, and treat all that the old one signed as forged.';
    found.push(error('private_key', `${path}.${secret}`, 'A private or symmetric key is published.', remedy));
  }
  const kid = at(key, 'kid');
  if (typeof kid !== 'string' || kid === '')
    found.push(error('no_kid', `${path}.kid`, 'The key has no kid.', 'Name each key, or a rotation cannot be followed.'));
  const alg = at(key, 'alg');
  if (alg !== undefined && !(typeof alg === 'string' && SAFE.has(alg)))
    found.push(error('weak_alg', `${path}.alg`, 'The algorithm is none of those that are verified.', `Use one of ${[...SAFE].join(', ')}.`));
  if (alg === undefined)
    found.push({ ...error('no_alg', `${path}.alg`, 'The key does not say its algorithm.', 'Write alg, so that it can be pinned.'), severity: 'warning' });
  if (at(key, 'use') !== undefined && at(key, 'use') !== 'sig') return found;
  return secret === undefined ? [...found, ...strengthOf(key, path)] : found;
} // prettier-ignore

function strengthOf(key: unknown, path: string): readonly Finding[] {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    if (type === 'rsa' && (details?.modulusLength ?? 0) < 2_048)
      return [error('weak_key', path, `The RSA key has ${details?.modulusLength} bits.`, 'Use 2048 bits or more.')];
    return [];
  } catch {
    return [error('unreadable_key', path, 'The key cannot be read.', 'Check kty, crv and its members against RFC 7518.')];
  }
} // prettier-ignore

function error(rule: string, path: string, message: string, remedy: string): Finding {
  return { severity: 'error', rule, path, message, remedy };
}

/** Judges the metadata of an issuer (OpenID Connect discovery, RFC 8414) that was read at `url`. */
export function judgeMetadata(document: unknown, url: URL): CheckResult {
  const findings: Finding[] = [];
  const issuer = at(document, 'issuer');
  const expected = url.href.replace(/\/\.well-known\/.*$/, '').replace(/\/$/, '');
  if (typeof issuer !== 'string' || issuer.replace(/\/$/, '') !== expected) {
    const remedy = 'Tokens, metadata and events must name the issuer by the same text, or nothing joins.';
    findings.push(error('issuer_mismatch', 'issuer', 'issuer is not the address at which this was read.', remedy));
  }
  if (typeof at(document, 'jwks_uri') !== 'string')
    findings.push(error('no_jwks_uri', 'jwks_uri', 'There is no jwks_uri.', 'Say where the keys are.'));
  for (const name of ['id_token_signing_alg_values_supported', 'token_endpoint_auth_signing_alg_values_supported']) {
    const algorithms = at(document, name);
    const weak = Array.isArray(algorithms)
      ? algorithms.filter((alg) => alg === 'none' || String(alg).startsWith('HS'))
      : [];
    if (weak.length === 0) continue;
    const remedy = 'Offer asymmetric algorithms only: others must not be able to make your tokens.';
    findings.push(error('weak_alg', name, 'An algorithm is offered that proves nothing to others.', remedy));
  }
  return { kind: 'metadata', judged: 1, findings };
}
