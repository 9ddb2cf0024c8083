import { z } from 'zod';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import type { Checkpoint } from '../../ledger/checkpoint.ts';
import { consistencyProofSchema, headProofSchema, leafProofSchema } from '../../ledger/evidence.ts';
import type { HeadProof, LeafProof } from '../../ledger/evidence.ts';
import { commitOf, frameHeaders, hashLeaf, sortHeaders } from '../../ledger/leaf.ts';
import { parseNote, verifyNote } from '../../ledger/note.ts';
import type { NoteVerifier } from '../../ledger/note.ts';
import { verifyConsistency, verifyHead, verifyLeaf } from '../../ledger/verify-evidence.ts';
import type { PackRecord } from '../pack/ledger-files.ts';
import type { Find } from './finding.ts';
import { readJsonFile, readJsonLines, readWhole } from './open-pack.ts';
import type { PackReader } from './open-pack.ts';

const whole = z.number().int().min(0);
const recordSchema = z.object({
  origin: z.string(),
  index: whole,
  source_epoch: whole,
  topic: z.string(),
  partition: whole,
  offset: whole,
  timestamp_ms: whole,
  type: z.literal('record'),
  salt: z.string(),
  key: z.string(),
  value: z.string(),
  headers: z.record(z.string(), z.string()),
}) satisfies z.ZodType<Omit<PackRecord, 'events'>>;

/** The text of a note whose signature is good; a finding with this prefix otherwise. */
export function openNote(
  note: string,
  keys: readonly NoteVerifier[],
  find: Find,
  where: string,
  prefix: 'signature' | 'checkpoint' | 'held_checkpoint',
): string | undefined {
  const parsed = parseNote(note);
  if (!parsed) {
    find(`${prefix}_malformed`, where, 'This is no signed note.');
    return undefined;
  }
  // A checkpoint is signed under the name of its log; a key of another name, such as that of a server, signs packs alone.
  const log = parsed.text.slice(0, parsed.text.indexOf('\n'));
  const state = verifyNote(parsed, prefix === 'signature' ? keys : keys.filter(({ name }) => name === log));
  if (state === 'verified') return parsed.text;
  if (state === 'bad_signature') find(`${prefix}_bad`, where, 'A signature does not fit what it stands under.');
  else find(`${prefix}_unknown_key`, where, 'No signature is of a key that is trusted here.');
  return undefined;
}

export interface LedgerCheck {
  readonly keys: readonly NoteVerifier[];
  readonly tenant: string | undefined;
  /** The checkpoint that the reader kept from before, as a signed note. */
  readonly held?: string;
}

/**
 * Whether the checkpoint is signed, the heads are in its log, and each record is what its leaf was made from and stands
 * in the tree of its partition. Gives sentences on what was shown.
 */
export async function verifyLedger(pack: PackReader, check: LedgerCheck, find: Find): Promise<readonly string[]> {
  const where = 'ledger/checkpoint.txt';
  const note = await readWhole(pack, where);
  if (!note) return ['This pack holds no checkpoint of the log: its records are not proved.'];
  const text = openNote(note.toString('utf8'), check.keys, find, where, 'checkpoint');
  if (text === undefined) return [];
  const checkpoint = parseCheckpoint(text);
  if (!checkpoint) {
    find('checkpoint_malformed', where, 'This is no checkpoint.');
    return [];
  }
  if (check.tenant !== undefined && checkpoint.origin !== `custody.${check.tenant}`)
    find('wrong_origin', where, `It is of ${checkpoint.origin}, the pack of tenant ${check.tenant}.`);
  const heads = await readHeads(pack, checkpoint, find);
  const proofs = new Map<string, LeafProof>();
  for await (const line of readJsonLines(pack, 'ledger/proofs.ndjson')) {
    const proof = leafProofSchema.parse(line);
    proofs.set(`${proof.origin} ${proof.index}`, proof);
  }
  let proved = 0;
  for await (const line of readJsonLines(pack, 'evidence/records.ndjson')) {
    const record = recordSchema.parse(line);
    if (verifyRecord(record, proofs.get(`${record.origin} ${record.index}`), heads.get(record.origin), find))
      proved += 1;
  }
  const shown = `${proved} records proved to be in the log of ${checkpoint.origin} at size ${checkpoint.size}.`;
  return check.held === undefined
    ? [shown]
    : [shown, ...(await verifyHeld(pack, checkpoint, check.held, check.keys, find))];
}

