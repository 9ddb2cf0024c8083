import { X509Certificate, createHash, verify } from 'node:crypto';
import { fingerprintOf, readCms, signedAttributes } from '../sign/cms.ts';
import type { CmsParts } from '../sign/cms.ts';
import type { CertificateFacts } from '../sign/signer.ts';
import type { Find } from './finding.ts';
import type { PackReader } from './open-pack.ts';

const REPORT = 'report.pdf';
const RANGE = /\/ByteRange \[0 (\d{1,10}) (\d{1,10}) (\d{1,10}) *\]/g;
/** Longer than any text that `RANGE` matches. */
const CARRY = 128;
/** Hex digits of a signature with its angle brackets: 64 KiB of CMS. */
const MAX_GAP = 131_074;

/**
 * Whether the signature inside report.pdf covers the whole file, fits it, and is of the certificate that the manifest
 * names. The file is streamed twice and never held. Gives sentences on what was shown.
 */
export async function verifyPdfSignature(
  pack: PackReader,
  named: CertificateFacts,
  find: Find,
): Promise<readonly string[]> {
  if (!pack.paths.has(REPORT)) return [];
  const { range, size } = await findRange(pack);
  if (!range) {
    find('pdf_signature_missing', REPORT, 'The manifest names a signature inside this file, and there is none.');
    return [];
  }
  const [start, end, rest] = range;
  const isWhole = start < end && end + rest === size && end - start <= MAX_GAP;
  const read = isWhole ? await readAround(pack, start, end) : undefined;
  const hex = /^<((?:[0-9a-f]{2})+)>$/.exec(read?.gap ?? '')?.[1];
  if (!read || hex === undefined) {
    find('pdf_signature_range', REPORT, 'Its signature does not cover every byte of the file but its own.');
    return [];
  }
  const parts = readCms(Buffer.from(hex, 'hex'));
  const certificate = parts && certificateOf(parts);
  if (!certificate) {
    find('pdf_signature_malformed', REPORT, 'What stands in the place of its signature is none of the form of ours.');
    return [];
  }
  return judge(parts, certificate, read.digest, named, find);
}

function judge(
  parts: CmsParts,
  certificate: X509Certificate,
  digest: Buffer,
  named: CertificateFacts,
  find: Find,
): readonly string[] {
  const fingerprint = fingerprintOf(certificate.raw);
  const shown = fingerprint.toString('hex');
  const attributes = signedAttributes(parts.digest, parts.certificateSha256);
  const isGood = verify('sha256', attributes, certificate.publicKey, parts.signature);
  const other = `It is signed by certificate ${shown}, the manifest names ${named.sha256}.`;
  const told = [
    [parts.digest.equals(digest), 'pdf_signature_digest', 'The file is not what was signed.'],
    [parts.certificateSha256.equals(fingerprint), 'pdf_certificate_not_bound', 'Its signature was made for another certificate.'],
    [isGood, 'pdf_signature_bad', 'Its signature is not of the key of its certificate.'],
    [shown === named.sha256, 'pdf_certificate_other', other],
  ] as const; // prettier-ignore
  const wrong = told.filter(([isSo]) => !isSo);
  for (const [, code, message] of wrong) find(code, REPORT, message);
  if (wrong.length > 0) return [];
  const who = named.self_signed ? 'self-signed, so nobody else vouches for its name' : `issued by ${named.issuer}`;
  return [`report.pdf is signed as a whole by ${named.subject} (${who}); SHA-256 of the certificate: ${shown}`];
}

function certificateOf({ chain }: CmsParts): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(chain[0] ?? Buffer.alloc(0));
    return certificate.publicKey.asymmetricKeyType === 'rsa' ? certificate : undefined;
  } catch {
    return undefined;
  }
}

type Range = readonly [start: number, end: number, rest: number];

/** The last range of bytes that the file names, for a signature is its end; and how many bytes there are. */
async function findRange(pack: PackReader): Promise<{ readonly range: Range | undefined; readonly size: number }> {
  let range: Range | undefined;
  let size = 0;
  let carry = '';
  for await (const chunk of await pack.stream(REPORT)) {
    size += (chunk as Buffer).length;
    const text = carry + (chunk as Buffer).toString('latin1');
    const last = [...text.matchAll(RANGE)].at(-1);
    if (last) range = [Number(last[1]), Number(last[2]), Number(last[3])];
    carry = text.slice(-CARRY);
  }
  return { range, size };
}

/** The digest of the file around a gap, and the gap. */
async function readAround(
  pack: PackReader,
  start: number,
  end: number,
): Promise<{ readonly digest: Buffer; readonly gap: string }> {
  const hash = createHash('sha256');
  const gap: Buffer[] = [];
  let at = 0;
  for await (const chunk of await pack.stream(REPORT)) {
    const bytes = chunk as Buffer;
    const cut = (from: number, to: number): Buffer => bytes.subarray(Math.max(0, from - at), Math.max(0, to - at));
    hash.update(cut(0, start));
    gap.push(cut(start, end));
    hash.update(cut(end, at + bytes.length));
    at += bytes.length;
  }
  return { digest: hash.digest(), gap: Buffer.concat(gap).toString('latin1') };
}
