import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { takeFolder } from '../../ingest/folder.ts';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import type { LogKeys } from '../../ledger/evidence.ts';
import { signNote } from '../../ledger/note.ts';
import { verifyCheckpoint } from '../../ledger/verify-evidence.ts';
import { openRemoteLogHolder } from '../../server/log-holder.ts';
import { joinKeys, readFolderKeys, readLogKeys, readServerKey } from '../../server/log-keys.ts';
import { readEvidenceFiles } from '../../server/settings.ts';
import { startCli } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let keys: LogKeys;
const at = (name: string): string => join(folder.path, name);
const done = (): Promise<void> => Promise.resolve();

beforeAll(async () => {
  folder = await tempFolder();
  keys = await readFolderKeys(at('signer'), 'acme');
});
afterAll(() => folder.remove());

test('custody sign --keys prints what the folder signs with, and leaves a folder that can be started', async () => {
  await writeFile(at('custody.yaml'), 'tenant: acme\n');
  const { code, stdout } = await startCli(['sign', '--keys', '--data', at('signer'), '--config', at('custody.yaml')])
    .end;
  expect([code, JSON.parse(stdout)]).toEqual([0, keys]);
  const taken = takeFolder(at('signer'));
  expect(await readFolderKeys(at('signer'), 'acme')).toEqual(keys);
  await taken.release();
}, 60_000);

test('a file of keys is read as it was printed', async () => {
  await writeFile(at('keys.json'), JSON.stringify(keys));
  expect(await readLogKeys(at('keys.json'), 'acme')).toEqual(keys);
});

test.each([
  ['no JSON', 'x', /not JSON/],
  ['no keys', { origin: 'custody.acme' }, /origin, keys and verifiers/],
  ['keys of another tenant', () => ({ ...keys, origin: 'custody.other' }), /not of custody\.acme/],
  ['no verifier', () => ({ ...keys, verifiers: [] }), /no verifier/],
  [
    'a verifier under another name',
    () => ({ ...keys, verifiers: [String(keys.verifiers[0]).replace('acme', 'b')] }),
    /that is none/,
  ],
  ['a private key', () => ({ ...keys, keys: [{ ...keys.keys[0], d: 'secret-part' }] }), /no Ed25519 public key/],
])('%s is refused', async (_name, content, message) => {
  const made = typeof content === 'function' ? content() : content;
  await writeFile(at('bad.json'), typeof made === 'string' ? made : JSON.stringify(made));
  const refused = readLogKeys(at('bad.json'), 'acme');
  await expect(refused).rejects.toMatchObject({
    code: 'configuration',
    message: expect.stringMatching(message) as string,
  });
  await expect(refused).rejects.not.toThrow('secret-part');
});

test('a server believes the signer alone, and publishes its own key beside it', async () => {
  const waits = { sealed: done, signed: done };
  const holder = await openRemoteLogHolder({ folder: at('serve'), tenant: 'acme', signer: keys, ...waits });
  expect(holder.trusted).toEqual({ origin: 'custody.acme', verifiers: keys.verifiers });
  expect(holder.published.verifiers.map((line) => line.split('+')[0])).toEqual(['custody.acme/serve', 'custody.acme']);
  expect(holder.keys.map(({ kid }) => kid)).toContain(holder.key.kid);
  const alone = await openRemoteLogHolder({ folder: at('serve'), tenant: 'acme', ...waits });
  expect([alone.trusted, alone.key.kid]).toEqual([undefined, holder.key.kid]);
  expect(joinKeys(holder.published, holder.published)).toEqual(holder.published);
});

test('a checkpoint that a server signed is believed by nobody, under whichever name', async () => {
  const holder = await openRemoteLogHolder({
    folder: at('serve'),
    tenant: 'acme',
    signer: keys,
    sealed: done,
    signed: done,
  });
  const text = formatCheckpoint({ origin: 'custody.acme', size: 1, root: Buffer.alloc(32, 1) });
  for (const name of [holder.signsAs, 'custody.acme'])
    expect(verifyCheckpoint(signNote(text, name, holder.key.privateKey), holder.published).findings).toMatchObject([{ code: 'unknown_key' }]); // prettier-ignore
});

test('servers with one key in a file of mode 0600 sign with it, and still know what their folders signed', async () => {
  const own = await openRemoteLogHolder({ folder: at('serve'), tenant: 'acme', sealed: done, signed: done });
  const pem = own.key.privateKey.export({ type: 'pkcs8', format: 'pem' });
  await mkdir(at('shared'));
  const file = at('shared/server.pem');
  await writeFile(file, pem, { mode: 0o600 });
  const key = await readServerKey(file);
  const other = await openRemoteLogHolder({
    folder: at('other'),
    tenant: 'acme',
    sealed: done,
    signed: done,
    own: key,
  });
  expect(other.key.kid).toBe(own.key.kid);
  expect(other.published.keys.length).toBe(2);
  await chmod(file, 0o640);
  await expect(readServerKey(file)).rejects.toMatchObject({ code: 'configuration' });
  await expect(readServerKey(at('none.pem'))).rejects.toThrow('openssl genpkey');
  expect(readEvidenceFiles({ CUSTODY_LOG_KEYS_FILE: '', CUSTODY_SERVER_KEY_FILE: file })).toEqual({ logKeys: undefined, serverKey: file, saltKey: undefined }); // prettier-ignore
});
