import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { remoteApi } from '../../cli/api.ts';
import type { CommandContext } from '../../cli/command.ts';
import { writeReport } from '../../cli/write-report.ts';
import type { LogKeys } from '../../ledger/evidence.ts';
import { verifyReceipt } from '../../ledger/receipt.ts';
import { parseNote, signNote } from '../../ledger/note.ts';
import { fromJwk, toSigningKey } from '../../ledger/signing-key.ts';
import { verifyCheckpoint, verifyHead, verifyLeaf } from '../../ledger/verify-evidence.ts';
import type { CheckResult } from '../../model/control.ts';
import type { Redeemed } from '../../query/log/redeem.ts';
import { verifyPack } from '../../reports/verify/verify-pack.ts';
import { readFolderKeys } from '../../server/log-keys.ts';
import { openServerStore } from '../../store/server-store.ts';
import type { Store } from '../../store/clickhouse.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestClusterOfOurs, TestProcess } from '../support/cluster.ts';
import { scalar } from '../support/ingest-harness.ts';
import { tokenEvent } from '../support/intake-samples.ts';
import { describeOnKafka } from '../support/kafka-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

const SECRET = 'issuer-bearer-token-0001';
const POLICY = `
tenant: acme
sources:
  - family: ce
    instance: ${tokenEvent.source}
    may_speak_for: [https://broker.acme.example]
    credentials: [{ kind: bearer, secret: issuer }]
`;
const ASSETS = join(import.meta.dirname, '../../reports/pack/assets');

/** The codes of what a stand-alone verifier finds in a folder, with these keys. */
async function standalone(program: string, path: string, keyFile: string): Promise<readonly string[]> {
  const runner = program.endsWith('.py') ? 'python3' : process.execPath;
  const args = [join(ASSETS, program), path, '--json', '--key', keyFile];
  const { stdout } = await promisify(execFile)(runner, args).catch((error: { stdout: string }) => error);
  return (JSON.parse(stdout) as { findings: { code: string }[] }).findings.map(({ code }) => code);
}

