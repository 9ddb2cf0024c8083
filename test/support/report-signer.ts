import { X509Certificate, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { factsOf } from '../../reports/sign/certificate.ts';
import { NULL, OID, TRUE, bits, encode, integer, oid, seq, setOf } from '../../reports/sign/der.ts';
import { selfSignedCertificate } from '../../reports/sign/self-signed.ts';
import type { PdfSigner } from '../../reports/sign/signer.ts';

/** RSA keys for tests alone (2048 bits, PKCS #1): always the same, so that the bytes of a signed report are. */
const KEYS = [
  'MIIEogIBAAKCAQEAqMSwOhN85fGMNxKOpg0jGiT6y9XjRkB/5avvs8CdWqGH6duXLfhS6zJZqbJTaDXoWXJaBq8/b3Qc8iR0oNNZI8V/MDxKaWNoqN7hVJPDNT9QA/Fly3KBFW++z2SJjVkYqU9q6MrAJjnwI+gAHhVah0/VyTvR7qEvJGcCg37PIgcQqL4zJtmm0F0sepQ+2sUwn1X1i3uqUcPGBlnN1DFdvLarY1HQ6f1AnfOwbM3UEK+4tC1tZYgJQjcGLqjRylsLtva1A/uDrx//A2LlVYkWz5lYylPd5Kh6eY8Ym3XjuBgOWxQ5x/SXRxDx4MiYPh52R571cLyNLRFkKR+wYgmdtQIDAQABAoIBAAH1dnjWF7xbggh0RgTrYMhBkZ+iteaaLQyEuF2FE3klKCdbYx/SIrQ+0LJFiEOiDIutO2+ZwnS6tkihNQargqda+CTz2NvsSXSxpuU3vyueYSwKizyXRvmcDcI+enzngdUalN/AKrFxjrX7+rRerxRO+ujrsX4W5NiD/DrRJ/pPHIHsnFZKrhZr/jXBvP4ZfE+ZW0v9ubPehMK8A0tMHAgaqxvlBMWriT7vHVPeKnteFHNwJKzMjTU7u/fnwrG/pPTLR3ltIQizkOXwetdg7t0mMVwG/aA8lGTsqvQSunmWwXXs8Qyfet19Wbk2CZddNH3iWpF6QO/FZ4605mWoPYECgYEA4oGSNPBPPbEdPjhK1zdKfZdVTzvjjiqgS7QF7bw2UaL/yHxBcgJrO7CgVmFx8ZSPI6cCxQLgW4HBPqxzTFnXZL7TZkbRgMIdNfwjf8Pf8B4GS031+MZ4MF3/wNvjZP68PwLuRwcOLHAkIDS9vPLek/nH/NIMqbmtX6zWOfDVRCUCgYEAvr53SqRcgznsB7JDGESi8mLB+YuarlnFQc8J01AMUybw0BdCZ2xKXPGxDE7WuAM65Nzz3+9eFbR53LhfRo7p8xsPP7GEuWQrwR4eJwTV8URm5/FeAv576ZLJ8Wm/aGe5dyoEo3mZLw5+skve1eLgWmvYKkLepCvtjfvL5VCudlECgYBBxiyF0O7B1GfQhJo/CuBHviVYv+RhiUFJGnrKQWhopnOubV6307n9+FlnHB7xbxlt2fa07RPnnrNWFs/YcRJaQAu1XIVD5ZqD7bcFSAUEfkOHpJjz5/ZI3VMCVxgeYNabWaeF2qekAeCLtaUPdFtsDxGi+gARXUjaSp9e7e+QPQKBgGnDjLvLpSxySoj99CwZqsyBrBLlsNAqILFbzpPoF91ngzGvI/fa2OTucwBjGrYPvHE4ftVVkbKxTrzvUoz6I4jUIUFs+i4d+BDt1URHbyWHixPjBwDcAPNDnEwLGcIXeYQ0vTuz6hdojyHn5dhtI3+fus28JF2dqewHiUhO013xAoGAfWk/kL2gMtOFHIvFpRMabRlmYPixvPVI/aYy2k+wGCMga90bWagvTxrRQwSva1yWFY5/DDUb8Y1irq4LxaYXXnC10r2arTRbEdLIo8qIPdmREHsjCTs0Fa3e4NgCwLt5mf4BVsI7PumOL5Xzi4WkDYIH0Z4kW/sxFHZVBl4l8kw=',
  'MIIEogIBAAKCAQEAwboCMMYYGKu9monyuXaKNyvOf37An08dbgLYEz8X1SZo/BvAreYhhOW2R08h7+cPBCEPdjCp5iTP+SwDawp/hokD99zbzQ1PRoR9xgTq2ByXITu4Habrh4BYMbqBBw3YlDYY50+92hEgcNU9i7c6oIGQenFA/o12O/6rxmWRgyRQNzXO2VQmeiUHMDUgQewcDV3Y1bmoGF2wZuvs/A1Z64kfxVRRwi9qCOtjwzk3iGwm56JElQmWUB8a8ZTrEukyDu4wcjDCw0kWyYjjUm/w7ATNjQanWIAKQcbhyCsiQvPCEXSM0FnuSIgodkaQE5I7qV2RcId7qe7241XjfhJNswIDAQABAoIBAC0vCrLAiT870zm3ogayyLLsgznGYPvnMniFrkry5MagskzW1j5ZFglOoJCKOuKe9Cgk49vPptjYTi+SHev541uIGoZVm2h8ibhrT4B/hhzIslEcgilcVMPiYe+bTdvM1W5gHbfZp/C0HOpkOfobzs8/2OhOAPg+G00L7ZmU9/breY2SsbHtTzMWSwKb2EPp8ugN7c2YUGwBcngc8kcPJK4C9L9/eAxxW309wWKOjaAeef6NxB0to7XaN7l+dRADwZe70cC62ZzwTIZQjT5d54fn6x1WowiU/3gS9ZCa0lkRfAWMJyf2MCiCNAvGwlLc9GHkI/jloNGcpiMbIVyiMikCgYEA8n61Q4lYWmV9G26rNQNGzAdM2seGAZusxGhdtBVyczmopzGnNX2qLANIUms8QpfFcvoJRNtzUpP4qz5QFPiX/uRmL/RL7SJXwvJRbE11W2xPlQxVR5vCqadMW5BDgUJz0bkZUMee2TEtUfvoj1lQuIFXwl/RzjzKuRZw3Xn+kCsCgYEAzIQAb13VgmZpMss61mOliqy+hQ9UjSI/C4EoNnBTClClB0Ln5Q9HzcJbSL2S0oMI065+3pCmnutFhOZJzzyT+vXaKtaHySnVRn/EJ5gKJyIliCJ5LbUnBbHTjcVGlPhuGc/5rtbKieePA9Tmttm8v2SKdFmC2A3YuJEKoaZUbJkCgYBz9UliqUvZtkxUEODH8fAp4pfKyrx3CmVcanfchKD9HqZahTDrMFNuxocP+n2PbpoZuB00kygbZez0nlCXJqUwWzHOXqjsFY8YBt4Oxx+Gf02y/XnOS1qT3A90fZD6P7e4oyXK7ho0zAJbAPYdjl0+TYOUzFM8pu9eALAqCItFjwKBgAGba/F0GFBtA5idljnHEK71So37H9v4D+zEOA+tdEmZdqKG+RGIvDS2uUbqDnRPCUu4jFCtbFHFYYd4082oGTWYpv09MFX5WS6zpFP3UuUZ1JesRa2BRew6iIINsc9L4Hmdc8XW9EJ/KlWKX8HCFkSewqPFbEzMVw6kPSQmDXXJAoGAaYgYo5eq9oBR0lOqE5cET6Zc2k/4Cud9NIUGiNiGK9tAi+Bk7gUXPeqXLFfMsIcIgPF3JmzPRnnjcNiTykOB+uzrjvAnOf6OHGhwSrFaxMu/xr7fFtpY5QDm5MHom47tQ8EH1ZZciOb2VeaN8QYltfacMIRg0JhNnI2PpCbJ61k=',
] as const; // prettier-ignore

/** One of the two keys of the tests. */
export function testRsaKey(which: 0 | 1): KeyObject {
  return createPrivateKey({ key: Buffer.from(KEYS[which], 'base64'), format: 'der', type: 'pkcs1' });
}

/** A signer with a certificate of its own making; another certificate may be given for the same key. */
export function makeSigner(which: 0 | 1, certificate?: Buffer): PdfSigner {
  const key = testRsaKey(which);
  const own = new X509Certificate(certificate ?? selfSignedCertificate('Northwind & Söhne Payments', key));
  return {
    certificate: factsOf(own),
    chain: [own.raw],
    signatureBytes: 256,
    sign: (bytes) => sign('sha256', bytes, key),
  };
}

export interface CertificateOptions {
  readonly subject: string;
  readonly key: KeyObject;
  /** Whoever issues it; itself where it is left out. */
  readonly issuer?: { readonly subject: string; readonly key: KeyObject };
  /** Years. */
  readonly from?: number;
  readonly to?: number;
  /** The first byte of the key usage (RFC 5280 4.2.1.3): 0xc0 signs, 0x20 enciphers keys, 0x04 issues certificates. */
  readonly usage?: number;
  readonly extendedUsage?: string;
  readonly ca?: boolean;
}

/** A certificate of any kind, in PEM. */
export function makeCertificate(options: CertificateOptions): string {
  const { subject, key, issuer = { subject, key }, from = 2020, to = 2090, usage, extendedUsage, ca = false } = options;
  const algorithm = seq(oid(OID.sha256WithRsa), NULL);
  const name = (text: string): Buffer => seq(setOf(seq(oid(OID.commonName), encode(0x0c, Buffer.from(text)))));
  const time = (year: number): Buffer =>
    year < 2050
      ? encode(0x17, Buffer.from(`${year % 100}0101000000Z`))
      : encode(0x18, Buffer.from(`${year}0101000000Z`));
  const extension = (type: string, value: Buffer): Buffer => seq(oid(type), TRUE, encode(0x04, value));
  const extensions = [
    extension(OID.basicConstraints, ca ? seq(TRUE) : seq()),
    ...(usage === undefined ? [] : [extension(OID.keyUsage, bits(Buffer.of(usage)))]),
    ...(extendedUsage === undefined ? [] : [extension('2.5.29.37', seq(oid(extendedUsage)))]),
  ];
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const body = seq(
    encode(0xa0, integer(2)),
    integer(1),
    algorithm,
    name(issuer.subject),
    seq(time(from), time(to)),
    name(subject),
    publicKey,
    encode(0xa3, seq(...extensions)),
  );
  return new X509Certificate(seq(body, algorithm, bits(sign('sha256', body, issuer.key)))).toString();
}
