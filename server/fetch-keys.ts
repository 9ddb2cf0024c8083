import { createRemoteJWKSet, customFetch } from 'jose';
import type { JWTVerifyGetKey } from 'jose';

const MAX_BYTES = 64 * 1_024;

/**
 * Fetches a JWKS for jose: no redirect is followed, and no more than 64 KiB are read, so that a token issuer (or who
 * speaks for it) can neither send us elsewhere nor fill our memory (reliability.md 3.2 row 4). The URL is the operator's.
 */
export async function fetchKeys(
  url: string,
  options: { headers: Headers; method: 'GET'; redirect: 'manual'; signal: AbortSignal },
): Promise<Response> {
  const answer = await fetch(url, { ...options, redirect: 'error' });
  if (!answer.body) return answer;
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > MAX_BYTES) throw new RangeError('the key set is larger than 64 KiB');
    parts.push(part);
  }
  return new Response(Buffer.concat(parts), { status: answer.status, headers: answer.headers });
}

/** Whether keys may be fetched from there: https, or http on this machine (a test issuer). */
export function isAllowedKeyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname));
}

/** The keys at an address, fetched when they are first needed and kept as jose keeps them; one set an address. */
export function rememberKeys(): (jwksUrl: string) => JWTVerifyGetKey {
  const held = new Map<string, JWTVerifyGetKey>();
  return (jwksUrl) => {
    const keys = held.get(jwksUrl) ?? remoteKeys(jwksUrl);
    held.set(jwksUrl, keys);
    return keys;
  };
}

/** The key set at an address, within bounds of time and size. */
export function remoteKeys(jwksUrl: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: 5_000,
    cooldownDuration: 30_000,
    [customFetch]: fetchKeys,
  });
}
