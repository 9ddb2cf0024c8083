import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { canonicalJson } from '../../../model/canonical-json.ts';
import { signNote } from '../../../ledger/note.ts';
import { signedText } from '../../../reports/pack/manifest.ts';
import type { Manifest } from '../../../reports/pack/manifest.ts';
import { writePack } from '../../../reports/pack/write-pack.ts';
import { folderEntries, writeZip } from '../../../reports/pack/zip.ts';
import { cmsLength, encodeCms, signCms, signedAttributes } from '../../../reports/sign/cms.ts';
import { selfSignedCertificate } from '../../../reports/sign/self-signed.ts';
import type { PackFindingCode } from '../../../reports/verify/finding.ts';
import { verifyPack } from '../../../reports/verify/verify-pack.ts';
import {
  LOG,
  OTHER_KEY,
  TEST_KEY,
  VKEY,
  heldCheckpoint,
  makeLedger,
  makePackModel,
} from '../../support/pack-fixture.ts';
import { makeSigner, testRsaKey } from '../../support/report-signer.ts';
import { tempFolder } from '../../support/temp-folder.ts';

// Three programs a test, two of them processes of their own.
vi.setConfig({ testTimeout: 180_000 });
const ASSETS = join(import.meta.dirname, '../../../reports/pack/assets');
const folder = await tempFolder('custody-pack-');
afterAll(folder.remove);
const model = makePackModel({ framework: 'iso27001', passes: 120 });
const pack = await writePack(model, folder.path);
const held = join(folder.path, 'held.txt');
writeFileSync(held, heldCheckpoint(model.ledger ?? expect.unreachable()));

interface Verdict {
  readonly exit: number;
  readonly codes: readonly string[];
  readonly text: string;
}

/** What one of the stand-alone verifiers says of a folder; the process ends with 0 or 1, or the test fails. */
async function standalone(
  program: 'verify.mjs' | 'verify.py',
  path: string,
  args: readonly string[],
): Promise<Verdict> {
  const runner = program === 'verify.py' ? 'python3' : process.execPath;
  const run = promisify(execFile)(runner, [join(ASSETS, program), path, '--json', ...args], { maxBuffer: 1 << 26 });
  const { stdout, code } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (error: { stdout: string; code: number; stderr: string }) => error,
  );
  const read = JSON.parse(stdout) as { findings: { code: string; where: string }[]; notes: string[] };
  return { exit: code, codes: read.findings.map((one) => one.code), text: JSON.stringify(read) };
}

async function product(path: string, keys?: readonly string[], checkpoint?: string): Promise<Verdict> {
  const { findings, notes } = await verifyPack(path, {
    ...(keys && { keys }),
    ...(checkpoint !== undefined && { held: checkpoint }),
  });
  return {
    exit: findings.length === 0 ? 0 : 1,
    codes: findings.map((one) => one.code),
    text: JSON.stringify({ findings, notes }),
  };
}

let copies = 0;
function copyPack(): string {
  copies += 1;
  const path = join(folder.path, `copy-${copies}`);
  cpSync(pack.folder, path, { recursive: true });
  return path;
}

function edit(path: string, name: string, change: (text: string) => string): void {
  const before = readFileSync(join(path, name), 'latin1');
  const after = change(before);
  expect(after, `${name} was to be changed`).not.toBe(before);
  writeFileSync(join(path, name), after, 'latin1');
}

/** Makes the manifest anew over what is there, and signs it where a key is given: what an insider with that key would do. */
function remake(
  path: string,
  key?: typeof TEST_KEY,
  files: (list: Manifest['files']) => Manifest['files'] = (list) => list,
): void {
  const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;
  const hash = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(path, name)))
      .digest('hex');
  const listed = files(manifest.files).filter((file) => existsSync(join(path, file.path)));
  const text = canonicalJson({ ...manifest, files: listed.map((file) => ({ ...file, sha256: hash(file.path) })) });
  writeFileSync(join(path, 'manifest.json'), text);
  if (key) writeFileSync(join(path, 'manifest.sig'), signNote(signedText(text), LOG, key));
}

