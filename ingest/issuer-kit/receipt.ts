import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { IssuerKitError } from './kit-error.ts';

/** What Custody promises with a receipt: that these leaves stand in its log from `iat` on. */
export interface ReceiptClaims {
  readonly iss: string;
  /** Seconds since 1970, UTC. */
  readonly iat: number;
  readonly tenant: string;
  readonly topic: string;
  readonly partition: number;
  readonly source_epoch: number;
  /** Of the first record; the others follow without a hole. */
  readonly offset: number;
  /** Leaf hashes of the records in order, hexadecimal. */
  readonly leaves?: readonly string[];
  /** Of a large delivery only the number of leaves, and the RFC 6962 root over them. */
  readonly leaf_count?: number;
  readonly leaves_root?: string;
}

/** How many records a receipt stands for. */
export function recordsOf(claims: ReceiptClaims): number {
  return claims.leaves?.length ?? claims.leaf_count ?? 0;
}

/** The public keys of a Custody, as `GET /v1/log/keys` gives them (RFC 7517). */
export interface KeySet {
  readonly keys: readonly {
    readonly kid?: string;
    readonly kty?: string;
    readonly crv?: string;
    readonly x?: string;
  }[];
}

const TYP = 'custody-receipt+jwt';
const MAX_CHARS = 262_144;

/**
 * Verifies a receipt: a compact JWS (RFC 7515) whose header says EdDSA and `custody-receipt+jwt`, signed by the Ed25519
 * key of the set that `kid` names. Nothing in the token can choose another algorithm or key. Throws an IssuerKitError of
 * code `receipt_invalid` that says which step failed.
 */
export function verifyReceipt(receipt: string, keys: KeySet): ReceiptClaims {
  if (receipt.length > MAX_CHARS) throw invalid('is longer than a receipt can be');
  const parts = receipt.split('.');
  const [head = '', body = '', signature = ''] = parts;
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part))) throw invalid('is no compact JWS');
  const header = parse(head);
  if (header['alg'] !== 'EdDSA') throw invalid('is not signed by EdDSA');
  if (header['typ'] !== TYP) throw invalid(`is not of type ${TYP}`);
  if (header['crit'] !== undefined) throw invalid('demands extensions that are not known here');
  const key = keyOf(keys, header['kid']);
  const bytes = Buffer.from(signature, 'base64url');
  const isWritten = bytes.length === 64 && bytes.toString('base64url') === signature;
  if (!isWritten || !verify(null, Buffer.from(`${head}.${body}`), key, bytes))
    throw invalid('has a signature that its key did not make');
  return readClaims(parse(body));
}

/** The `kid` of a receipt, before anything is verified: only to know whether new keys must be fetched. */
export function keyIdOf(receipt: string): string | undefined {
  try {
    const kid = parse(receipt.split('.')[0] ?? '')['kid'];
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

function keyOf({ keys }: KeySet, kid: unknown): KeyObject {
  const found = keys.find((key) => typeof kid === 'string' && key.kid === kid);
  if (found === undefined) throw invalid('is signed by a key that this Custody does not publish');
  if (found.kty !== 'OKP' || found.crv !== 'Ed25519') throw invalid('names a key that is no Ed25519 key');
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: found.x ?? '' }, format: 'jwk' });
  } catch (error) {
    throw invalid('names a key that cannot be read', error);
  }
}

function readClaims(claims: Readonly<Record<string, unknown>>): ReceiptClaims {
  const { iss, iat, tenant, topic, partition, source_epoch: epoch, offset, leaves } = claims;
  const texts = [iss, tenant, topic].every((value) => typeof value === 'string');
  const numbers = [iat, partition, epoch, offset].every((value) => Number.isSafeInteger(value));
  const listed = Array.isArray(leaves) && leaves.length > 0 && leaves.every(isHash);
  const counted = Number.isSafeInteger(claims['leaf_count']) && isHash(claims['leaves_root']);
  if (!texts || !numbers || listed === counted) throw invalid('lacks what a receipt must say');
  return claims as unknown as ReceiptClaims;
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function parse(part: string): Readonly<Record<string, unknown>> {
  try {
    const bytes = Buffer.from(part, 'base64url');
    // One text for one content: what decodes the same and is written otherwise is no receipt of ours.
    if (bytes.toString('base64url') !== part) throw invalid('is not written as base64url');
    const json = JSON.parse(bytes.toString('utf8')) as unknown;
    if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch (error) {
    throw invalid('cannot be read', error);
  }
  throw invalid('cannot be read');
}

function invalid(words: string, cause?: unknown): IssuerKitError {
  return new IssuerKitError('receipt_invalid', `The receipt ${words}.`, { cause });
}