async function readHeads(
  pack: PackReader,
  checkpoint: Checkpoint,
  find: Find,
): Promise<ReadonlyMap<string, HeadProof>> {
  const heads = new Map<string, HeadProof>();
  for (const head of z.array(headProofSchema).parse((await readJsonFile(pack, 'ledger/heads.json')) ?? [])) {
    const findings = verifyHead(head, checkpoint);
    if (findings.length === 0) heads.set(head.origin, head);
    for (const { message } of findings) find('head_not_included', 'ledger/heads.json', message);
  }
  return heads;
}

function verifyRecord(
  record: z.output<typeof recordSchema>,
  proof: LeafProof | undefined,
  head: HeadProof | undefined,
  find: Find,
): boolean {
  const where = `${record.topic}/${record.partition}/${record.offset}`;
  if (!proof || !head) {
    find('proof_missing', where, 'This record has no proof.');
    return false;
  }
  if (leafOfRecord(record).toString('hex') !== proof.leaf) {
    find('record_changed', where, 'The record is not what its leaf was made from.');
    return false;
  }
  const [finding] = verifyLeaf(proof, head);
  if (finding) find('leaf_not_included', where, finding.message);
  return finding === undefined;
}

/** The leaf of a record as the pack carries it, by the hash that the ledger defines. */
function leafOfRecord(record: z.output<typeof recordSchema>): Buffer {
  const commit = commitOf(Buffer.from(record.salt, 'hex'), {
    key: Buffer.from(record.key, 'base64'),
    value: Buffer.from(record.value, 'base64'),
    headers: frameHeaders(sortHeaders(record.headers)),
  });
  const { origin, source_epoch: epoch, topic, partition, offset, timestamp_ms: time, type } = record;
  const fields = [origin, epoch, topic, partition, offset, time, type, commit.toString('hex')];
  return hashLeaf(`audit-leaf/v1\n${fields.join('\n')}\n`);
}

async function verifyHeld(
  pack: PackReader,
  later: Checkpoint,
  note: string,
  keys: readonly NoteVerifier[],
  find: Find,
): Promise<readonly string[]> {
  const where = 'the checkpoint given';
  const text = openNote(note, keys, find, where, 'held_checkpoint');
  const held = text === undefined ? undefined : parseCheckpoint(text);
  if (!held) return [];
  if (held.origin !== later.origin) {
    find('wrong_origin', where, `It is of ${held.origin}.`);
    return [];
  }
  const proofs = z.array(consistencyProofSchema).parse((await readJsonFile(pack, 'ledger/consistency.json')) ?? []);
  const proof =
    proofs.find((one) => one.first.size === held.size) ?? (held.size === later.size ? trivial(held, later) : undefined);
  if (!proof) {
    find('consistency_not_shown', where, `The pack holds no proof from size ${held.size}.`);
    return [];
  }
  const findings = verifyConsistency(proof, held, later);
  for (const { message } of findings) find('not_consistent', where, message);
  return findings.length > 0 ? [] : [`The log begins with what it was at the checkpoint given (size ${held.size}).`];
}

function trivial(held: Checkpoint, later: Checkpoint): z.output<typeof consistencyProofSchema> {
  const head = ({ size, root }: Checkpoint): { size: number; root: string } => ({ size, root: root.toString('hex') });
  return { origin: held.origin, first: head(held), second: head(later), path: [] };
}
