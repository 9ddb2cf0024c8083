import { createPublicKey, hash, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Problem } from '../model/problem.ts';

/**
 * Signed notes (C2SP signed-note): a text that ends with a newline, an empty line, and one line a signature,
 * `— <name> base64(key id, signature)`. Ed25519 alone is made and verified (type 0x01); signatures of other keys and
 * types, such as those of witnesses, are kept and skipped.
 */

export interface NoteSignature {
  readonly name: string;
  /** Eight hex digits. */
  readonly keyId: string;
  readonly signature: Buffer;
}

export interface Note {
  /** With its last newline: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A public key under a name: what a verifier key (vkey) says. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: string;
  readonly key: KeyObject;
}

const ED25519 = 1;
const MAX_NOTE_CHARS = 65_536;
const MAX_SIGNATURES = 64;

/** `<name>+<key id>+base64(0x01, public key)`. A name without spaces and plus signs (`configuration` otherwise). */
export function verifierKeyOf(name: string, publicKey: KeyObject): string {
  const bytes = keyBytes(publicKey);
  return `${checkedName(name)}+${keyIdOf(name, bytes)}+${bytes.toString('base64')}`;
}

/** The verifier that a vkey line describes; undefined where it is no well-formed key of type Ed25519. */
export function parseVerifierKey(line: string): NoteVerifier | undefined {
  const [, name, keyId, key64] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? [];
  const bytes = key64 === undefined ? undefined : decodeBase64(key64);
  if (name === undefined || keyId === undefined || bytes?.length !== 33 || bytes[0] !== ED25519) return undefined;
  if (keyIdOf(name, bytes) !== keyId) return undefined;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') };
  return { name, keyId, key: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/** A text signed by one key, ready to be joined with further signatures. The text ends with a newline. */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  if (!isNoteText(text)) throw new Problem('internal', 'This text cannot be signed as a note.');
  const id = Buffer.from(keyIdOf(checkedName(name), keyBytes(createPublicKey(privateKey))), 'hex');
  const signature = sign(null, Buffer.from(text, 'utf8'), privateKey);
  return `${text}\n\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

/** The parts of a note; undefined where it is none. */
export function parseNote(note: string): Note | undefined {
  const end = note.lastIndexOf('\n\n');
  if (note.length > MAX_NOTE_CHARS || end < 0 || !note.endsWith('\n')) return undefined;
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split('\n');
  if (!isNoteText(text) || lines.length > MAX_SIGNATURES) return undefined;
  const signatures = lines.map(parseSignature);
  return signatures.every((one) => one !== undefined) ? { text, signatures } : undefined;
}

/** `verified` by at least one key; `unknown_key` where no signature is of a known key; `bad_signature` where one is false. */
export function verifyNote(
  note: Note,
  verifiers: readonly NoteVerifier[],
): 'verified' | 'unknown_key' | 'bad_signature' {
  let verified = false;
  for (const { name, keyId, signature } of note.signatures) {
    const known = verifiers.find((verifier) => verifier.name === name && verifier.keyId === keyId);
    if (!known) continue;
    if (!verify(null, Buffer.from(note.text, 'utf8'), known.key, signature)) return 'bad_signature';
    verified = true;
  }
  return verified ? 'verified' : 'unknown_key';
}

/** Strict base64: bytes that are written in one way only, so that no second spelling of the same note passes. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function parseSignature(line: string): NoteSignature | undefined {
  const [, name, text] = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? [];
  const bytes = text === undefined ? undefined : decodeBase64(text);
  if (name === undefined || !bytes || bytes.length < 5) return undefined;
  return { name, keyId: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) };
}

// The first four bytes of SHA-256(name, newline, type, public key).
function keyIdOf(name: string, key: Buffer): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), key]), 'buffer')
    .subarray(0, 4)
    .toString('hex');
}

function keyBytes(publicKey: KeyObject): Buffer {
  const { crv, x } = publicKey.export({ format: 'jwk' });
  if (crv !== 'Ed25519' || x === undefined) throw new Problem('configuration', 'The key of the log must be Ed25519.');
  return Buffer.concat([Buffer.of(ED25519), Buffer.from(x, 'base64url')]);
}

function checkedName(name: string): string {
  if (/^[^\s+]+$/u.test(name)) return name;
  throw new Problem('configuration', 'The name of a log key holds no spaces and no plus sign.');
}

// Newline is the only control character that a note may hold, and it must be proper Unicode.
function isNoteText(text: string): boolean {
  if (!text.endsWith('\n') || text.length < 2 || Buffer.from(text, 'utf8').toString('utf8') !== text) return false;
  return !/[^\n\P{Cc}]/u.test(text);
}
