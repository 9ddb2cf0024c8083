import { createHash } from 'node:crypto';
import { NULL, OID, integer, octets, oid, readDer, seq, setOf, tagged } from './der.ts';
import type { Der, DerNode } from './der.ts';
import type { PdfSigner } from './signer.ts';

/**
 * The attributes of a PAdES baseline B-B signature (EN 319 142-1 6.3; RFC 5652 11.1 and 11.2; RFC 5035 3): content type,
 * digest of the signed bytes, and the certificate, so that no other can be put in its place. No signing-time: PAdES
 * forbids it, and no clock may enter a report. As the DER of a SET OF, which is what is signed (RFC 5652 5.4).
 */
export function signedAttributes(digest: Buffer, certificateSha256: Buffer): Der {
  const attribute = (type: string, value: Der): Der => seq(oid(type), setOf(value));
  return setOf(
    attribute(OID.contentType, oid(OID.data)),
    attribute(OID.messageDigest, octets(digest)),
    // ESSCertIDv2 leaves its hash algorithm out where it is SHA-256, the default.
    attribute(OID.signingCertificateV2, seq(seq(seq(octets(certificateSha256))))),
  );
}

/** The parts of a signature: everything else in it is fixed. */
export interface CmsParts {
  /** SHA-256 of the signed bytes. */
  readonly digest: Buffer;
  /** SHA-256 of the certificate that the signed attributes name. */
  readonly certificateSha256: Buffer;
  /** DER: the signer's, then the one that issued it, and so on. */
  readonly chain: readonly Buffer[];
  readonly signature: Buffer;
}

/** A detached CMS SignedData (RFC 5652 5.1) of one signer, whose certificate comes first. */
export function encodeCms({ digest, certificateSha256, chain, signature }: CmsParts): Der {
  const [own] = chain;
  const name = own === undefined ? undefined : nameOf(own);
  if (!name) throw new TypeError('a signature needs the certificate of its signer');
  const sha256 = seq(oid(OID.sha256));
  const attributes = readDer(signedAttributes(digest, certificateSha256))?.children.map((one) => one.raw) ?? [];
  const signer = seq(
    integer(1),
    seq(name.issuer, name.serial),
    sha256,
    tagged(0, ...attributes),
    seq(oid(OID.rsaEncryption), NULL),
    octets(signature),
  );
  const signed = seq(integer(1), setOf(sha256), seq(oid(OID.data)), tagged(0, ...chain), setOf(signer));
  return seq(oid(OID.signedData), tagged(0, signed));
}

/** The signature over a digest. For one signer its length is always the same, whatever the digest. */
export function signCms(digest: Buffer, signer: PdfSigner): Der {
  const certificateSha256 = Buffer.from(signer.certificate.sha256, 'hex');
  const signature = signer.sign(signedAttributes(digest, certificateSha256));
  return encodeCms({ digest, certificateSha256, chain: signer.chain, signature });
}

/** How many bytes `signCms` gives for this signer. */
export function cmsLength(signer: PdfSigner): number {
  return signCms(Buffer.alloc(32), { ...signer, sign: () => Buffer.alloc(signer.signatureBytes) }).length;
}

/**
 * The parts of a signature, undefined for anything that `encodeCms` would not have written byte for byte: what stands in
 * the gap of a signature is not signed itself, so nothing may hide there.
 */
export function readCms(bytes: Buffer): CmsParts | undefined {
  try {
    const signed = readDer(bytes)?.children[1]?.children[0]?.children ?? [];
    const chain = signed[3]?.children.map((one) => one.raw) ?? [];
    const signer = signed[4]?.children[0]?.children ?? [];
    const attributes = signer[3]?.children.map((one) => one.children[1]?.children[0]) ?? [];
    const digest = attributes.find((one) => one?.tag === 0x04)?.content;
    const named = attributes.find((one) => one?.tag === 0x30);
    const certificateSha256 = named?.children[0]?.children[0]?.children[0]?.content;
    const signature = signer[5]?.content;
    if (!digest || !certificateSha256 || !signature) return undefined;
    const parts = { digest, certificateSha256, chain, signature };
    return encodeCms(parts).equals(bytes) ? parts : undefined;
  } catch {
    return undefined;
  }
}

/** Issuer and serial number of a certificate (RFC 5280 4.1), by which a signature names its signer. */
function nameOf(certificate: Buffer): { readonly issuer: Der; readonly serial: Der } | undefined {
  const fields = fieldsOf(certificate);
  const [serial, , issuer] = fields;
  return serial && issuer ? { issuer: issuer.raw, serial: serial.raw } : undefined;
}

/** The fields of a certificate from its serial number on: serial, algorithm, issuer, validity, subject, key, extensions. */
export function fieldsOf(certificate: Buffer): readonly DerNode[] {
  const fields = readDer(certificate)?.children[0]?.children ?? [];
  return fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
}

/** The fingerprint of a certificate: SHA-256 of its DER. */
export function fingerprintOf(certificate: Buffer): Buffer {
  return createHash('sha256').update(certificate).digest();
}
