import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Problem } from '../../model/problem.ts';
import { fieldsOf, fingerprintOf } from './cms.ts';
import { OID, oid, readDer } from './der.ts';
import type { DerNode } from './der.ts';
import type { CertificateFacts } from './signer.ts';

/** NIST SP 800-131A forbids shorter ones for new signatures. */
const MIN_BITS = 2_048;
/** Extended key usages under which a document may be signed: any, document signing (RFC 9336), e-mail, Microsoft's and Adobe's. */
const FOR_DOCUMENTS = [
  '2.5.29.37.0',
  '1.3.6.1.5.5.7.3.36',
  '1.3.6.1.5.5.7.3.4',
  '1.3.6.1.4.1.311.10.3.12',
  '1.2.840.113583.1.1.5',
];

/** The certificates of a PEM text, in its order; `configuration` where there is none or one cannot be read. */
export function readChain(pem: string, name: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Problem('configuration', `${name} holds no certificate in PEM.`);
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Problem('configuration', `Certificate ${i + 1} of ${name} cannot be read.`, {}, error);
    }
  });
}

/**
 * Refuses (`configuration`) what could not sign a report: a key that is not RSA or too short, a certificate of another
 * key or for another use, a chain whose certificates did not issue one another.
 */
export function checkPair(key: KeyObject, chain: readonly X509Certificate[], keyName: string, chainName: string): void {
  const refuse = (message: string): never => {
    throw new Problem('configuration', message);
  };
  if (key.asymmetricKeyType !== 'rsa')
    refuse(
      `${keyName} is no RSA key (${key.asymmetricKeyType ?? 'unknown'}). Reports are signed by RSA alone, whose signatures are the same for the same bytes.`,
    );
  const length = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (length < MIN_BITS)
    refuse(`${keyName} is too short: ${length} bits, at least ${MIN_BITS} are needed, 3072 are better.`);
  const [own] = chain;
  if (!own?.checkPrivateKey(key))
    return refuse(`The first certificate of ${chainName} is not that of ${keyName}: their keys differ.`);
  checkUsage(own, chainName);
  for (const [i, issuer] of chain.slice(1).entries()) {
    const issued = chain[i];
    if (!issued?.checkIssued(issuer) || !issued.verify(issuer.publicKey))
      refuse(
        `Certificate ${i + 2} of ${chainName} did not issue certificate ${i + 1}. The signer's comes first, then the one that issued it, and so on.`,
      );
  }
}

/** Refuses (`configuration`) a certificate that is not valid at a moment, milliseconds since 1970 UTC. */
export function checkValidity(certificate: X509Certificate, nowMs: number, chainName: string): void {
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const day = (time: number): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ');
  if (nowMs > to)
    throw new Problem(
      'configuration',
      `The certificate of ${chainName} expired on ${day(to)} UTC. Put a renewed one in its place; no restart is needed.`,
    );
  if (nowMs < from)
    throw new Problem('configuration', `The certificate of ${chainName} is not valid before ${day(from)} UTC.`);
}

function checkUsage(certificate: X509Certificate, chainName: string): void {
  const usage = extensionOf(certificate.raw, OID.keyUsage);
  // A BIT STRING: its first byte counts the bits that are not used; digitalSignature and nonRepudiation are the first two.
  if (usage && ((usage.content[1] ?? 0) & 0xc0) === 0)
    throw new Problem(
      'configuration',
      `The certificate of ${chainName} may not sign: its key usage names neither digitalSignature nor nonRepudiation.`,
    );
  const extended = certificate.keyUsage as readonly string[] | undefined;
  if (extended && extended.length > 0 && !extended.some((one) => FOR_DOCUMENTS.includes(one)))
    throw new Problem(
      'configuration',
      `The certificate of ${chainName} is for another use (${extended.join(', ')}), not for signing documents. Ask for one with documentSigning (1.3.6.1.5.5.7.3.36) or emailProtection.`,
    );
}

/** The value of an extension (RFC 5280 4.2); undefined where the certificate has none. */
function extensionOf(certificate: Buffer, type: string): DerNode | undefined {
  const extensions = fieldsOf(certificate).find((field) => field.tag === 0xa3)?.children[0]?.children ?? [];
  const value = extensions.find((one) => one.children[0]?.raw.equals(oid(type)))?.children.at(-1);
  return value && readDer(value.content);
}

/** What is told of a certificate. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  const oneLine = (name: string): string => name.split('\n').join(', ');
  return {
    sha256: fingerprintOf(certificate.raw).toString('hex'),
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    self_signed: certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey),
  };
}
