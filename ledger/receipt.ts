import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { PublicLogKey, SigningKey } from './signing-key.ts';
import { rootOfLeaves } from './tree.ts';

/**
 * A receipt: what the door promises of a delivery, as a compact JWS (RFC 7515, EdDSA over Ed25519). It names where the
 * records stand in the log and their leaf hashes, so that it can be redeemed later for proofs that they are in the tree.
 */

export const RECEIPT_TYPE = 'custody-receipt+jwt';
/** Up to so many leaves are listed one by one; of more, their number and the root over them. */
export const MAX_LISTED_LEAVES = 256;
const MAX_RECEIPT_CHARS = 40_000;

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const place = {
  /** The origin of the log of checkpoints (ledger/checkpoint.ts). */
  iss: z.string().min(1).max(256),
  /** When the door answered, seconds since 1970 UTC. */
  iat: count,
  tenant: z.string().min(1).max(128),
  topic: z.string().min(1).max(128),
  partition: count,
  source_epoch: count,
  /** Of the first record; the others follow without a hole. */
  offset: count,
};
const listed = z.strictObject({ ...place, leaves: z.array(hex32).min(1).max(MAX_LISTED_LEAVES) });
const counted = z.strictObject({ ...place, leaf_count: count.min(1), leaves_root: hex32 });
const header = z.strictObject({ alg: z.literal('EdDSA'), typ: z.literal(RECEIPT_TYPE), kid: z.string().max(128) });

/** The payload of a receipt: `leaves`, or for a large delivery `leaf_count` and `leaves_root`. Hashes are hex. */
export const receiptSchema = z.union([listed, counted]);
export type ReceiptPayload = z.infer<typeof receiptSchema>;

/** What a receipt is made of. `leaves` are the leaf hashes in the order of the log, one at least. */
export interface ReceiptContent {
  readonly iss: string;
  readonly iat: number;
  readonly tenant: string;
  readonly topic: string;
  readonly partition: number;
  readonly sourceEpoch: number;
  readonly offset: number;
  readonly leaves: readonly Buffer[];
}

export type ReceiptFault = 'malformed' | 'unknown_key' | 'bad_signature';

/** A signed receipt. Of more than `MAX_LISTED_LEAVES` leaves it carries their number and the RFC 6962 root over them. */
export function signReceipt(content: ReceiptContent, key: SigningKey): string {
  const { sourceEpoch, leaves, iss, iat, tenant, topic, partition, offset } = content;
  const payload: ReceiptPayload = {
    iss,
    iat,
    tenant,
    topic,
    partition,
    source_epoch: sourceEpoch,
    offset,
    ...(leaves.length <= MAX_LISTED_LEAVES
      ? { leaves: leaves.map((leaf) => leaf.toString('hex')) }
      : { leaf_count: leaves.length, leaves_root: rootOfLeaves(leaves).toString('hex') }),
  };
  const signed = `${encode({ alg: 'EdDSA', typ: RECEIPT_TYPE, kid: key.kid })}.${encode(payload)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`;
}

/**
 * The payload of a receipt that one of these keys signed, or why it is none. Algorithm and type are pinned; the key is
 * chosen among the given ones by `kid`, never taken from the receipt. Nothing is thrown, whatever is given.
 */
export function verifyReceipt(
  receipt: string,
  keys: readonly PublicLogKey[],
): { readonly ok: true; readonly payload: ReceiptPayload } | { readonly ok: false; readonly fault: ReceiptFault } {
  const malformed = { ok: false, fault: 'malformed' } as const;
  const parts = receipt.length > MAX_RECEIPT_CHARS ? [] : receipt.split('.');
  const [head, body, signature64] = parts;
  if (head === undefined || body === undefined || signature64 === undefined || parts.length !== 3) return malformed;
  const heading = header.safeParse(decodeJson(head));
  const signature = decode(signature64);
  if (!heading.success || signature?.length !== 64) return malformed;
  const known = keys.find(({ kid }) => kid === heading.data.kid);
  if (!known) return { ok: false, fault: 'unknown_key' };
  if (!verify(null, Buffer.from(`${head}.${body}`), known.publicKey, signature))
    return { ok: false, fault: 'bad_signature' };
  const payload = receiptSchema.safeParse(decodeJson(body));
  return payload.success ? { ok: true, payload: payload.data } : malformed;
}

/** How many records a receipt stands for. */
export function leafCountOf(payload: ReceiptPayload): number {
  return 'leaves' in payload ? payload.leaves.length : payload.leaf_count;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}

function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function decodeJson(text: string): unknown {
  try {
    return JSON.parse(decode(text)?.toString('utf8') ?? '') as unknown;
  } catch {
    return undefined;
  }
}
