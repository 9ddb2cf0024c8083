import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { cmsLength, encodeCms, readCms, signCms } from '../../../reports/sign/cms.ts';
import { encode, oid, readDer, seq } from '../../../reports/sign/der.ts';
import { makeSigner } from '../../support/report-signer.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { runs } from '../../support/verapdf.ts';

const folder = await tempFolder('custody-cms-');
afterAll(folder.remove);
const digest = createHash('sha256').update('what is signed').digest();

describe('DER', () => {
  test('writes lengths as short as can be, and object identifiers in groups of seven bits', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const value = encode(0x04, Buffer.alloc(size));
      expect(readDer(value)?.content).toHaveLength(size);
      expect(value.length - size).toBe(size < 128 ? 2 : size < 256 ? 3 : size < 65_536 ? 4 : 5);
    }
    // The example of X.690 8.19.5 has an arc of two bytes; this one of RFC 5652 has arcs of three.
    expect(oid('1.2.840.113549.1.7.2').toString('hex')).toBe('06092a864886f70d010702');
    expect(oid('2.5.29.15').toString('hex')).toBe('0603551d0f');
  });

  test('reads nothing that is not written as DER wants it', () => {
    const wrong = [
      '', '04', '0401', '040100ff', '30800000', '048101ff', '0482000100', '1f8101', '3003040200', `3084ffffffff`,
    ]; // prettier-ignore
    for (const hex of wrong) expect(readDer(Buffer.from(hex, 'hex')), hex).toBeUndefined();
    let deep = seq();
    for (let i = 0; i < 40; i += 1) deep = seq(deep);
    expect(readDer(deep)).toBeUndefined();
  });
});

describe('a signature', () => {
  test('is the same each time, of a length that is known before, and is read back to its parts', () => {
    const signer = makeSigner(0);
    const cms = signCms(digest, signer);
    expect(signCms(digest, signer).equals(cms)).toBe(true);
    expect(cms).toHaveLength(cmsLength(signer));
    expect(readCms(cms)).toMatchObject({ digest, chain: signer.chain });
    expect(readCms(cms)?.certificateSha256.toString('hex')).toBe(signer.certificate.sha256);
    // PAdES forbids signing-time (1.2.840.113549.1.9.5).
    expect(cms.includes(oid('1.2.840.113549.1.9.5'))).toBe(false);
  });

  test('that holds anything more, less or otherwise is not read', () => {
    const cms = signCms(digest, makeSigner(0));
    const parts = readCms(cms) ?? expect.unreachable();
    const longer = Buffer.concat([cms.subarray(0, 1), Buffer.of(0x83, 0), cms.subarray(2)]);
    const wrong = [
      cms.subarray(0, -1),
      Buffer.concat([cms, Buffer.of(0)]),
      longer,
      seq(...(readDer(cms)?.children.map((one) => one.raw) ?? []), seq()),
      Buffer.from(cms.toString('hex').replace('2a864886f70d010904', '2a864886f70d010905'), 'hex'),
      encodeCms(parts).subarray(2),
      seq(),
    ];
    for (const bytes of wrong) expect(readCms(Buffer.from(bytes))).toBeUndefined();
  });

  test.skipIf(!runs('openssl', ['version']))('and its certificate are what OpenSSL takes for good', () => {
    const signer = makeSigner(0);
    const path = (name: string): string => join(folder.path, name);
    const content = Buffer.from('what is signed');
    writeFileSync(path('content'), content);
    writeFileSync(path('cms.der'), signCms(digest, signer));
    writeFileSync(path('certificate.der'), signer.chain[0] ?? '');
    const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
    openssl('x509', '-inform', 'der', '-in', path('certificate.der'), '-out', path('certificate.pem'));
    expect(
      openssl('cms', '-verify', '-cades', '-inform', 'der', '-in', path('cms.der'), '-content', path('content'), '-binary', '-purpose', 'any', '-CAfile', path('certificate.pem')),
    ).toBe(content.toString()); // prettier-ignore
    writeFileSync(path('content'), 'what was not signed');
    expect(() =>
      openssl('cms', '-verify', '-inform', 'der', '-in', path('cms.der'), '-content', path('content'), '-binary', '-purpose', 'any', '-CAfile', path('certificate.pem')),
    ).toThrow(/verif/i); // prettier-ignore
  });
});
