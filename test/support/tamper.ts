import { generateKeyPairSync } from 'node:crypto';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import type { Checkpoint } from '../../ledger/checkpoint.ts';
import { frameHeaders, leafOf, saltOf } from '../../ledger/leaf.ts';
import { signNote, verifierKeyOf } from '../../ledger/note.ts';
import { headLeaf, verifyCheckpoint, verifyConsistency, verifyHead } from '../../ledger/verify-evidence.ts';
import { createLogVerifier } from '../../ledger/verify-log.ts';
import type { LogEntry, LogGap } from '../../ledger/verify-log.ts';
import { createMemoryTree } from './memory-tree.ts';
import { knownKey } from './tree-vectors.ts';

const SALT_KEY = Buffer.alloc(32, 5);
const PLACE = { tenant: 'acme', topic: 'okta.log', partition: 0, sourceEpoch: 1 };
const ORIGIN = 'custody.acme/okta.log/0';
const KEY = knownKey();
const TRUSTED = { origin: 'custody.acme', verifiers: [verifierKeyOf('custody.acme', KEY.publicKey)] };

/** What an auditor is given: records and gaps, a signed checkpoint, and how it continues the one that he holds. */
interface Given {
  entries: (LogEntry | LogGap)[];
  head: Checkpoint;
  checkpoint: string;
  headProof: unknown;
  consistency: unknown;
}

const KINDS = ['change', 'delete', 'insert', 'swap', 'truncate', 're-sign', 're-sign with the key'] as const;
export type TamperKind = (typeof KINDS)[number];

/** How many trials of each kind there were, and which were not found. */
export interface TamperResult {
  readonly trials: Readonly<Record<TamperKind, number>>;
  readonly missed: readonly string[];
}

/** The history of a partition as its owner has it: 60 records and two gaps, signed when 40 leaves were there and again at the end. */
function makeHistory(): { entries: (LogEntry | LogGap)[]; held: Checkpoint } {
  const entries: (LogEntry | LogGap)[] = [];
  for (let offset = 0; entries.length < 62; offset += 1) {
    const salt = saltOf(SALT_KEY, { ...PLACE, offset });
    if (offset === 14 || offset === 55) {
      entries.push({ offset, lastOffset: offset + 4, reason: 'control_or_aborted', salt });
      offset += 4;
      continue;
    }
    const content = {
      key: Buffer.from('acme.okta.example'),
      value: Buffer.from(JSON.stringify({ uuid: `e${offset}`, eventType: 'user.session.start', n: offset * 7 })),
      headers: frameHeaders([['x-custody-source', 'okta.log']]),
    };
    const timestampMs = 1_767_225_600_000 + offset;
    entries.push({ offset, timestampMs, salt, ...content, leaf: leafOf(SALT_KEY, { ...PLACE, offset }, 'record', timestampMs, content).leaf }); // prettier-ignore
  }
  return { entries, held: headOf(entries.slice(0, 40)) };
}

/** The root that somebody who has salts and code can give any records he likes. */
function headOf(entries: readonly (LogEntry | LogGap)[]): Checkpoint {
  const tree = createMemoryTree();
  for (const entry of entries) tree.append(leafAgain(entry));
  return { origin: ORIGIN, size: tree.size(), root: tree.root() };
}

function leafAgain(entry: LogEntry | LogGap): Buffer {
  const place = { ...PLACE, offset: entry.offset };
  if ('lastOffset' in entry) {
    const value = Buffer.from(`${entry.offset}\n${entry.lastOffset}\n${entry.reason}\n`);
    return leafOf(SALT_KEY, place, 'gap', 0, { key: Buffer.alloc(0), value, headers: frameHeaders([]) }).leaf;
  }
  return leafOf(SALT_KEY, place, 'record', entry.timestampMs, entry).leaf;
}

function sign(entries: (LogEntry | LogGap)[], held: Checkpoint, key = KEY.privateKey): Given {
  const head = headOf(entries);
  const partition = createMemoryTree();
  for (const entry of entries) partition.append(leafAgain(entry));
  const top = createMemoryTree();
  top.append(headLeaf(held));
  top.append(headLeaf(head));
  const text = formatCheckpoint({ origin: 'custody.acme', size: 2, root: top.root() });
  const hex = (hashes: readonly Buffer[]): string[] => hashes.map((hash) => hash.toString('hex'));
  const end = { size: head.size, root: head.root.toString('hex') };
  return {
    entries,
    head,
    checkpoint: signNote(text, 'custody.acme', key),
    headProof: { origin: ORIGIN, ...end, index: 1, path: hex(top.inclusion(2, 1)) },
    consistency: {
      origin: ORIGIN,
      first: { size: held.size, root: held.root.toString('hex') },
      second: end,
      path: head.size >= held.size ? hex(partition.consistency(held.size, head.size)) : [],
    },
  };
}

