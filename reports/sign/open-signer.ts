import { X509Certificate, createPrivateKey, generateKeyPair, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createKeyFile, readKeyFile } from '../../ledger/key-file.ts';
import { Problem } from '../../model/problem.ts';
import { checkPair, checkValidity, factsOf, readChain } from './certificate.ts';
import { selfSignedCertificate } from './self-signed.ts';
import type { PdfSigner } from './signer.ts';

/** The operator's own key and certificate, as paths of PEM files. */
export interface SignerFiles {
  readonly key: string;
  readonly certificate: string;
}

const KEY = 'report-signing.pem';
const CERTIFICATE = 'report-certificate.pem';
const BITS = 3_072;

/**
 * Who signs reports: the operator's key and certificate where files are named, else a key of this data folder
 * (`keys/report-signing.pem`, made on first use, mode 0600) with a certificate that it signed itself
 * (`keys/report-certificate.pem`). Read anew for each report, so that a renewed certificate needs no restart. Throws
 * `configuration` with what is wrong: unreadable, not matching, too short, for another use, expired.
 */
export async function openPdfSigner(
  folder: string,
  files: SignerFiles | undefined,
  organisation: string,
  nowMs: number,
): Promise<PdfSigner> {
  const { key, chain, name } = files ? await readFiles(files) : await readOwn(join(folder, 'keys'), organisation);
  const [own] = chain;
  if (!own) throw new Problem('configuration', `${name} holds no certificate in PEM.`);
  checkValidity(own, nowMs, name);
  return {
    certificate: factsOf(own),
    chain: chain.map((one) => one.raw),
    signatureBytes: (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8,
    sign: (bytes) => sign('sha256', bytes, key),
  };
}

/** Refuses (`configuration`) files that could never sign a report. One that has expired is told when a report is asked for. */
export async function checkSignerFiles(files: SignerFiles): Promise<void> {
  await readFiles(files);
}

interface Pair {
  readonly key: KeyObject;
  readonly chain: readonly X509Certificate[];
  readonly name: string;
}

async function readFiles(files: SignerFiles): Promise<Pair> {
  const pem = await readKeyFile(files.key, `The key of reports (${files.key})`);
  if (!pem) throw new Problem('configuration', `There is no key of reports at ${files.key}.`);
  const text = await readFile(files.certificate, 'utf8').catch((error: unknown) => {
    throw new Problem('configuration', `The certificate of reports (${files.certificate}) cannot be read.`, {}, error);
  });
  const pair = { key: toKey(pem, files.key), chain: readChain(text, files.certificate), name: files.certificate };
  checkPair(pair.key, pair.chain, files.key, files.certificate);
  return pair;
}

function toKey(pem: Buffer, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const isEncrypted = pem.includes('ENCRYPTED');
    throw new Problem(
      'configuration',
      isEncrypted
        ? `${name} needs a passphrase, and Custody asks for none. Decrypt it (openssl pkey -in KEY -out FILE) and keep it at mode 0600.`
        : `${name} is no private key in PEM.`,
      {},
      error,
    );
  }
}

async function readOwn(folder: string, organisation: string): Promise<Pair> {
  const [keyPath, chainPath] = [join(folder, KEY), join(folder, CERTIFICATE)];
  const named = `keys/${KEY}`;
  if (!(await readKeyFile(keyPath, 'The key of reports'))) {
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: BITS });
    await createKeyFile(keyPath, Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  }
  const pem = await readKeyFile(keyPath, 'The key of reports');
  if (!pem) throw new Problem('unavailable', 'The key of reports could not be written.');
  const key = toKey(pem, named);
  // Key and name give one certificate, so a crash between the two files does no harm.
  if (!(await readKeyFile(chainPath, 'The certificate of reports')))
    await createKeyFile(
      chainPath,
      Buffer.from(new X509Certificate(selfSignedCertificate(organisation, key)).toString()),
    );
  const text = await readKeyFile(chainPath, 'The certificate of reports');
  const pair = { key, chain: readChain(text?.toString() ?? '', `keys/${CERTIFICATE}`), name: `keys/${CERTIFICATE}` };
  checkPair(pair.key, pair.chain, named, pair.name);
  return pair;
}
