import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { ConsistencyProof, Evidence, LogKeys } from '../../ledger/evidence.ts';
import { parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote } from '../../ledger/note.ts';
import { verifyReceipt } from '../../ledger/receipt.ts';
import { fromJwk } from '../../ledger/signing-key.ts';
import { createTree } from '../../ledger/tree.ts';
import {
  verifyCheckpoint,
  verifyConsistency,
  verifyEvidence,
  verifyHead,
  verifyLeaf,
} from '../../ledger/verify-evidence.ts';
import type { Redeemed } from '../../query/log/redeem.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { cloudtrailEvent } from '../support/cloudtrail-records.ts';
import { POLICY, SECRETS } from '../support/intake.ts';
import { ownStore } from '../support/own-store.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let custody: Custody;

const open = (): Promise<Custody> =>
  openCustody({ folder: join(folder.path, 'data'), policy: POLICY, secrets: secretsFrom(SECRETS), oidc: undefined, version: '0', logTo: 'nowhere' }); // prettier-ignore

beforeAll(async () => {
  folder = await tempFolder();
  await mkdir(join(folder.path, 'data'), { recursive: true });
  custody = await open();
}, 300_000);
afterAll(async () => {
  await custody.close();
  await folder.remove();
});

async function get<Answer>(url: string): Promise<Answer> {
  const answer = await custody.app.inject({ url, headers: { authorization: `Bearer ${custody.token}` } });
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${answer.body}`);
  return (
    String(answer.headers['content-type']).startsWith('application/json') ? answer.json() : answer.body
  ) as Answer;
}

async function push(from: number, to: number): Promise<{ receipt: string; accepted: number }> {
  // Every third made-up event is of the account that the policy registers.
  const Records = Array.from({ length: to - from }, (_, index) => cloudtrailEvent((from + index) * 3));
  const answer = await custody.app.inject({
    method: 'POST',
    url: '/v1/ingest/aws.cloudtrail',
    headers: { authorization: `Bearer ${SECRETS.trail}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ Records }),
  });
  expect(answer.statusCode, answer.body).toBe(202);
  return answer.json();
}

async function redeem(receipt: string, from?: number): Promise<{ status: number; body: Redeemed }> {
  const payload = from === undefined ? { receipt } : { receipt, from };
  const answer = await custody.app.inject({ method: 'POST', url: '/v1/log/redeem', payload });
  return { status: answer.statusCode, body: answer.json() };
}

async function trusted(): Promise<LogKeys> {
  return get<LogKeys>('/v1/log/keys');
}

