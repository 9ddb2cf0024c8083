import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { consistencyProofSchema, evidenceSchema, headProofSchema, leafProofSchema } from './evidence.ts';
import { hashLeaf } from './leaf.ts';
import { parseNote, parseVerifierKey, verifyNote } from './note.ts';
import { isConsistent, isIncluded } from './verify-path.ts';

/** What is wrong with a proof. */
export const LEDGER_FINDINGS = [
  'malformed',
  'unknown_key',
  'bad_signature',
  'wrong_origin',
  'wrong_head',
  'leaf_not_included',
  'head_not_included',
  'not_consistent',
  'not_contiguous',
  'leaf_differs',
  'root_differs',
  'incomplete',
] as const;
export type LedgerFindingCode = (typeof LEDGER_FINDINGS)[number];

export interface LedgerFinding {
  readonly code: LedgerFindingCode;
  /** A sentence for people. */
  readonly message: string;
}

/** Whom a verifier trusts: the origin of the log of checkpoints, and its keys as vkey lines. Never taken from what is verified. */
export interface TrustedLog {
  readonly origin: string;
  readonly verifiers: readonly string[];
}

/** The signed checkpoint of a note, with what is wrong with it; `checkpoint` is there only where nothing is. */
export function verifyCheckpoint(
  note: unknown,
  trusted: TrustedLog,
): { readonly checkpoint?: Checkpoint; readonly findings: readonly LedgerFinding[] } {
  const parsed = typeof note === 'string' ? parseNote(note) : undefined;
  const checkpoint = parsed && parseCheckpoint(parsed.text);
  if (!parsed || !checkpoint) return only('malformed', 'This is no signed checkpoint.');
  // The keys of a log bear its name; others, such as those of servers that sign packs, sign no checkpoint.
  const known = trusted.verifiers.flatMap((line) => parseVerifierKey(line) ?? []);
  const verifiers = known.filter(({ name }) => name === checkpoint.origin);
  const state = verifyNote(parsed, verifiers);
  if (state === 'unknown_key') return only('unknown_key', 'No signature of the checkpoint is of a known key.');
  if (state === 'bad_signature') return only('bad_signature', 'A signature of the checkpoint is false.');
  if (checkpoint.origin !== trusted.origin)
    return only(
      'wrong_origin',
      `The checkpoint is of another log: ${JSON.stringify(checkpoint.origin.slice(0, 128))}.`,
    );
  return { checkpoint, findings: [] };
}

/** Whether the head of a partition stands in the log of checkpoints of this checkpoint, which the caller has verified. */
export function verifyHead(proof: unknown, checkpoint: Checkpoint): readonly LedgerFinding[] {
  const read = headProofSchema.safeParse(proof);
  if (!read.success) return [finding('malformed', 'This is no proof of a head.')];
  const { origin, size, root, index, path } = read.data;
  if (!origin.startsWith(`${checkpoint.origin}/`))
    return [finding('wrong_origin', 'The head is of a tree that does not belong to this log.')];
  const leaf = headLeaf({ origin, size, root: bytes(root) });
  return isIncluded(leaf, index, checkpoint.size, path.map(bytes), checkpoint.root)
    ? []
    : [finding('head_not_included', `The head of ${origin} at size ${size} is not in the signed log of checkpoints.`)];
}

/** Whether a leaf stands in the tree of a head, which the caller has verified. */
export function verifyLeaf(
  proof: unknown,
  head: { origin: string; size: number; root: string },
): readonly LedgerFinding[] {
  const read = leafProofSchema.safeParse(proof);
  if (!read.success) return [finding('malformed', 'This is no proof of a leaf.')];
  const { origin, index, leaf, size, root, path } = read.data;
  if (origin !== head.origin || size !== head.size || root !== head.root)
    return [finding('wrong_head', 'The leaf is proved against another head than the one that is given.')];
  return isIncluded(bytes(leaf), index, size, path.map(bytes), bytes(root))
    ? []
    : [finding('leaf_not_included', `The leaf is not at place ${index} of ${origin} at size ${size}.`)];
}

/** The whole way from a leaf to a signature. Empty: the leaf was in the log when the checkpoint was signed. */
export function verifyEvidence(evidence: unknown, trusted: TrustedLog): readonly LedgerFinding[] {
  const read = evidenceSchema.safeParse(evidence);
  if (!read.success) return [finding('malformed', 'This is no evidence of a leaf.')];
  const { checkpoint, findings } = verifyCheckpoint(read.data.checkpoint, trusted);
  if (!checkpoint) return findings;
  return [...verifyHead(read.data.head, checkpoint), ...verifyLeaf(read.data.leaf, read.data.head)];
}

/**
 * Whether a tree that somebody holds is the beginning of a later one. `held` and `later` come from checkpoints that the
 * caller has verified; the proof says only how the two hang together.
 */
export function verifyConsistency(proof: unknown, held: Checkpoint, later: Checkpoint): readonly LedgerFinding[] {
  const read = consistencyProofSchema.safeParse(proof);
  if (!read.success) return [finding('malformed', 'This is no proof of consistency.')];
  const { origin, first, second, path } = read.data;
  const isOfThese =
    origin === held.origin && origin === later.origin && sameHead(first, held) && sameHead(second, later);
  if (!isOfThese) return [finding('wrong_head', 'The proof is of other trees than those that are compared.')];
  return isConsistent(held.size, held.root, later.size, later.root, path.map(bytes))
    ? []
    : [
        finding(
          'not_consistent',
          `${origin} at size ${later.size} does not begin with what it was at size ${held.size}.`,
        ),
      ];
}

/** The leaf of the log of checkpoints that stands for a head: RFC 6962 over the text of its checkpoint. */
export function headLeaf(head: Checkpoint): Buffer {
  return hashLeaf(formatCheckpoint(head));
}

function sameHead(shown: { size: number; root: string }, head: Checkpoint): boolean {
  return shown.size === head.size && shown.root === head.root.toString('hex');
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function finding(code: LedgerFindingCode, message: string): LedgerFinding {
  return { code, message };
}

function only(code: LedgerFindingCode, message: string): { readonly findings: readonly LedgerFinding[] } {
  return { findings: [finding(code, message)] };
}
