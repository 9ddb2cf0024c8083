import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../model/problem.ts';
import { createKeyFile, readKeyFile } from './key-file.ts';

/** The key that signs now. `kid` is the thumbprint of RFC 7638. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A key that receipts and checkpoints are verified by, such as one that no longer signs. */
export interface PublicLogKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
}

export interface SigningKeys {
  readonly active: SigningKey;
  /** Keys that signed before, by the names of their files. They verify for ever and sign nothing. */
  readonly retired: readonly PublicLogKey[];
}

const NAME = 'log-signing.pem';
const RETIRED = 'retired';

/**
 * The Ed25519 key of the log, in `<folder>/keys/log-signing.pem` (PKCS#8): made once, readable by its owner alone. A
 * file that others may read is refused (`configuration`) rather than repaired, for what was read cannot be unread.
 *
 * To rotate: stop Custody, write the public half to `keys/retired/<date>.pem` (openssl pkey -in keys/log-signing.pem
 * -pubout), remove `log-signing.pem`, start. The next checkpoint is signed by a new key over the same tree, and what the
 * old key signed still verifies. A key that may have been stolen is rotated in the same way; the checkpoints that others
 * hold from before then show whether anything was rewritten.
 */
export async function openSigningKeys(folder: string): Promise<SigningKeys> {
  const path = join(folder, 'keys', NAME);
  let pem = await readKeyFile(path, 'The signing key of the log');
  if (!pem) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await createKeyFile(path, Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
    pem = await readKeyFile(path, 'The signing key of the log');
  }
  if (!pem) throw new Problem('unavailable', 'The signing key of the log could not be written.');
  return { active: toSigningKey(pem), retired: await readRetired(join(folder, 'keys', RETIRED)) };
}

/** The key of a PKCS#8 PEM; `configuration` where it is no Ed25519 private key. */
export function toSigningKey(pem: Buffer | string): SigningKey {
  try {
    const privateKey = createPrivateKey(pem);
    const publicKey = createPublicKey(privateKey);
    return { kid: thumbprintOf(publicKey), privateKey, publicKey };
  } catch (error) {
    throw new Problem(
      'configuration',
      'The signing key of the log must be an Ed25519 private key (PKCS#8, PEM).',
      {},
      error,
    );
  }
}

/** The thumbprint of RFC 7638 of an Ed25519 key, base64url; throws for any other key. */
export function thumbprintOf(publicKey: KeyObject): string {
  const { crv, kty, x } = publicKey.export({ format: 'jwk' });
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined)
    throw new Problem('configuration', 'The key of the log must be Ed25519.');
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}

/** A public key as JWKS shows it. */
export interface LogJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly use: 'sig';
}

/** The public half of a key, for JWKS. */
export function toJwk({ kid, publicKey }: PublicLogKey): LogJwk {
  const { x } = publicKey.export({ format: 'jwk' });
  return { kty: 'OKP', crv: 'Ed25519', x: x ?? '', kid, alg: 'EdDSA', use: 'sig' };
}

/** The key that a JWK describes; undefined where it is no Ed25519 public key or its `kid` is not its thumbprint. */
export function fromJwk(jwk: Readonly<Record<string, unknown>>): PublicLogKey | undefined {
  const { kty, crv, x, kid, d } = jwk;
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || d !== undefined) return undefined;
  try {
    const publicKey = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
    return kid === thumbprintOf(publicKey) ? { kid, publicKey } : undefined;
  } catch {
    return undefined;
  }
}

async function readRetired(folder: string): Promise<PublicLogKey[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[];
    throw new Problem('configuration', 'The folder of retired keys cannot be read.', {}, error);
  });
  const keys: PublicLogKey[] = [];
  for (const name of names.filter((one) => one.endsWith('.pem')).toSorted()) {
    const file = await open(join(folder, name), 'r');
    try {
      const publicKey = createPublicKey(await file.readFile());
      keys.push({ kid: thumbprintOf(publicKey), publicKey });
    } catch (error) {
      throw new Problem('configuration', `keys/${RETIRED}/${name} is no Ed25519 key in PEM.`, {}, error);
    } finally {
      await file.close();
    }
  }
  return keys;
}
