/** ASN.1 in DER (X.690): the few values that a certificate and a signature are made of, and a strict reader of any. */

export const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsaEncryption: '1.2.840.113549.1.1.1',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  commonName: '2.5.4.3',
  organisation: '2.5.4.10',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
} as const;

/** One encoded value: tag, length, content. */
export type Der = Buffer;

/** A value of any tag (one byte) around encoded values or content. */
export function encode(tag: number, ...parts: readonly Buffer[]): Der {
  const content = Buffer.concat(parts);
  const length = content.length.toString(16);
  const bytes = Buffer.from(length.padStart(length.length + (length.length % 2), '0'), 'hex');
  const head = content.length < 0x80 ? bytes : Buffer.concat([Buffer.of(0x80 + bytes.length), bytes]);
  return Buffer.concat([Buffer.of(tag), head, content]);
}

/** A SEQUENCE of encoded values. */
export function seq(...values: readonly Der[]): Der {
  return encode(0x30, ...values);
}

/** A SET of encoded values, in the order that DER gives a SET OF (X.690 11.6). */
export function setOf(...values: readonly Der[]): Der {
  return encode(0x31, ...values.toSorted((a, b) => Buffer.compare(a, b)));
}

/** Values under a context tag, `[number]`. */
export function tagged(number: number, ...values: readonly Der[]): Der {
  return encode(0xa0 + number, ...values);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return encode(0x06, Buffer.from(bytes));
}

/** An INTEGER from its bytes, the first of which is below 0x80. */
export function integer(...bytes: readonly number[]): Der {
  return encode(0x02, Buffer.from(bytes));
}

export function octets(value: Buffer): Der {
  return encode(0x04, value);
}

/** A BIT STRING whose last byte has so many bits that are not used. */
export function bits(value: Buffer, unused = 0): Der {
  return encode(0x03, Buffer.of(unused), value);
}

export const NULL: Der = encode(0x05);
export const TRUE: Der = encode(0x01, Buffer.of(0xff));

/** A value as it was read. */
export interface DerNode {
  readonly tag: number;
  /** The whole value, tag and length included. */
  readonly raw: Buffer;
  readonly content: Buffer;
  /** What a constructed value holds; empty for any other. */
  readonly children: readonly DerNode[];
}

const MAX_DEPTH = 32;

/**
 * Reads one value that fills the bytes. Undefined for anything else, for a length that is not written as short as can be,
 * and for tags of several bytes, which neither certificates nor signatures have.
 */
export function readDer(bytes: Buffer): DerNode | undefined {
  const read = readValues(bytes, 0);
  return read?.length === 1 ? read[0] : undefined;
}

function readValues(bytes: Buffer, depth: number): DerNode[] | undefined {
  const nodes: DerNode[] = [];
  for (let at = 0; at < bytes.length;) {
    const node = depth > MAX_DEPTH ? undefined : readValue(bytes.subarray(at), depth);
    if (!node) return undefined;
    nodes.push(node);
    at += node.raw.length;
  }
  return nodes;
}

function readValue(bytes: Buffer, depth: number): DerNode | undefined {
  const [tag = 0, first = 0x80] = bytes;
  if ((tag & 0x1f) === 0x1f || first === 0x80 || first > 0x84) return undefined;
  const more = first < 0x80 ? 0 : first - 0x80;
  if (bytes.length < 2 + more) return undefined;
  const length = more === 0 ? first : bytes.readUIntBE(2, more);
  if (more > 0 && (length < 0x80 || bytes[2] === 0)) return undefined;
  const end = 2 + more + length;
  if (bytes.length < end) return undefined;
  const content = bytes.subarray(2 + more, end);
  const children = (tag & 0x20) === 0 ? [] : readValues(content, depth + 1);
  return children && { tag, raw: bytes.subarray(0, end), content, children };
}