describeOnKafka('the evidence of a cluster', { brokers: 1, own: true }, (kafka) => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let cluster: TestClusterOfOurs;
  let store: Store;
  let signer: TestProcess & { readonly url: string };
  let signerKeys: LogKeys;
  let receipts: string[] = [];
  let sent = 0;

  beforeAll(async () => {
    folder = await tempFolder();
    const configFile = join(folder.path, 'custody.yaml');
    await writeFile(configFile, POLICY);
    await writeFile(join(folder.path, 'custody.secrets.yaml'), `issuer: ${SECRET}\n`, { mode: 0o600 });
    signerKeys = await readFolderKeys(join(folder.path, 'signer'), 'acme');
    const file = join(folder.path, 'log-keys.json');
    await writeFile(file, JSON.stringify(signerKeys));
    const settings = { dataFolder: join(folder.path, 'cluster'), configFile, url: undefined, token: undefined };
    const context: CommandContext = {
      settings: { ...settings, logLevel: 'warn', color: false },
      out: () => Promise.resolve(),
      say: () => undefined,
      live: false,
    };
    cluster = await startCluster(context, () => undefined, 1, { CUSTODY_LOG_KEYS_FILE: file }, kafka.cluster());
    store = await openServerStore({ server: cluster.clickhouse.server() });
  }, 400_000);
  afterAll(async () => {
    await store.close();
    await cluster.stop();
    await folder.remove();
  }, 60_000);

  async function push(url = cluster.serve.url): Promise<{ readonly receipt?: string }> {
    const id = (sent += 1);
    const token = { ...tokenEvent.data.token, jti: `tok-${id}` };
    const time = new Date(Date.now() - 60_000).toISOString();
    const event = {
      ...tokenEvent,
      id: `event-${id}`,
      subject: `jti:tok-${id}`,
      time,
      data: { ...tokenEvent.data, token },
    };
    const answer = await fetch(`${url}/v1/ingest/cloudevents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(event),
    });
    expect(answer.status).toBe(202);
    return (await answer.json()) as { receipt?: string };
  }
  async function redeem(receipt: string): Promise<Redeemed> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ receipt });
    const answer = await fetch(`${cluster.serve.url}/v1/log/redeem`, { method: 'POST', headers, body });
    const text = await answer.text();
    expect(answer.status, text).toBe(200);
    return JSON.parse(text) as Redeemed;
  }
  async function ask(url: string, method = 'GET'): Promise<{ status: number; text: string }> {
    const headers = { authorization: `Bearer ${cluster.serve.token}` };
    const answer = await fetch(`${cluster.serve.url}${url}`, { method, headers });
    return { status: answer.status, text: await answer.text() };
  }
  const published = async (): Promise<LogKeys> => JSON.parse((await ask('/v1/log/keys')).text) as LogKeys;

  test('the leaf of a receipt is the one that a worker stores', async () => {
    receipts = [];
    for (let count = 0; count < 5; count += 1) receipts.push((await push()).receipt ?? '');
    const stored = "SELECT count() FROM records WHERE topic = 'ce'";
    await vi.waitUntil(async () => (await scalar(store, stored)) === '5', { timeout: 100_000, interval: 300 });
    const known = (await published()).keys.flatMap((jwk) => fromJwk(jwk) ?? []);
    for (const receipt of receipts) {
      const read = verifyReceipt(receipt, known);
      if (!read.ok || !('leaves' in read.payload)) throw new Error('no receipt');
      const { topic, partition, offset, leaves } = read.payload;
      const place = `topic = '${topic}' AND partition = ${partition} AND offset = ${offset}`;
      expect(leaves).toEqual([await scalar(store, `SELECT lower(hex(leaf)) FROM records WHERE ${place}`)]);
    }
    expect((await redeem(receipts[0] ?? '')).state).toBe('not_yet');
    expect((await ask('/v1/log/checkpoint')).status).toBe(404);
  }, 300_000);

  test('once the signer has signed, receipts redeem to proofs under its key, which is not the key of the server', async () => {
    signer = await cluster.sign(join(folder.path, 'signer'));
    for (const receipt of receipts) {
      await vi.waitUntil(async () => (await redeem(receipt)).state === 'included', { timeout: 60_000, interval: 500 });
      const { leaves, head, checkpoint: note } = await redeem(receipt);
      const { checkpoint, findings } = verifyCheckpoint(note, signerKeys);
      expect(findings).toEqual([]);
      expect(checkpoint && verifyHead(head, checkpoint)).toEqual([]);
      const [leaf] = leaves;
      if (leaf?.state !== 'included' || !head) throw new Error(leaf?.state);
      expect(verifyLeaf(leaf.proof, head)).toEqual([]);
      const own = (await published()).verifiers.filter((line) => !signerKeys.verifiers.includes(line));
      expect(own.length).toBe(1);
      expect(verifyCheckpoint(note, { ...signerKeys, verifiers: own }).findings).toMatchObject([
        { code: 'unknown_key' },
      ]);
    }
    expect((await fetch(`${signer.url}/readyz`)).status).toBe(200);
  }, 300_000);

  test('a check is kept, and T-32 rests on the checkpoints of the signer', async () => {
    const [from, to] = [new Date(Date.now() - 86_400_000), new Date()].map((date) => date.toISOString());
    const question = `/v1/check?framework=all&from=${from}&to=${to}&tests=T-32`;
    const { status, text } = await ask(question, 'POST');
    expect(status, text).toBe(200);
    const [result] = (JSON.parse(text) as CheckResult).tests;
    expect(result?.population.count).toBeGreaterThan(0);
    // Altered, not signed or not append-only would be told first: what is left is that nobody else keeps a checkpoint.
    expect(new Set(result?.items.map(({ attribute }) => attribute))).toEqual(new Set(['anchor_unknown']));
    expect(await scalar(store, 'SELECT groupArray((test, population > 0)) FROM check_runs')).toBe("[('T-32',1)]");
  }, 300_000);

  test('a pack carries the checkpoint and proofs; all three verifiers accept it, and find a checkpoint by another key', async () => {
    const [from, to] = [new Date(Date.now() - 86_400_000), new Date()].map((date) => date.toISOString());
    const api = remoteApi(cluster.serve.url, cluster.serve.token);
    const out = join(folder.path, 'out');
    await mkdir(out);
    const asked = { framework: 'soc2' as const, from: from ?? '', to: to ?? '', as_of: new Date().toISOString() };
    const pack = await writeReport(api, asked, out, cluster.context);
    const { verifiers } = await published();
    const shown = await verifyPack(pack.zip, { keys: verifiers });
    expect(shown.findings).toEqual([]);
    expect(shown.notes.join(' ')).toMatch(/[1-9]\d* records proved/);
    const own = verifiers.filter((line) => !signerKeys.verifiers.includes(line));
    const foreign = (await verifyPack(pack.zip, { keys: own })).findings.map(({ code }) => code);
    expect(foreign).toEqual([expect.stringContaining('key')]);
    const [all, one] = [join(folder.path, 'all.vkey'), join(folder.path, 'own.vkey')];
    await writeFile(all, `${verifiers.join('\n')}\n`);
    await writeFile(one, `${own.join('\n')}\n`);
    expect([await standalone('verify.mjs', pack.folder, all), await standalone('verify.py', pack.folder, all)]).toEqual([[], []]); // prettier-ignore
    for (const program of ['verify.mjs', 'verify.py'])
      expect(await standalone(program, pack.folder, one)).toEqual(foreign);
    // Who has the key of a server cannot make a checkpoint that anybody takes.
    const stolen = toSigningKey(await readFile(join(folder.path, 'cluster/serve/keys/log-signing.pem')));
    const place = join(pack.folder, 'ledger/checkpoint.txt');
    const { text = '' } = parseNote(await readFile(place, 'utf8')) ?? {};
    await writeFile(place, signNote(text, 'custody.acme/serve', stolen.privateKey));
    const found = [
      (await verifyPack(pack.folder, { keys: verifiers })).findings.map(({ code }) => code),
      await standalone('verify.mjs', pack.folder, all),
      await standalone('verify.py', pack.folder, all),
    ];
    for (const codes of found) expect(codes).toContain('checkpoint_unknown_key');
  }, 400_000);

  test('without the salt key there is no receipt, and the start says so', async () => {
    const bare = await cluster.serveWith({ CUSTODY_SALT_KEY_FILE: '' });
    expect(bare.said()).toContain('No receipts are given: CUSTODY_SALT_KEY_FILE is missing.');
    expect((await push(bare.url)).receipt).toBeUndefined();
    expect(await bare.stop()).toBe(0);
  }, 300_000);

  test('the signer ends cleanly when it is told to', async () => {
    expect(await signer.stop()).toBe(0);
  }, 60_000);
});