const dropLine = (text: string): string => text.slice(text.indexOf('\n') + 1);
const firstHash = (text: string): string =>
  text.replace(/"path":\["[0-9a-f]{2}/, (found) => `${found.slice(0, -2)}${found.endsWith('00') ? '01' : '00'}`);

const RANGE = /\/ByteRange \[0 (\d+) (\d+) (\d+)/;
const unsigned = (text: string): string => text.slice(0, text.indexOf('%%EOF') + '%%EOF\n'.length);

/** Changes the PDF and makes the manifest anew with the key of the log, so that the signature inside is all that can tell. */
function insider(change: (text: string) => string): (path: string) => void {
  return (path) => {
    edit(path, 'report.pdf', change);
    remake(path, TEST_KEY);
  };
}

/** Puts another signature into the gap, made of the old one or of the digest of what is signed. */
function resign(text: string, make: (cms: Buffer, digest: Buffer) => Buffer): string {
  const [start = 0, end = 0] = RANGE.exec(text)?.slice(1).map(Number) ?? [];
  const digest = createHash('sha256')
    .update(text.slice(0, start) + text.slice(end), 'latin1')
    .digest();
  const cms = make(Buffer.from(text.slice(start + 1, end - 1), 'hex'), digest);
  return `${text.slice(0, start)}<${cms.toString('hex')}>${text.slice(end)}`;
}

/** A signature by the right key, whose signed attributes name another certificate than the one beside them. */
function signedForOther(digest: Buffer): Buffer {
  const [own, signer] = [makeSigner(0), makeSigner(0, selfSignedCertificate('Other', testRsaKey(0)))];
  const certificateSha256 = Buffer.from(signer.certificate.sha256, 'hex');
  const signature = signer.sign(signedAttributes(digest, certificateSha256));
  return encodeCms({ digest, certificateSha256, chain: own.chain, signature });
}

/** A second signature behind the first, over the whole file. */
function signAgain(text: string): string {
  const signer = makeSigner(1);
  const gap = cmsLength(signer) * 2 + 2;
  const tail = '>>\n%%EOF\n';
  const start = text.length + 60;
  const head = `\n<< /ByteRange [0 ${start} ${start + gap} ${tail.length}`.padEnd(48);
  const before = `${text}${head}] /Contents `;
  expect(before).toHaveLength(start);
  const digest = createHash('sha256')
    .update(before + tail, 'latin1')
    .digest();
  return `${before}<${signCms(digest, signer).toString('hex')}>${tail}`;
}

/** What is done to a pack, where it must be named, and by which codes. */
const TAMPERINGS: readonly (readonly [name: string, change: (path: string) => void, codes: readonly PackFindingCode[], where: string])[] = [
  ['a row of a population is changed', (p) => edit(p, 'tests/T-01/population.ndjson', (t) => t.replace('"verdict":"exception"', '"verdict":"pass"')), ['file_changed', 'population_differs', 'exceptions_differ'], 'tests/T-01/population.ndjson'],
  ['a row is taken out', (p) => edit(p, 'tests/T-02/population.ndjson', dropLine), ['file_changed', 'population_differs'], 'tests/T-02/population.ndjson'],
  ['an exception is taken out of its list', (p) => edit(p, 'tests/T-01/exceptions.ndjson', dropLine), ['file_changed', 'exceptions_differ'], 'tests/T-01/exceptions.ndjson'],
  ['a row of the CSV is changed', (p) => edit(p, 'tests/T-01/exceptions.csv', (t) => t.replace('exception', 'pass')), ['file_changed'], 'tests/T-01/exceptions.csv'],
  ['one byte of a page of the PDF is changed', (p) => edit(p, 'report.pdf', (t) => `${t.slice(0, 20_000)}${t[20_000] === 'x' ? 'y' : 'x'}${t.slice(20_001)}`), ['file_changed', 'pdf_signature_digest'], 'report.pdf'],
  ['the PDF is cut off', (p) => edit(p, 'report.pdf', (t) => t.slice(0, -100)), ['file_changed', 'pdf_signature_range'], 'report.pdf'],
  ['the signature inside the PDF is stripped', (p) => edit(p, 'report.pdf', unsigned), ['file_changed', 'pdf_signature_missing'], 'report.pdf'],
  ['bytes are appended behind the signature', (p) => edit(p, 'report.pdf', (t) => `${t}\n% approved\n`), ['file_changed', 'pdf_signature_range'], 'report.pdf'],
  ['a result is made better', (p) => edit(p, 'tests/T-01/result.json', (t) => t.replace('"exceptions_noted"', '"no_exceptions_noted"')), ['file_changed'], 'tests/T-01/result.json'],
  ['a hash in the manifest is changed', (p) => edit(p, 'manifest.json', (t) => t.replace(/"sha256":"../, '"sha256":"zz')), ['signature_other_manifest', 'file_changed'], 'manifest.sig'],
  ['a path in a proof is changed', (p) => edit(p, 'ledger/proofs.ndjson', firstHash), ['file_changed', 'leaf_not_included'], 'ledger/proofs.ndjson'],
  ['a proof is dropped', (p) => edit(p, 'ledger/proofs.ndjson', dropLine), ['file_changed', 'proof_missing'], 'ledger/proofs.ndjson'],
  ['a head is changed', (p) => edit(p, 'ledger/heads.json', (t) => t.replace(/"size": (\d+)/, (_, size) => `"size": ${Number(size) + 1}`)), ['file_changed', 'head_not_included', 'proof_missing'], 'ledger/heads.json'],
  ['the checkpoint is changed', (p) => edit(p, 'ledger/checkpoint.txt', (t) => t.replace('\n3\n', '\n4\n')), ['file_changed', 'checkpoint_bad'], 'ledger/checkpoint.txt'],
  ['a record is changed', (p) => edit(p, 'evidence/records.ndjson', (t) => t.replace(/"value":"..../, '"value":"AAAA')), ['file_changed', 'record_changed'], 'evidence/records.ndjson'],
  ['a file is added', (p) => writeFileSync(join(p, 'tests/T-01/approval.txt'), 'approved'), ['file_added'], 'tests/T-01/approval.txt'],
  ['a file is dropped', (p) => rmSync(join(p, 'tests/T-09/population.ndjson')), ['file_missing', 'test_unreadable'], 'tests/T-09/population.ndjson'],
  ['a file is renamed', (p) => renameSync(join(p, 'tests/T-01/exceptions.csv'), join(p, 'tests/T-01/exceptions-old.csv')), ['file_missing', 'file_added'], 'tests/T-01/exceptions-old.csv'],
  ['a file is replaced by a link', (p) => { rmSync(join(p, 'README.txt')); symlinkSync('/etc/hostname', join(p, 'README.txt')); }, ['not_a_file', 'file_missing'], 'README.txt'],
  ['the signature is dropped', (p) => rmSync(join(p, 'manifest.sig')), ['signature_missing'], 'manifest.sig'],
  ['a byte of the signature is changed', (p) => edit(p, 'manifest.sig', (t) => t.replace(/(.{4})(\w)(.{12}=*\n)$/, (_, a: string, b: string, c: string) => `${a}${b === 'A' ? 'B' : 'A'}${c}`)), ['signature_bad'], 'manifest.sig'],
  ['the manifest is dropped', (p) => rmSync(join(p, 'manifest.json')), ['manifest_missing'], 'manifest.json'],
  ['a row is changed and the manifest made anew', (p) => { edit(p, 'tests/T-01/exceptions.csv', (t) => t.replace('exception', 'pass')); remake(p); }, ['signature_other_manifest'], 'manifest.sig'],
  ['all is made anew and signed by another key', (p) => { edit(p, 'tests/T-01/exceptions.csv', (t) => t.replace('exception', 'pass')); remake(p, OTHER_KEY); }, ['signature_unknown_key'], 'manifest.sig'],
  ['an insider takes out a row and signs anew', (p) => { edit(p, 'tests/T-02/population.ndjson', dropLine); remake(p, TEST_KEY); }, ['population_differs'], 'tests/T-02/population.ndjson'],
  ['an insider swaps a sampled item and signs anew', (p) => { edit(p, 'tests/T-02/sample.json', (t) => { const s = JSON.parse(t) as { items: { key: string }[] }; const row = JSON.parse(readFileSync(join(p, 'tests/T-02/population.ndjson'), 'utf8').split('\n')[5] ?? '') as { key: string }; (s.items[0] ?? { key: '' }).key = row.key; return JSON.stringify(s); }); remake(p, TEST_KEY); }, ['sample_differs'], 'tests/T-02/sample.json'],
  ['an insider changes a record and signs anew', (p) => { edit(p, 'evidence/records.ndjson', (t) => t.replace(/"value":"..../, '"value":"AAAA')); remake(p, TEST_KEY); }, ['record_changed'], 'ce/'],
  ['an insider changes a page of the PDF', insider((t) => `${t.slice(0, 20_000)}${t[20_000] === 'x' ? 'y' : 'x'}${t.slice(20_001)}`), ['pdf_signature_digest'], 'report.pdf'],
  ['the range of the signature is moved', insider((t) => t.replace(RANGE, (_, a: string, b: string, c: string) => `/ByteRange [0 ${Number(a) - 1} ${b} ${c}`)), ['pdf_signature_range'], 'report.pdf'],
  ['the range of the signature leaves out what follows it', insider((t) => t.replace(RANGE, (_, a: string, b: string, c: string) => `/ByteRange [0 ${a} ${Number(b) + 10} ${Number(c) - 10}`)), ['pdf_signature_range'], 'report.pdf'],
  ['bytes of the signature inside the PDF are altered', insider((t) => resign(t, (cms) => Buffer.concat([cms.subarray(0, -1), Buffer.of((cms.at(-1) ?? 0) ^ 1)]))), ['pdf_signature_bad'], 'report.pdf'],
  ['the signature inside the PDF is no signature', insider((t) => resign(t, (cms) => Buffer.alloc(cms.length, 0x30))), ['pdf_signature_malformed'], 'report.pdf'],
  ['the PDF is signed by another certificate', insider((t) => resign(t, (_, digest) => signCms(digest, makeSigner(1)))), ['pdf_certificate_other'], 'report.pdf'],
  ['the signed attributes name another certificate', insider((t) => resign(t, (_, digest) => signedForOther(digest))), ['pdf_certificate_not_bound'], 'report.pdf'],
  ['the PDF is signed once more by another certificate', insider(signAgain), ['pdf_certificate_other'], 'report.pdf'],
  ['the manifest leads out of the pack', (p) => remake(p, TEST_KEY, (files) => [{ ...(files[0] as Manifest['files'][number]), path: '../held.txt' }, ...files]), ['name_unsafe'], '../held.txt'],
]; // prettier-ignore

describe('a pack that nobody touched', () => {
  test('passes all three verifiers, with the key and with the checkpoint from before', async () => {
    const args = ['--key', VKEY, '--checkpoint', held];
    const verdicts = [
      await standalone('verify.mjs', pack.folder, args),
      await standalone('verify.py', pack.folder, args),
      await product(pack.folder, [VKEY], readFileSync(held, 'utf8')),
      await product(pack.zip.path, [VKEY], readFileSync(held, 'utf8')),
    ];
    for (const { exit, codes, text } of verdicts) {
      expect({ exit, codes }).toEqual({ exit: 0, codes: [] });
      expect(text).toMatch(/\d+ records proved.*begins with what it was at the checkpoint given/);
      expect(text).toContain(
        `report.pdf is signed as a whole by O=Northwind & Söhne Payments, CN=Custody reports (self-signed, so nobody else vouches for its name); SHA-256 of the certificate: ${makeSigner(0).certificate.sha256}`,
      );
    }
  });

  test('without a signature inside the PDF, each says that the manifest names none', async () => {
    const { signer: _none, ...unsignedModel } = makePackModel({ framework: 'soc2', passes: 3, tests: ['T-01'] });
    const plain = await writePack(unsignedModel, join(folder.path, 'plain'));
    for (const { codes, text } of [
      await standalone('verify.mjs', plain.folder, ['--key', VKEY]),
      await standalone('verify.py', plain.folder, ['--key', VKEY]),
      await product(plain.folder, [VKEY]),
    ]) {
      expect(codes).toEqual([]);
      expect(text).toContain('The manifest names no signature inside report.pdf.');
    }
  });

  test('without a key, each says that the key came with the pack', async () => {
    for (const program of ['verify.mjs', 'verify.py'] as const)
      expect((await standalone(program, pack.folder, [])).text).toContain(
        `came with the pack; compare it with the one that the issuer publishes: ${VKEY}`,
      );
    expect((await product(pack.folder)).text).toContain('came with the pack');
  });
});

describe('every tampering is found and named by all three verifiers', () => {
  test.each(TAMPERINGS)('%s', async (_name, change, codes, where) => {
    const path = copyPack();
    change(path);
    const verdicts = await Promise.all([
      standalone('verify.mjs', path, ['--key', VKEY]),
      standalone('verify.py', path, ['--key', VKEY]),
      product(path, [VKEY]),
    ]);
    for (const [i, verdict] of verdicts.entries()) {
      const who = ['verify.mjs', 'verify.py', 'custody verify'][i];
      expect(verdict.exit, who).toBe(1);
      expect([...new Set(verdict.codes)].toSorted(), `${who}: ${verdict.text}`).toEqual([...codes].toSorted());
      expect(verdict.text, who).toContain(where);
    }
    rmSync(path, { recursive: true });
  });

  test('an earlier checkpoint of another log, and one whose proof is missing', async () => {
    const other = join(folder.path, 'other.txt');
    const rewritten = makeLedger(new Map([...model.populations].slice(0, 1)));
    writeFileSync(other, (rewritten.checkpoint ?? '').replace(/^/, ''));
    const unproved = join(folder.path, 'unproved.txt');
    writeFileSync(unproved, signNote(`${LOG}\n2\n${Buffer.alloc(32).toString('base64')}\n`, LOG, TEST_KEY));
    for (const [file, code] of [
      [other, 'not_consistent'],
      [unproved, 'consistency_not_shown'],
    ] as const) {
      const args = ['--key', VKEY, '--checkpoint', file];
      expect((await standalone('verify.mjs', pack.folder, args)).codes).toEqual([code]);
      expect((await standalone('verify.py', pack.folder, args)).codes).toEqual([code]);
      expect((await product(pack.folder, [VKEY], readFileSync(file, 'utf8'))).codes).toEqual([code]);
    }
  });
});

describe('an archive that somebody made to do harm', () => {
  const write = async (name: string, entries: readonly (readonly [string, string])[]): Promise<string> => {
    const path = join(folder.path, name);
    const { Readable } = await import('node:stream');
    await writeZip(
      entries.map(([entry, text]) => ({ name: entry, read: () => Readable.from([text]) })),
      path,
    );
    return path;
  };

  test('a path that leads out, a name in two spellings, a link, a bomb, a cut-off file: refused, nothing unpacked', async () => {
    // The library that writes refuses such names too, so they are put into the bytes of a good archive.
    const good = readFileSync(
      await write('good.zip', [
        ['p/aaaa', 'text'],
        ['p/bbbb', 'text'],
      ]),
      'latin1',
    );
    const patched = (name: string, from: string, to: string): string => {
      const path = join(folder.path, name);
      writeFileSync(path, good.replaceAll(from, to), 'latin1');
      return path;
    };
    const cases = [
      [patched('slip.zip', 'p/bbbb', '../bbb'), /invalid relative path|does not stay inside/],
      [patched('absolute.zip', 'p/bbbb', '/etc/b'), /absolute path|does not stay inside/],
      [patched('twice.zip', 'p/bbbb', 'P/AAAA'), /twice/],
      [
        await write('bomb.zip', [
          ['p/bomb', '0'.repeat(64 * 2 ** 20)],
          ['p/other', 'x'],
        ]),
        /would unpack/,
      ],
    ] as const;
    for (const [path, words] of cases) {
      const { exit, text } = await product(path, [VKEY]);
      expect(exit).toBe(1);
      expect(text).toMatch(words);
    }
    const whole = readFileSync(pack.zip.path);
    const cut = join(folder.path, 'cut.zip');
    writeFileSync(cut, whole.subarray(0, whole.length - 2_000));
    expect((await product(cut, [VKEY])).codes).toEqual(['archive_refused']);
    await expect(verifyPack(join(folder.path, 'nothing.zip'))).rejects.toThrow('there is no pack');
  });

  test('a byte changed inside the archive is named by its file', async () => {
    const path = copyPack();
    edit(path, 'tests/T-01/exceptions.csv', (text) => text.replace('exception', 'pass'));
    const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;
    const names = ['manifest.json', 'manifest.sig', ...manifest.files.map((file) => file.path)];
    const zip = join(folder.path, 'changed.zip');
    await writeZip(folderEntries(path, 'any-name', names), zip);
    expect(await product(zip, [VKEY])).toMatchObject({
      exit: 1,
      codes: ['file_changed'],
      text: expect.stringContaining('T-01/exceptions.csv') as string,
    });
  });
});
