import { logOriginOf } from '../../ledger/checkpoint.ts';
import type { Checkpoint } from '../../ledger/checkpoint.ts';
import { headLeaf, verifyCheckpoint } from '../../ledger/verify-evidence.ts';
import type { TrustedLog } from '../../ledger/verify-evidence.ts';
import { isConsistent, isIncluded } from '../../ledger/verify-path.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import { findLeafDays } from '../../store/queries/find-leaf-days.ts';
import type { LeafSpanRow } from '../../store/queries/find-leaf-days.ts';
import { findReceivedEnds } from '../../store/queries/find-record-bytes.ts';
import type { Reader } from '../../store/query.ts';
import { findCheckpointsBefore, findFirstHeads } from '../../store/trees/find-covering.ts';
import { readCheckpoint, readHeadsAt } from '../../store/trees/heads.ts';
import type { SignedCheckpoint, TreeHead } from '../../store/trees/heads.ts';
import { readConsistency, readInclusions } from '../../store/trees/proofs.ts';
import { readStepsAcross } from '../../store/trees/steps.ts';
import type { TreeStep } from '../../store/trees/steps.ts';
import { coveringCheckpoint } from '../log/covering.ts';
import { recomputeTree } from '../log/recompute-tree.ts';
import type { LedgerAnswer, LedgerEvidence, RecordDay } from './period-figures.ts';

export interface LedgerEvidenceDeps {
  readonly reader: Reader;
  readonly policy: Policy;
  /** The keys that sign checkpoints, from where they are published and not from the store. */
  readonly keys: Pick<TrustedLog, 'verifiers'>;
}

interface Period {
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
}

/** The stretch of a tree that the records of a day lie in, with the head that covers it; leaves `[from, to)`. */
interface Span extends RecordDay {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly head?: TreeHead;
  /** The head that covers one leaf more, where that leaf is looked at too. */
  readonly beyond?: TreeHead;
}

const NO_CHECKPOINT = 'No signed checkpoint covers the records of that day';

/**
 * What the signed log says of the records of a period (T-32): for each day the tree is computed again from the stored
 * leaves and compared with the first head that covers it; that head must stand in the log of checkpoints, and the checkpoint
 * must be signed by a key of this log. Judged against the first checkpoint that covers all that was received by the
 * as-of, so a later run gives the same. Undefined where nothing was ever signed.
 */
export async function readLedgerEvidence(
  deps: LedgerEvidenceDeps,
  period: Period,
): Promise<LedgerEvidence | undefined> {
  const { reader, policy, keys } = deps;
  const { tenant } = policy;
  const trusted = { origin: logOriginOf(tenant), verifiers: keys.verifiers };
  const asOfMs = Math.floor(period.asOf / 1_000);
  const stored = await coveringCheckpoint(reader, await reader.read(findReceivedEnds(tenant, asOfMs)), 1);
  if (!stored) return undefined;
  const { checkpoint, findings } = verifyCheckpoint(stored.note, trusted);
  if (!checkpoint || checkpoint.size !== stored.size || !checkpoint.root.equals(stored.root))
    return refuting(findings[0]?.message ?? 'The stored checkpoint is not what its signature says');
  const rows = await reader.read(findLeafDays(tenant, period.from, period.to, asOfMs));
  const spans = await readSpans(reader, rows, checkpoint);
  const answers = await judgeSpans(reader, spans, checkpoint);
  const kept = (policy.kept_checkpoints ?? []).map(({ kept_by: by, note }) => ({ by, ...verifyCheckpoint(note, trusted) })); // prettier-ignore
  const consistent = await judgeCheckpoints(reader, stored, trusted, kept.flatMap((one) => one.checkpoint ?? [])); // prettier-ignore
  return {
    covers: (day) => answers.get(nameOf(day)) ?? { truth: 'unknown', why: NO_CHECKPOINT },
    consistent,
    anchored(day) {
      if (kept.length === 0)
        return { truth: 'unknown', why: 'No checkpoint is registered as kept out of reach of the administrators (kept_checkpoints of the policy)' }; // prettier-ignore
      const bad = kept.find((one) => !one.checkpoint);
      if (bad) return { truth: false, why: `What ${bad.by} keeps cannot be verified: ${bad.findings[0]?.message ?? 'no checkpoint'}` }; // prettier-ignore
      const own = spans.filter((span) => nameOf(span) === nameOf(day));
      const size = Math.max(...kept.map((one) => one.checkpoint?.size ?? 0));
      const isCovered = own.length > 0 && own.every(({ head }) => head !== undefined && head.place < size);
      return isCovered ? { truth: true } : { truth: 'unknown', why: 'No checkpoint that others keep covers the records of that day' }; // prettier-ignore
    },
  };
}

