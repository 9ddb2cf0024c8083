import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { renderReport } from '../../../reports/render-report.ts';
import { missingPoppler, pdfText, poppler, squeeze } from '../../support/pdf-tools.ts';
import { makeReportModel } from '../../support/report-model.ts';
import { makeCertificate, makeSigner, testRsaKey } from '../../support/report-signer.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { runs } from '../../support/verapdf.ts';

const folder = await tempFolder('custody-signed-');
afterAll(folder.remove);
const pathOf = (name: string): string => join(folder.path, name);
const model = makeReportModel();
const signer = makeSigner(0);
const signed = await renderReport(model, pathOf('signed.pdf'), { signer });
const bytes = readFileSync(pathOf('signed.pdf'));
const [start = 0, end = 0, rest = 0] =
  /\/ByteRange \[0 (\d+) (\d+) (\d+) *\]/.exec(bytes.toString('latin1'))?.slice(1).map(Number) ?? [];

describe('a signed report', () => {
  test('is the same bytes each time, and covers all of them but the signature itself', async () => {
    expect(await renderReport(model, pathOf('again.pdf'), { signer })).toEqual(signed);
    expect(readFileSync(pathOf('again.pdf')).equals(bytes)).toBe(true);
    expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([signed.bytes, signed.sha256]);
    expect(end + rest).toBe(bytes.length);
    expect(bytes.toString('latin1', start, end)).toMatch(/^<[0-9a-f]+>$/);
    expect(bytes.toString('latin1', start - 10, start)).toBe('/Contents ');
  });

  test('begins with what it is without the signature, whoever signs', async () => {
    const { bytes: length, sha256 } = signed.unsigned ?? expect.unreachable();
    expect(bytes.toString('latin1', length - 6, length)).toBe('%%EOF\n');
    expect(createHash('sha256').update(bytes.subarray(0, length)).digest('hex')).toBe(sha256);
    const other = await renderReport(model, pathOf('other.pdf'), { signer: makeSigner(1) });
    expect(other.unsigned).toEqual(signed.unsigned);
    expect(other.sha256).not.toBe(signed.sha256);
  });

  test('goes to a slow stream as well, and an output that breaks off ends it with its error', async () => {
    let written = 0;
    const slow = new Writable({
      highWaterMark: 1_024,
      write(chunk: Buffer, _encoding, done) {
        written += chunk.length;
        setImmediate(done);
      },
    });
    expect(await renderReport(model, slow, { signer })).toEqual(signed);
    expect(written).toBe(signed.bytes);
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
    await expect(renderReport(model, broken, { signer })).rejects.toThrow('disk full');
    const lost = { ...signer, sign: () => expect.unreachable('the key is gone') };
    await expect(renderReport(model, pathOf('lost.pdf'), { signer: lost })).rejects.toThrow('the key is gone');
  });

  test('says what its signature means, and who vouches for the certificate', async ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const text = squeeze(pdfText(pathOf('signed.pdf')));
    for (const words of [
      'issued this file and that the file is unchanged since. It is not the opinion of an auditor',
      'The certificate is self-signed: the service made it, and nobody else vouches for the name in it.',
      'The time that the signature states is the as-of of this report, not a clock.',
    ])
      expect(text).toContain(squeeze(words));
    const key = testRsaKey(0);
    const issued = makeCertificate({ subject: 'Reports', key, issuer: { subject: 'Root', key: testRsaKey(1) } });
    const der = Buffer.from(issued.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
    await renderReport(model, pathOf('issued.pdf'), { signer: makeSigner(0, der) });
    const told = squeeze(pdfText(pathOf('issued.pdf')));
    expect(told).not.toContain('self-signed');
    expect(told).toContain(squeeze('given to the service by the authority that it names as its issuer'));
    await renderReport(model, pathOf('plain.pdf'));
    expect(squeeze(pdfText(pathOf('plain.pdf')))).toContain(squeeze('This file carries no signature inside.'));
  });
});

describe('other programs', () => {
  test('poppler: the signature is valid, the whole document is signed, all fonts are embedded', ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const told = poppler('pdfsig', pathOf('signed.pdf'));
    expect(told.match(/Signature #/g)).toHaveLength(1);
    for (const words of [
      'Signature is Valid',
      'Total document signed',
      'ETSI.CAdES.detached',
      'SHA-256',
      'CN=Custody reports',
    ])
      expect(told).toContain(words);
    const fonts = poppler('pdffonts', pathOf('signed.pdf')).trim().split('\n').slice(2);
    expect(fonts.filter((line) => !/\byes yes yes\b/.test(line))).toEqual([]);
    expect(poppler('pdfinfo', pathOf('signed.pdf'))).toMatch(new RegExp(`Pages:\\s+${signed.pages}\\b`));
  });

  test('poppler: the tag tree holds headings, tables with headers, and the field of the signature', ({ skip }) => {
    const missing = missingPoppler();
    if (missing !== undefined) skip(missing);
    const tree = poppler('pdfinfo', '-struct', pathOf('signed.pdf'));
    expect(tree).toMatch(/^Document$/m);
    for (const tag of ['Sect', 'H1', 'H2', 'P', 'Table', 'TR', 'TH', 'TD', 'L', 'LI', 'TOC', 'TOCI', 'Link', 'Form'])
      expect(tree, tag).toMatch(new RegExp(`^ +${tag}\\b`, 'm'));
  });

  test('qpdf: no error and no warning', ({ skip }) => {
    if (!runs('qpdf', ['--version'])) skip('qpdf is not installed');
    // Exit code 3 would be warnings, 2 errors: both throw.
    expect(execFileSync('qpdf', ['--check', pathOf('signed.pdf')], { encoding: 'utf8' })).toContain(
      'No syntax or stream encoding errors found',
    );
  });
});
