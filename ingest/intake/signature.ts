import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Micros } from '../../model/time.ts';
import { Problem } from '../../model/problem.ts';

/** Headers of a request as they are verified: lower-case names, one value each. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** What a Standard Webhooks sender put into its headers. */
export interface SignedHeaders {
  readonly id: string;
  readonly timestamp: string;
  readonly signatures: readonly Buffer[];
}

const WINDOW_US = 300_000_000;
const MAX_SIGNATURES = 8;

/** Whether a request says that it is signed, under the names of Standard Webhooks or of Svix. */
export function isSigned(headers: Headers): boolean {
  return headers['webhook-signature'] !== undefined || headers['svix-signature'] !== undefined;
}

/**
 * The signature headers (`webhook-*`, or Svix's own `svix-*`), if they are complete and the time in them lies within
 * five minutes of `now`; else undefined. Format: standardwebhooks.com, sources.md 1.3 and 1.12.
 */
export function readSignature(headers: Headers, now: Micros): SignedHeaders | undefined {
  const prefix = headers['webhook-signature'] === undefined ? 'svix' : 'webhook';
  const id = headers[`${prefix}-id`];
  const timestamp = headers[`${prefix}-timestamp`];
  const signature = headers[`${prefix}-signature`];
  if (!id || id.length > 256 || !timestamp || !/^\d{1,12}$/.test(timestamp) || !signature) return undefined;
  if (Math.abs(now - Number(timestamp) * 1_000_000) > WINDOW_US) return undefined;
  const signatures = signature
    .split(' ', MAX_SIGNATURES)
    .filter((part) => part.startsWith('v1,'))
    .map((part) => Buffer.from(part.slice(3), 'base64'))
    .filter((bytes) => bytes.length === 32);
  return signatures.length === 0 ? undefined : { id, timestamp, signatures };
}

/** Whether one of the signatures is the HMAC-SHA256 of "{id}.{timestamp}.{body}" under the key; constant time for each. */
export function verifySignature(key: Buffer, signed: SignedHeaders, body: Buffer): boolean {
  const expected = createHmac('sha256', key).update(`${signed.id}.${signed.timestamp}.`).update(body).digest();
  let valid = false;
  for (const signature of signed.signatures) valid = timingSafeEqual(signature, expected) || valid;
  return valid;
}

/** The key in a secret: `whsec_<base64>`, hex of at least 16 bytes, or else the text itself. */
export function signingKey(secret: string, name: string): Buffer {
  if (!secret.startsWith('whsec_'))
    return /^(?:[0-9a-f]{2}){16,}$/i.test(secret) ? Buffer.from(secret, 'hex') : Buffer.from(secret, 'utf8');
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  if (key.length < 16)
    throw new Problem(
      'configuration',
      `the secret "${name}" is no usable whsec_ key: at least 16 bytes in base64 are needed`,
    );
  return key;
}
