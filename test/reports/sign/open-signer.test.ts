import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkSignerFiles, openPdfSigner } from '../../../reports/sign/open-signer.ts';
import type { SignerFiles } from '../../../reports/sign/open-signer.ts';
import { readSignerFiles } from '../../../server/settings.ts';
import { makeCertificate, testRsaKey } from '../../support/report-signer.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const folder = await tempFolder('custody-signer-');
afterAll(folder.remove);
const NOW = Date.UTC(2026, 6, 8);
const key = testRsaKey(0);
const other = testRsaKey(1);
const root = { subject: 'Root', key: other };
const ROOT = makeCertificate({ ...root, ca: true, usage: 0x04 });
const own = makeCertificate({ subject: 'Reports', key, issuer: root, usage: 0xc0 });

let pairs = 0;
/** Writes a pair of files; the key has mode 0600 unless told otherwise. */
function put(keyPem: KeyObject | string, certificates: string, mode = 0o600): SignerFiles {
  const name = join(folder.path, `pair-${++pairs}`);
  const text = typeof keyPem === 'string' ? keyPem : keyPem.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(`${name}.key`, text, { mode });
  chmodSync(`${name}.key`, mode);
  writeFileSync(`${name}.crt`, certificates);
  return { key: `${name}.key`, certificate: `${name}.crt` };
}

describe('a key of the data folder', () => {
  test('is made on first use, for its owner alone, and gives the same certificate ever after', async () => {
    const data = join(folder.path, 'data');
    const [first, second] = await Promise.all([
      openPdfSigner(data, undefined, 'Nörthwind', NOW),
      openPdfSigner(data, undefined, 'Nörthwind', NOW),
    ]);
    expect(second.certificate).toEqual(first.certificate);
    expect(first.certificate).toMatchObject({
      subject: 'O=Nörthwind, CN=Custody reports',
      issuer: 'O=Nörthwind, CN=Custody reports',
      self_signed: true,
    });
    for (const name of ['report-signing.pem', 'report-certificate.pem'])
      expect(statSync(join(data, 'keys', name)).mode & 0o777, name).toBe(0o600);
    const certificate = new X509Certificate(readFileSync(join(data, 'keys/report-certificate.pem')));
    expect(certificate.raw).toEqual(first.chain[0]);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    // A report is of a past moment, and its signature states it: the certificate must have been valid then.
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.UTC(2021, 0));
    const later = await openPdfSigner(data, undefined, 'Renamed', NOW + 20 * 365 * 86_400_000);
    expect(later.certificate).toEqual(first.certificate);
    expect(later.sign(Buffer.from('x'))).toEqual(first.sign(Buffer.from('x')));
    expect(first.signatureBytes).toBe(384);
    expect(first.sign(Buffer.from('x'))).toHaveLength(384);
  }, 60_000);

  test('that others may read is refused, and so is another certificate in its place', async () => {
    const data = join(folder.path, 'open');
    await openPdfSigner(data, undefined, 'Northwind', NOW);
    writeFileSync(join(data, 'keys/report-certificate.pem'), own);
    await expect(openPdfSigner(data, undefined, 'Northwind', NOW)).rejects.toThrow('their keys differ');
    chmodSync(join(data, 'keys/report-signing.pem'), 0o644);
    await expect(openPdfSigner(data, undefined, 'Northwind', NOW)).rejects.toThrow('may be read by others');
  }, 60_000);
});

