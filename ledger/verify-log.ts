import type { Checkpoint } from './checkpoint.ts';
import { commitOf, entryOf, frameHeaders, hashLeaf, originOf } from './leaf.ts';
import type { LeafContent } from './leaf.ts';
import { createTree } from './tree.ts';
import type { LedgerFinding } from './verify-evidence.ts';

/** A record of a partition, with what its leaf was made of. */
export interface LogEntry extends LeafContent {
  readonly offset: number;
  /** When the log received it, Unix milliseconds. */
  readonly timestampMs: number;
  readonly salt: Uint8Array;
  /** The leaf that stands beside the record, where one does: then a difference is named by its offset. */
  readonly leaf?: Uint8Array;
}

/** A range of offsets that the log does not hold. */
export interface LogGap {
  readonly offset: number;
  readonly lastOffset: number;
  readonly reason: string;
  readonly salt: Uint8Array;
}

/** Takes a whole partition in the order of offsets, in memory that does not grow with it. */
export interface LogVerifier {
  add(entry: LogEntry | LogGap): void;
  /** What is wrong. Empty: these are the records and gaps of the head, every byte of them, and no others before its end. */
  finish(): readonly LedgerFinding[];
}

const MAX_FINDINGS = 100;

/**
 * Verifies a partition from raw bytes: each leaf is computed again, offsets must follow without a hole, and the tree must
 * have had the root of `head`, which the caller has verified, at its size. What lies behind that size is not judged.
 */
export function createLogVerifier(
  place: { readonly tenant: string; readonly topic: string; readonly partition: number; readonly sourceEpoch: number },
  head: Checkpoint,
): LogVerifier {
  const findings: LedgerFinding[] = [];
  const tree = createTree();
  let next: number | undefined;
  let root = head.size === 0 ? tree.root() : undefined;
  const note = (code: LedgerFinding['code'], message: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push({ code, message });
  };
  if (head.origin !== originOf(place)) note('wrong_origin', `The head is of ${head.origin}.`);
  return {
    add(entry) {
      if (tree.size() === head.size) return;
      if (next !== undefined && entry.offset !== next)
        note('not_contiguous', `Offset ${entry.offset} stands where ${next} should.`);
      next = ('lastOffset' in entry ? entry.lastOffset : entry.offset) + 1;
      const leaf = leafOfEntry(place, entry);
      if ('leaf' in entry && entry.leaf && !leaf.equals(entry.leaf))
        note('leaf_differs', `The record at offset ${entry.offset} is not the one that its leaf stands for.`);
      tree.append(leaf);
      if (tree.size() === head.size) root = tree.root();
    },
    finish() {
      if (!root) note('incomplete', `There are ${tree.size()} leaves of ${head.size}.`);
      else if (!root.equals(head.root)) note('root_differs', `The records do not have the root of ${head.origin}.`);
      return findings;
    },
  };
}

function leafOfEntry(
  place: { readonly tenant: string; readonly topic: string; readonly partition: number; readonly sourceEpoch: number },
  entry: LogEntry | LogGap,
): Buffer {
  const at = { ...place, offset: entry.offset };
  if (!('lastOffset' in entry))
    return hashLeaf(entryOf(at, 'record', entry.timestampMs, commitOf(entry.salt, entry).toString('hex')));
  const value = Buffer.from(`${entry.offset}\n${entry.lastOffset}\n${entry.reason}\n`, 'utf8');
  const content = { key: Buffer.alloc(0), value, headers: NO_HEADERS };
  return hashLeaf(entryOf(at, 'gap', 0, commitOf(entry.salt, content).toString('hex')));
}

const NO_HEADERS = frameHeaders([]);