describe('from receipt to proof', () => {
  test('a receipt is redeemed for proofs that hold against the published keys alone', async () => {
    const keys = await trusted();
    const { receipt } = await push(0, 5);
    const read = verifyReceipt(receipt, keys.keys.flatMap((jwk) => fromJwk(jwk) ?? [])); // prettier-ignore
    if (!read.ok || !('leaves' in read.payload)) throw new Error('no receipt');
    expect(read.payload).toMatchObject({ iss: 'custody.acme', tenant: 'acme', topic: 'aws.cloudtrail', partition: 0, source_epoch: 1, offset: 0 }); // prettier-ignore
    const early = await redeem(receipt);
    expect(['not_yet', 'included']).toContain(early.body.state);
    await custody.signed();
    const { body } = await redeem(receipt);
    expect(body).toMatchObject({ state: 'included', leaf_count: 5, from: 0, next: null });
    const { checkpoint, findings } = verifyCheckpoint(body.checkpoint, keys);
    expect(findings).toEqual([]);
    expect(checkpoint && verifyHead(body.head, checkpoint)).toEqual([]);
    for (const [index, leaf] of body.leaves.entries()) {
      if (leaf.state !== 'included' || !body.head) throw new Error(leaf.state);
      expect(leaf.proof.leaf).toBe(read.payload.leaves[index]);
      expect(verifyLeaf(leaf.proof, body.head)).toEqual([]);
    }
  });

  test('what the door promised is what the store holds, record by record', async () => {
    const { receipt } = await push(5, 9);
    const [, body = ''] = receipt.split('.');
    const payload = JSON.parse(Buffer.from(body, 'base64url').toString()) as { offset: number; leaves: string[] };
    await custody.settled();
    const sql = `SELECT lower(hex(leaf)) FROM records WHERE topic = 'aws.cloudtrail' AND offset >= ${payload.offset} ORDER BY offset FORMAT TSVRaw`;
    const stored = (await ownStore(custody).writer.bytes({ sql, params: {} })).toString().trim().split('\n');
    expect(payload.leaves).toEqual(stored);
  });

  test('of a large delivery the receipt has the root, and proofs come in pieces', async () => {
    const { receipt, accepted } = await push(100, 400);
    expect(accepted).toBe(300);
    expect(receipt.length).toBeLessThan(600);
    await custody.settled();
    await custody.signed();
    const first = await redeem(receipt);
    expect(first.body).toMatchObject({ state: 'included', leaf_count: 300, from: 0, next: 256 });
    const second = await redeem(receipt, 256);
    expect(second.body).toMatchObject({ state: 'included', from: 256, next: null });
    const tree = createTree();
    for (const leaf of [...first.body.leaves, ...second.body.leaves])
      tree.append(Buffer.from(leaf.state === 'included' ? leaf.proof.leaf : '', 'hex'));
    const payload = JSON.parse(Buffer.from(receipt.split('.')[1] ?? '', 'base64url').toString()) as {
      leaves_root: string;
    };
    expect(tree.root().toString('hex')).toBe(payload.leaves_root);
    expect((await redeem(receipt, 300)).status).toBe(400);
  });

  test('what is no receipt of ours is refused, each with its reason', async () => {
    const { receipt } = await push(9, 10);
    const [head = '', , signature = ''] = receipt.split('.');
    const body = Buffer.from(JSON.stringify({ iss: 'custody.acme' })).toString('base64url');
    expect(await redeem(`${head}.${body}.${signature}`)).toMatchObject({
      status: 422,
      body: { reason: 'bad_signature' },
    });
    expect(await redeem('a.b.c')).toMatchObject({ status: 422, body: { reason: 'malformed' } });
    expect((await redeem('')).status).toBe(400);
    expect((await redeem('x'.repeat(70_000))).status).toBe(413);
  });
});

