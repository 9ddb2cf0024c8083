import { readFile } from 'node:fs/promises';
import { takeFolder } from '../ingest/folder.ts';
import { logOriginOf } from '../ledger/checkpoint.ts';
import { logKeysSchema } from '../ledger/evidence.ts';
import type { LogKeys } from '../ledger/evidence.ts';
import { readKeyFile } from '../ledger/key-file.ts';
import { parseVerifierKey, verifierKeyOf } from '../ledger/note.ts';
import { fromJwk, openSigningKeys, toJwk, toSigningKey } from '../ledger/signing-key.ts';
import type { PublicLogKey, SigningKey } from '../ledger/signing-key.ts';
import { Problem } from '../model/problem.ts';

/**
 * The public keys of a log as they are published (ledger/README.md), for receipts and for notes under this name: that of the
 * log for keys that sign checkpoints.
 */
export function publishedOf(tenant: string, keys: readonly PublicLogKey[], name = logOriginOf(tenant)): LogKeys {
  const origin = logOriginOf(tenant);
  return {
    origin,
    keys: keys.map((key) => ({ ...toJwk(key) })),
    verifiers: keys.map(({ publicKey }) => verifierKeyOf(name, publicKey)),
  };
}

/**
 * The public keys of a folder, those that no longer sign included, also while a process works with it. A folder that is not
 * there yet is made with its key, so that the keys can be published before anything is signed.
 */
export async function readFolderKeys(path: string, tenant: string): Promise<LogKeys> {
  const folder = takeFree(path);
  try {
    const { active, retired } = await openSigningKeys(path);
    return publishedOf(tenant, [active, ...retired]);
  } finally {
    await folder?.release();
  }
}

/** The name under which a server of a cluster signs packs: no checkpoint bears it, so its key can sign none. */
export function serverNameOf(tenant: string): string {
  return `${logOriginOf(tenant)}/serve`;
}

/** The key that all servers of a cluster sign packs and receipts with; mode 0600, never made here (`configuration` else). */
export async function readServerKey(path: string): Promise<SigningKey> {
  const pem = await readKeyFile(path, 'The key of the servers (CUSTODY_SERVER_KEY_FILE)');
  if (pem) return toSigningKey(pem);
  throw new Problem('configuration', `There is no key at ${path}. Make one: openssl genpkey -algorithm ed25519`);
}

/** The keys of both, each once. */
export function joinKeys(own: LogKeys, others: LogKeys | undefined): LogKeys {
  const keys = [...own.keys, ...(others?.keys ?? [])];
  return {
    origin: own.origin,
    keys: keys.filter((key, index) => keys.findIndex(({ kid }) => kid === key['kid']) === index),
    verifiers: [...new Set([...own.verifiers, ...(others?.verifiers ?? [])])],
  };
}

/**
 * Reads the public keys of a signer from a file, as `custody sign --keys` prints them. Problems of code `configuration`: no
 * such file, keys of another log, or what is no Ed25519 public key; a file with a private key in it is refused.
 */
export async function readLogKeys(path: string, tenant: string): Promise<LogKeys> {
  const wrong = (why: string, cause?: unknown): Problem =>
    new Problem('configuration', `The keys of the log (${path}) ${why}. Make the file: custody sign --keys`, {}, cause);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw wrong('cannot be read', error);
  });
  const read = logKeysSchema.safeParse(parseJson(text));
  if (!read.success) throw wrong('are not JSON with origin, keys and verifiers');
  const { origin, keys, verifiers } = read.data;
  if (origin !== logOriginOf(tenant)) throw wrong(`are of ${JSON.stringify(origin)}, not of ${logOriginOf(tenant)}`);
  if (verifiers.length === 0) throw wrong('name no verifier');
  if (verifiers.some((line) => parseVerifierKey(line)?.name !== origin)) throw wrong('name a verifier that is none');
  if (keys.some((jwk) => !fromJwk(jwk))) throw wrong('hold a key that is no Ed25519 public key');
  return { origin, keys, verifiers };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Undefined where another process has the folder: then its key is there. */
function takeFree(path: string): ReturnType<typeof takeFolder> | undefined {
  try {
    return takeFolder(path);
  } catch (error) {
    if (error instanceof Problem && error.code === 'folder_in_use') return undefined;
    throw error;
  }
}