/** Where the checkpoint itself cannot be believed, nothing of it can. */
function refuting(why: string): LedgerEvidence {
  const answer: LedgerAnswer = { truth: false, why };
  return { covers: () => answer, consistent: answer, anchored: () => ({ truth: 'unknown' }) };
}

/** The days as stretches of trees; a record that no step of its tree holds makes its day end beyond every head. */
async function readSpans(
  reader: Reader,
  rows: readonly LeafSpanRow[],
  checkpoint: Checkpoint,
): Promise<readonly Span[]> {
  const spans: Span[] = [];
  for (const own of groupBy(rows, (row) => `${row.topic}/${row.partition}`)) {
    const [tree] = own;
    if (!tree) continue;
    const placed = (await Promise.all(groupBy(own, (row) => String(row.source_epoch)).map((list) => place(reader, list)))).flat(); // prettier-ignore
    const sizes = placed.flatMap(({ to }) => [to, to + 1]);
    const found = await reader.read(findFirstHeads(tree, sizes, checkpoint.size));
    const places = new Map(found.map(({ wanted, place: at }) => [wanted, at]));
    const heads = new Map((await readHeadsAt(reader, [...new Set(places.values())])).map((head) => [head.place, head]));
    const starts = new Set(placed.map((span) => span.from));
    for (const span of placed) {
      const head = heads.get(places.get(span.to) ?? -1);
      // Where no other day goes on, one leaf more is looked at, if there is one: a record that was taken out at the end of
      // the day would not be missed else.
      const beyond = starts.has(span.to) ? undefined : heads.get(places.get(span.to + 1) ?? -1);
      spans.push({ ...span, ...(head ? { head } : {}), ...(beyond ? { beyond, to: span.to + 1 } : {}) });
    }
  }
  return spans;
}

async function place(reader: Reader, rows: readonly LeafSpanRow[]): Promise<readonly Span[]> {
  const [one] = rows;
  if (!one) return [];
  const at = { topic: one.topic, sourceEpoch: one.source_epoch, partition: one.partition };
  const first = Math.min(...rows.map((row) => row.first));
  const last = Math.max(...rows.map((row) => row.last));
  const steps = await readStepsAcross(reader, at, first, last);
  return rows.map(({ topic, partition, instance, day, ...offsets }) => ({
    family: topic,
    instance,
    day,
    topic,
    partition,
    from: leafAt(steps, offsets.first) ?? 0,
    to: (leafAt(steps, offsets.last) ?? Number.MAX_SAFE_INTEGER - 2) + 1,
  }));
}

function leafAt(steps: readonly TreeStep[], offset: number): number | undefined {
  const step = steps.find((one) => one.firstOffset <= offset && offset <= one.lastOffset);
  return step?.kind === 'records' ? step.leafFrom + offset - step.firstOffset : undefined;
}

