import { createHash, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { NULL, OID, TRUE, bits, encode, integer, octets, oid, seq, setOf, tagged } from './der.ts';
import type { Der } from './der.ts';

/**
 * A certificate for a key that signs itself, as DER (RFC 5280 4.1): for signatures alone, and for no authority. The same
 * name and RSA key always give the same certificate: its number is made from the key, and it is valid from before any
 * report's as-of to the end that RFC 5280 4.1.2.5 names for "no end", for nobody would revoke or renew it.
 */
export function selfSignedCertificate(organisation: string, privateKey: KeyObject): Buffer {
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  // Twenty bytes at most, positive and not zero.
  const serial = createHash('sha256').update(publicKey).digest().subarray(0, 16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const algorithm = seq(oid(OID.sha256WithRsa), NULL);
  const name = seq(
    setOf(seq(oid(OID.organisation), text(0x0c, shorten(organisation)))),
    setOf(seq(oid(OID.commonName), text(0x0c, 'Custody reports'))),
  );
  // Until 2049 a time is a UTCTime, from 2050 on a GeneralizedTime.
  const validity = seq(text(0x17, '200101000000Z'), text(0x18, '99991231235959Z'));
  const extension = (type: string, value: Der): Der => seq(oid(type), TRUE, octets(value));
  const extensions = seq(
    extension(OID.basicConstraints, seq()),
    // digitalSignature and nonRepudiation (contentCommitment): bits 0 and 1.
    extension(OID.keyUsage, bits(Buffer.of(0xc0), 6)),
  );
  const body = seq(
    tagged(0, integer(2)),
    encode(0x02, serial),
    algorithm,
    name,
    validity,
    name,
    publicKey,
    tagged(3, extensions),
  );
  return seq(body, algorithm, bits(sign('sha256', body, privateKey)));
}

function text(tag: number, value: string): Der {
  return encode(tag, Buffer.from(value, 'utf8'));
}

/** X.520 allows a name of an organisation 64 characters; half a character is none. */
function shorten(name: string): string {
  const text = name
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, 64)
    .toWellFormed()
    .replace(/\uFFFD$/u, '');
  return text === '' ? 'Custody' : text;
}