/** Everything that an auditor checks; true where he finds something. */
function isFound({ entries, head, checkpoint, headProof, consistency }: Given, held: Checkpoint): boolean {
  const verified = verifyCheckpoint(checkpoint, TRUSTED);
  if (!verified.checkpoint || verifyHead(headProof, verified.checkpoint).length > 0) return true;
  const log = createLogVerifier(PLACE, head);
  for (const entry of entries) log.add(entry);
  return log.finish().length > 0 || verifyConsistency(consistency, held, head).length > 0;
}

/**
 * Tampers with a history in random ways, so many times, each below the signed checkpoint, and asks whether it is found.
 * Whoever re-signs with the stolen key rewrites everything consistently; what he cannot change is the earlier checkpoint
 * that somebody holds, so what he alters lies below it.
 */
export function runTamperTrials(trials: number, random: () => number): TamperResult {
  const below = (limit: number): number => Math.floor(random() * limit);
  const { entries, held } = makeHistory();
  const honest = sign(entries, held);
  if (isFound(honest, held)) throw new Error('the untouched history is not found whole');
  const thief = generateKeyPairSync('ed25519').privateKey;
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<TamperKind, number>;
  const missed: string[] = [];
  for (let trial = 0; trial < trials; trial += 1) {
    const kind = KINDS[trial % KINDS.length] ?? 'change';
    const limit = kind === 're-sign with the key' ? held.size : entries.length;
    // Whoever signs anew has altered something first, in any of the other ways.
    const way = kind.startsWith('re-sign') ? (KINDS[below(5)] ?? 'change') : kind;
    const [tampered, what] = tamper(entries, way, limit, below);
    const given =
      kind === 're-sign' ? sign(tampered, held, thief) : kind === 're-sign with the key' ? sign(tampered, held) : { ...honest, entries: tampered }; // prettier-ignore
    counts[kind] += 1;
    if (!isFound(given, held)) missed.push(`${kind}: ${way} ${what}`);
  }
  return { trials: counts, missed };
}

function tamper(
  entries: readonly (LogEntry | LogGap)[],
  kind: TamperKind,
  limit: number,
  below: (limit: number) => number,
): [(LogEntry | LogGap)[], string] {
  const at = below(limit);
  const entry = entries[at] as LogEntry | LogGap;
  if (kind === 'delete') return [entries.toSpliced(at, 1), `${at}`];
  if (kind === 'truncate') return [entries.slice(0, at), `${at}`];
  if (kind === 'insert') {
    const copy = { ...(entries[below(limit)] as LogEntry | LogGap) };
    return [entries.toSpliced(at, 0, below(2) === 0 ? copy : { ...copy, offset: entry.offset }), `${at}`];
  }
  if (kind === 'swap') {
    const other = (at + 1 + below(limit - 1)) % limit;
    return [entries.with(at, entries[other] as LogEntry | LogGap).with(other, entry), `${at} and ${other}`];
  }
  const [changed, what] = changeOne(entry, below);
  return [entries.with(at, changed), `${at}: ${what}`];
}

/** The same entry with one thing changed, and its leaf made to fit where there is one, as a careful forger would. */
function changeOne(entry: LogEntry | LogGap, below: (limit: number) => number): [LogEntry | LogGap, string] {
  const flip = (bytes: Uint8Array): Buffer => {
    const copy = Buffer.from(bytes);
    const at = below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(8));
    return copy;
  };
  if ('lastOffset' in entry) {
    const ways = [
      { ...entry, lastOffset: entry.lastOffset + 1 + below(9) },
      { ...entry, reason: `${entry.reason}x` },
      { ...entry, offset: entry.offset + 1 },
    ];
    const way = below(ways.length);
    return [ways[way] ?? entry, `gap, way ${way}`];
  }
  const ways: LogEntry[] = [
    { ...entry, value: flip(entry.value) },
    { ...entry, key: flip(entry.key) },
    { ...entry, headers: flip(entry.headers) },
    { ...entry, timestampMs: entry.timestampMs + 1 + below(1_000) },
    { ...entry, offset: entry.offset + 1 + below(1_000) },
    { ...entry, value: Buffer.concat([entry.value, Buffer.from(' ')]) },
    { ...entry, value: entry.value.subarray(1), key: Buffer.concat([entry.key, entry.value.subarray(0, 1)]) },
  ];
  const way = below(ways.length);
  const changed = ways[way] ?? entry;
  return [below(2) === 0 ? { ...changed, leaf: leafAgain(changed) } : changed, `record, way ${way}`];
}