/** An answer for each day by its name: true only if every stretch of it is as signed. */
async function judgeSpans(
  reader: Reader,
  spans: readonly Span[],
  checkpoint: Checkpoint,
): Promise<ReadonlyMap<string, LedgerAnswer>> {
  const answers = new Map<string, LedgerAnswer>();
  for (const own of groupBy(spans, (span) => `${span.topic}/${span.partition}`)) {
    const [tree] = own;
    const heads = [
      ...new Map(
        own.flatMap(({ head, beyond }) => [head, beyond].flatMap((one) => (one ? [[one.place, one]] : []))),
      ).values(),
    ] as TreeHead[];
    const fault = await faultOfHeads(reader, heads, checkpoint);
    const covered = own.filter(({ head }) => head !== undefined);
    const from = Math.min(...covered.map((span) => span.from));
    const segments = tree && fault === undefined ? await recomputeTree(reader, tree, from, heads) : [];
    for (const span of own) {
      const bad = segments.find((one) => one.fault !== undefined && one.from < span.to && span.from < one.to);
      const why = fault ?? bad?.fault;
      const answer: LedgerAnswer =
        span.head === undefined
          ? { truth: 'unknown', why: NO_CHECKPOINT }
          : why === undefined
            ? { truth: true }
            : { truth: false, why: `${span.topic}/${span.partition}: ${why}` };
      answers.set(nameOf(span), worse(answers.get(nameOf(span)), answer));
    }
  }
  return answers;
}

/** Why heads cannot be believed: each must stand, as it is, in the log of checkpoints that was signed. */
async function faultOfHeads(
  reader: Reader,
  heads: readonly TreeHead[],
  checkpoint: Checkpoint,
): Promise<string | undefined> {
  const places = heads.map((head) => head.place);
  const paths =
    heads.length === 0 ? [] : await provable(readInclusions(reader, 'checkpoints', checkpoint.size, places));
  if (!paths) return 'A node of the log of checkpoints is not held';
  const wrong = heads.find((head, index) => !isIncluded(headLeaf(head), head.place, checkpoint.size, paths[index] ?? [], checkpoint.root)); // prettier-ignore
  return wrong && `The head of size ${wrong.size} does not stand in the log of checkpoints that was signed`;
}

/** Whether the checkpoints that were signed before, and those that others keep, are the beginning of this one. */
async function judgeCheckpoints(
  reader: Reader,
  stored: SignedCheckpoint,
  trusted: { readonly origin: string; readonly verifiers: readonly string[] },
  kept: readonly Checkpoint[],
): Promise<LedgerAnswer> {
  const [before] = await reader.read(findCheckpointsBefore(stored.size));
  const sizes = [...new Set([before?.first, before?.last])].filter((size) => typeof size === 'number');
  const earlier: Checkpoint[] = [...kept];
  for (const size of sizes) {
    const found = await readCheckpoint(reader, size);
    const { checkpoint, findings } = verifyCheckpoint(found?.note, trusted);
    if (!checkpoint || checkpoint.size !== size)
      return { truth: false, why: `The checkpoint of size ${size}: ${findings[0]?.message ?? 'another is held'}` };
    earlier.push(checkpoint);
  }
  for (const one of earlier) {
    const [first, second] = one.size <= stored.size ? [one, stored] : [stored, one];
    const path = await provable(readConsistency(reader, 'checkpoints', first.size, second.size));
    if (!path || !isConsistent(first.size, first.root, second.size, second.root, path))
      return { truth: false, why: `The checkpoint of size ${first.size} is not the beginning of the one of size ${second.size}` }; // prettier-ignore
  }
  return { truth: true };
}

/** A proof made of stored nodes; undefined where one of them is not held. Any other failure stays one. */
async function provable<Proof>(proof: Promise<Proof>): Promise<Proof | undefined> {
  return proof.catch((error: unknown) => {
    const facts = (error as { facts?: Readonly<Record<string, unknown>> }).facts;
    if (facts?.['level'] !== undefined) return undefined;
    throw error;
  });
}

function worse(a: LedgerAnswer | undefined, b: LedgerAnswer): LedgerAnswer {
  const rank = (one: LedgerAnswer): number => [true, 'unknown' as const, false].indexOf(one.truth);
  return a && rank(a) >= rank(b) ? a : b;
}

function nameOf({ family, instance, day }: RecordDay): string {
  return JSON.stringify([family, instance, day]);
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): readonly (readonly Value[])[] {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const list = groups.get(keyOf(value));
    if (list) list.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return [...groups.values()];
}