describe('what others verify', () => {
  test('an event comes with its proof, and so does a record by its place', async () => {
    await custody.settled();
    await custody.signed();
    const keys = await trusted();
    const proof = await get<Evidence & { state: string }>('/v1/log/proof?topic=aws.cloudtrail&partition=0&offset=3');
    const { state, ...evidence } = proof;
    expect(state).toBe('included');
    expect(verifyEvidence(evidence, keys)).toEqual([]);
    const { events } = await get<{ events: { event: string }[] }>('/v1/events?limit=1');
    const detail = await get<{ record: { leaf: string }; proof: Evidence & { state: string } }>(`/v1/events/${encodeURIComponent(events[0]?.event ?? '')}`); // prettier-ignore
    expect(detail.proof.state).toBe('included');
    expect(detail.proof.leaf.leaf).toBe(detail.record.leaf);
    const { state: _, ...own } = detail.proof;
    expect(verifyEvidence(own, keys)).toEqual([]);
  });

  test('an earlier checkpoint is the beginning of a later one', async () => {
    const keys = await trusted();
    const held = verifyCheckpoint(await get<string>('/v1/log/checkpoint'), keys).checkpoint;
    await push(500, 510);
    await custody.settled();
    await custody.signed();
    const later = verifyCheckpoint(await get<string>('/v1/log/checkpoint'), keys).checkpoint;
    if (!held || !later) throw new Error('no checkpoint');
    expect(later.size).toBeGreaterThan(held.size);
    const proof = await get<ConsistencyProof>(`/v1/log/proof?from=${held.size}&to=${later.size}`);
    expect(verifyConsistency(proof, held, later)).toEqual([]);
    expect(verifyConsistency(proof, { ...held, root: later.root }, later)).not.toEqual([]);
  });

  test('tiles give the tree again, and nothing that is not signed', async () => {
    const head = parseCheckpoint(await get<string>('/v1/log/aws.cloudtrail/0/checkpoint'));
    if (!head) throw new Error('no head');
    const tree = createTree();
    for (let place = 0; place * 256 < head.size; place += 1) {
      const width = Math.min(256, head.size - place * 256);
      const url = `/v1/log/aws.cloudtrail/0/tile/0/${String(place).padStart(3, '0')}${width === 256 ? '' : `.p/${width}`}`;
      const answer = await custody.app.inject({ url, headers: { authorization: `Bearer ${custody.token}` } });
      expect(answer.rawPayload.length).toBe(width * 32);
      for (let at = 0; at < width; at += 1) tree.append(answer.rawPayload.subarray(at * 32, at * 32 + 32));
    }
    expect(tree.root()).toEqual(head.root);
    for (const [url, status] of [['aws.cloudtrail/0/tile/0/009', 404], ['aws.cloudtrail/0/tile/0/x000/000', 400], ['aws.cloudtrail/0/tile/9/000', 400], ['nowhere/0/tile/0/000', 400], ['tile/0/000.p/256', 400], ['proof', 400], ['proof?offset=1', 400], ['proof?from=1&to=999999', 404], ['proof?topic=aws.cloudtrail&partition=0&offset=99999', 404]] as const) // prettier-ignore
      expect([url, (await custody.app.inject({ url: `/v1/log/${url}`, headers: { authorization: `Bearer ${custody.token}` } })).statusCode]).toEqual([url, status]); // prettier-ignore
  });
});

describe('the signer', () => {
  test('what was altered and sealed before is not found by the seal, but by every proof', async () => {
    const { receipt } = await push(600, 601);
    await custody.settled();
    await custody.signed();
    await ownStore(custody).writer.run("ALTER TABLE records UPDATE leaf = unhex(repeat('cd', 32)) WHERE topic = 'aws.cloudtrail' AND offset = 2 SETTINGS mutations_sync = 2"); // prettier-ignore
    expect(await get('/v1/log/proof?topic=aws.cloudtrail&partition=0&offset=2')).toMatchObject({ state: 'finding', code: 'leaf_differs' }); // prettier-ignore
    expect((await redeem(receipt)).body.state).not.toBe('not_yet');
  });

  test('signs no store that was put back or rewritten, also after a restart', async () => {
    const signed = JSON.parse(await readFile(join(folder.path, 'data', 'keys', 'signed.json'), 'utf8')) as {
      size: number;
    };
    const note = parseNote(await get<string>('/v1/log/checkpoint'));
    expect(parseCheckpoint(note?.text ?? '')?.size).toBe(signed.size);
    await custody.close();
    custody = await open();
    await custody.settled();
    await custody.signed();
    const sizes = (): Promise<Buffer> => ownStore(custody).writer.bytes({ sql: 'SELECT count() FROM checkpoints FORMAT TSVRaw', params: {} }); // prettier-ignore
    const before = String(await sizes());
    await ownStore(custody).writer.run(
      `ALTER TABLE checkpoints DELETE WHERE size >= ${signed.size} SETTINGS mutations_sync = 2`,
    );
    await ownStore(custody).writer.run(
      `ALTER TABLE tree_heads DELETE WHERE place >= ${signed.size - 1} SETTINGS mutations_sync = 2`,
    );
    const file = join(folder.path, 'data', 'keys', 'signed.json');
    const text = await readFile(file, 'utf8');
    await expect(custody.signed()).rejects.toMatchObject({ code: 'internal', facts: { integrity: true } });
    expect(Number(await sizes())).toBeLessThan(Number(before));
    await writeFile(file, text);
  });
});