describe("an operator's key and certificate", () => {
  test('sign with the whole chain, and are read anew each time', async () => {
    const files = put(key, own + ROOT);
    const signer = await openPdfSigner(folder.path, files, 'unused', NOW);
    expect(signer.certificate).toMatchObject({ subject: 'CN=Reports', issuer: 'CN=Root', self_signed: false });
    expect(signer.chain.map((der) => new X509Certificate(der).subject)).toEqual(['CN=Reports', 'CN=Root']);
    writeFileSync(files.certificate, makeCertificate({ subject: 'Renewed', key, issuer: root, usage: 0xc0 }));
    expect((await openPdfSigner(folder.path, files, 'unused', NOW)).certificate.subject).toBe('CN=Renewed');
    // Mail certificates and those of openssl req -x509 are what many have.
    await checkSignerFiles(put(key, makeCertificate({ subject: 'Mail', key, extendedUsage: '1.3.6.1.5.5.7.3.4' })));
    await checkSignerFiles(put(key, makeCertificate({ subject: 'Plain', key, ca: true })));
  });

  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey;
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const locked = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  test.each<[string, () => SignerFiles, RegExp]>([
    ['a key that others may read', () => put(key, own, 0o640), /may be read by others.*0600/],
    ['a key that is not there', () => ({ ...put(key, own), key: join(folder.path, 'none') }), /There is no key of reports at .*none/],
    ['a certificate that is not there', () => ({ ...put(key, own), certificate: join(folder.path, 'none') }), /cannot be read/],
    ['a key with a passphrase', () => put(locked, own), /needs a passphrase.*openssl pkey/],
    ['a key that is none', () => put('hello', own), /is no private key in PEM/],
    ['a key of a curve', () => put(curve, own), /is no RSA key \(ec\)/],
    ['a key too short', () => put(short, makeCertificate({ subject: 'x', key: short })), /too short: 1024 bits, at least 2048/],
    ['a certificate of another key', () => put(other, own), /their keys differ/],
    ['a chain in the wrong order', () => put(key, own + own), /Certificate 2 of .* did not issue certificate 1/],
    ['a root of the same name that signed nothing', () => put(key, own + makeCertificate({ subject: 'Root', key, ca: true })), /did not issue certificate 1/],
    ['no certificate', () => put(key, 'hello'), /holds no certificate in PEM/],
    ['a broken certificate', () => put(key, own.replace(/\n.{8}/, '\nAAAAAAAA')), /Certificate 1 of .* cannot be read/],
    ['a certificate for keys alone', () => put(key, makeCertificate({ subject: 'x', key, usage: 0x20 })), /may not sign: its key usage/],
    ['a certificate of a web server', () => put(key, makeCertificate({ subject: 'x', key, usage: 0xc0, extendedUsage: '1.3.6.1.5.5.7.3.1' })), /for another use \(1\.3\.6\.1\.5\.5\.7\.3\.1\)/],
  ])('refuses %s, and says so', async (_name, files, words) => {
    await expect(checkSignerFiles(files())).rejects.toMatchObject({ code: 'configuration', message: expect.stringMatching(words) as string });
  }); // prettier-ignore

  test('one that has expired is told when a report is asked for, so that records are taken in all the same', async () => {
    const old = put(key, makeCertificate({ subject: 'Old', key, from: 2020, to: 2024 }));
    await checkSignerFiles(old);
    await expect(openPdfSigner(folder.path, old, 'x', NOW)).rejects.toThrow(
      /expired on 2024-01-01 00:00:00 UTC.*no restart/,
    );
    const early = put(key, makeCertificate({ subject: 'Early', key, from: 2030 }));
    await expect(openPdfSigner(folder.path, early, 'x', NOW)).rejects.toThrow(/not valid before 2030-01-01/);
  });

  test('are named together or not at all', () => {
    const [KEY, CERTIFICATE] = ['CUSTODY_REPORT_KEY_FILE', 'CUSTODY_REPORT_CERTIFICATE_FILE'];
    expect(readSignerFiles({})).toBeUndefined();
    expect(readSignerFiles({ [KEY]: 'k', [CERTIFICATE]: 'c' })).toEqual({ key: 'k', certificate: 'c' });
    expect(() => readSignerFiles({ [KEY]: 'k' })).toThrow('only the first is set');
    expect(() => readSignerFiles({ [CERTIFICATE]: 'c' })).toThrow('only the second is set');
  });
});
