import { logOriginOf } from '../../ledger/checkpoint.ts';
import type { HeadProof } from '../../ledger/evidence.ts';
import { MAX_LISTED_LEAVES, leafCountOf, verifyReceipt } from '../../ledger/receipt.ts';
import type { ReceiptFault, ReceiptPayload } from '../../ledger/receipt.ts';
import type { PublicLogKey } from '../../ledger/signing-key.ts';
import { rootOfLeaves } from '../../ledger/tree.ts';
import type { TrustedLog } from '../../ledger/verify-evidence.ts';
import { Problem } from '../../model/problem.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import type { Reader } from '../../store/query.ts';
import { readLeavesOfRanges } from '../../store/trees/leaves.ts';
import { finding, proveLeaves } from './prove.ts';
import type { AskedLeaf, ProvedLeaf } from './prove.ts';
import { readSigned, unknownSigner } from './signed-checkpoint.ts';

export interface RedeemDeps {
  readonly reader: Reader;
  readonly tenant: string;
  /** Every key that ever signed receipts. */
  readonly keys: readonly PublicLogKey[];
  /** Who signs checkpoints; undefined where that is not known here. */
  readonly trusted: TrustedLog | undefined;
  readonly now: () => Micros;
}

/** What became of the promise of a receipt. */
export interface Redeemed {
  /** The worst of the leaves that are listed: one finding makes it `finding`. */
  readonly state: 'included' | 'not_yet' | 'finding';
  /** When to come again for what is not yet in, seconds; absent where nothing is. */
  readonly retry_after_s?: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaf_count: number;
  /** Which of the leaves are listed: from this one on, counted from 0. */
  readonly from: number;
  /** Where the list goes on (`from` of the next request); null at its end. */
  readonly next: number | null;
  readonly leaves: readonly ProvedLeaf[];
  readonly head?: HeadProof;
  readonly checkpoint?: string;
}

const RETRY_SECONDS = 5;
/** After so long without a place in the log, a promise counts as broken and no longer as early. */
const OVERDUE_SECONDS = 3_600;

const FAULTS: Readonly<Record<ReceiptFault, string>> = {
  malformed: 'This is no receipt of this service.',
  unknown_key: 'The receipt was signed by a key that this service does not know.',
  bad_signature: 'The signature of the receipt is false.',
};

/**
 * Redeems a receipt: for each of its leaves a proof that it is in the signed log, or that it is not yet there and when to
 * come again, or a finding. At most 256 leaves at once, from `from` on; of a large delivery, whose receipt has only the root
 * over its leaves, the first piece compares that root with all that is held, and the pieces together give it again. A Problem `rejected` for what is no receipt of ours.
 */
export async function redeemReceipt(deps: RedeemDeps, receipt: string, from: number): Promise<Redeemed> {
  const read = verifyReceipt(receipt, deps.keys);
  if (!read.ok) throw new Problem('rejected', FAULTS[read.fault], { reason: read.fault });
  const { payload } = read;
  if (payload.iss !== logOriginOf(deps.tenant) || payload.tenant !== deps.tenant)
    throw new Problem('rejected', 'The receipt is of another log.', { reason: 'wrong_origin' });
  if (!deps.trusted) throw unknownSigner();
  const total = leafCountOf(payload);
  if (from >= total)
    throw new Problem('invalid_request', `The receipt has ${total} leaves, numbered from 0.`, { path: 'from' });
  const place = { topic: payload.topic, partition: payload.partition, sourceEpoch: payload.source_epoch };
  const checkpoint = await readSigned(deps.reader, deps.trusted);
  const asked = await leavesOf(deps.reader, place, payload, from);
  const proved = await proveLeaves(deps.reader, place, asked.leaves, checkpoint);
  const age = deps.now() / 1_000_000 - payload.iat;
  const leaves = (asked.findings ?? proved.leaves).map((leaf) => judge(leaf, age));
  const state = stateOf(leaves);
  const end = from + leaves.length;
  return {
    state,
    ...(leaves.some((leaf) => leaf.state === 'not_yet') ? { retry_after_s: RETRY_SECONDS } : {}),
    topic: payload.topic,
    partition: payload.partition,
    offset: payload.offset,
    leaf_count: total,
    from,
    next: end < total ? end : null,
    leaves,
    ...(proved.head ? { head: proved.head } : {}),
    ...(proved.checkpoint === undefined ? {} : { checkpoint: proved.checkpoint }),
  };
}

/** The leaves that are asked about. Of a large delivery the receipt has only the root over them: the store's must agree. */
async function leavesOf(
  reader: Reader,
  place: StoredPartition,
  payload: ReceiptPayload,
  from: number,
): Promise<{ leaves: readonly AskedLeaf[]; findings?: readonly ProvedLeaf[] }> {
  const to = Math.min(leafCountOf(payload), from + MAX_LISTED_LEAVES);
  const offsets = Array.from({ length: to - from }, (_, index) => payload.offset + from + index);
  if ('leaves' in payload)
    return {
      leaves: offsets.map((offset) => ({
        offset,
        leaf: Buffer.from(payload.leaves[offset - payload.offset] ?? '', 'hex'),
      })),
    };
  // The whole is compared once, with the first piece: to read it for each piece would cost its square.
  const isFirst = from === 0;
  const range: [number, number] = isFirst
    ? [payload.offset, payload.offset + payload.leaf_count - 1]
    : [payload.offset + from, payload.offset + to - 1];
  const stored = await readLeavesOfRanges(reader, place, [range]);
  const byOffset = new Map(stored.map((one) => [one.offset, one.leaf]));
  const leaves = offsets.map((offset) => ({ offset, leaf: byOffset.get(offset) ?? Buffer.alloc(32) }));
  if (byOffset.size < range[1] - range[0] + 1)
    return { leaves, findings: offsets.map((offset) => ({ offset, state: 'not_yet' })) };
  const inOrder = stored.toSorted((a, b) => a.offset - b.offset).map(({ leaf }) => leaf);
  if (!isFirst || rootOfLeaves(inOrder).toString('hex') === payload.leaves_root) return { leaves };
  const message = 'The leaves of this delivery are not those that were promised.';
  return { leaves, findings: offsets.map((offset) => finding(offset, 'leaf_differs', message)) };
}

function judge(leaf: ProvedLeaf, ageSeconds: number): ProvedLeaf {
  if (leaf.state !== 'not_yet' || ageSeconds <= OVERDUE_SECONDS) return leaf;
  const message = 'This was promised more than an hour ago and is still not in the signed log.';
  return finding(leaf.offset, 'overdue', message);
}

function stateOf(leaves: readonly ProvedLeaf[]): Redeemed['state'] {
  if (leaves.some(({ state }) => state === 'finding')) return 'finding';
  return leaves.some(({ state }) => state === 'not_yet') ? 'not_yet' : 'included';
}
