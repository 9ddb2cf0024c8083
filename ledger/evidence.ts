import { z } from 'zod';

/**
 * Proofs as plain JSON: what the API answers and a pack carries. Hashes are 64 lowercase hex digits, sizes and places
 * whole numbers below 2^53. ledger/README.md shows each shape.
 */

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
// A tree of 2^53 leaves has paths of 53 hashes, a consistency proof one more.
const path = z.array(hex32).max(64);
const origin = z.string().min(1).max(256);

/** That a leaf stands in the tree of a partition. `origin`, `size` and `root` are those of the head it is proved against. */
export const leafProofSchema = z.strictObject({
  origin,
  index: count,
  leaf: hex32,
  size: count,
  root: hex32,
  path,
});
export type LeafProof = z.infer<typeof leafProofSchema>;

/** That the head of a partition's tree (origin, size, root) is a leaf of the log of checkpoints. */
export const headProofSchema = z.strictObject({
  origin,
  size: count,
  root: hex32,
  index: count,
  path,
});
export type HeadProof = z.infer<typeof headProofSchema>;

/** That one tree is the beginning of another. */
export const consistencyProofSchema = z.strictObject({
  origin,
  first: z.strictObject({ size: count, root: hex32 }),
  second: z.strictObject({ size: count, root: hex32 }),
  path,
});
export type ConsistencyProof = z.infer<typeof consistencyProofSchema>;

/** The whole way from a leaf to a signature. `checkpoint` is a signed note. */
export const evidenceSchema = z.strictObject({
  leaf: leafProofSchema,
  head: headProofSchema,
  checkpoint: z.string().max(65_536),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** Public keys of a log as `GET /v1/log/keys` and a pack's policy give them. */
export const logKeysSchema = z.object({
  origin,
  /** JWKS members, for receipts. */
  keys: z.array(z.record(z.string(), z.unknown())).max(64),
  /** C2SP vkey lines, for checkpoints. */
  verifiers: z.array(z.string().max(512)).max(64),
});
export type LogKeys = z.infer<typeof logKeysSchema>;
