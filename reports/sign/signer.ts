/** What is told of a certificate, in the manifest, in the report and by verifiers. */
export interface CertificateFacts {
  /** SHA-256 of its DER, hex in lower case: the fingerprint. */
  readonly sha256: string;
  /** Distinguished names on one line, such as `O=Northwind, CN=Custody`. */
  readonly subject: string;
  readonly issuer: string;
  /** Signed by its own key: nobody but the service itself vouches for the name in it. */
  readonly self_signed: boolean;
}

/** Whoever signs reports. Only `sign` touches the private key, so that a module of hardware could stand behind it. */
export interface PdfSigner {
  readonly certificate: CertificateFacts;
  /** DER: the signer's certificate, then the one that issued it, and so on. */
  readonly chain: readonly Buffer[];
  /** Bytes of a signature: those of the RSA modulus. */
  readonly signatureBytes: number;
  /** RSASSA-PKCS1-v1_5 with SHA-256 over the bytes (RFC 8017 8.2): the same bytes always give the same signature. */
  sign(bytes: Buffer): Buffer;
}
