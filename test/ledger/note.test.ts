import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from '../../ledger/checkpoint.ts';
import { parseNote, parseVerifierKey, signNote, verifierKeyOf, verifyNote } from '../../ledger/note.ts';
import { knownKey, leafOfNumber } from '../support/tree-vectors.ts';

// The example of the C2SP specification signed-note.
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const NOTE =
  'This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

const key = knownKey();
const own = parseVerifierKey(verifierKeyOf('custody.acme', key.publicKey));

describe('a signed note', () => {
  test('the example of the specification verifies, and altered it does not', () => {
    const verifier = parseVerifierKey(VKEY);
    const note = parseNote(NOTE);
    if (!verifier || !note) throw new Error('not read');
    expect(verifyNote(note, [verifier])).toBe('verified');
    expect(verifyNote({ ...note, text: note.text.replace('example', 'exampl3') }, [verifier])).toBe('bad_signature');
    expect(verifyNote(note, [])).toBe('unknown_key');
  });

  test('ours verifies beside signatures of others; one that is false and known fails the whole', () => {
    if (!own) throw new Error('no verifier');
    const text = 'custody.acme\n1\nAAAA\n';
    const signed = signNote(text, 'custody.acme', key.privateKey);
    const witness = signNote(text, 'witness.example', generateKeyPairSync('ed25519').privateKey);
    const both = `${signed}${witness.slice(text.length + 1)}`;
    const read = parseNote(both);
    expect(read?.signatures.map(({ name }) => name)).toEqual(['custody.acme', 'witness.example']);
    expect(read && verifyNote(read, [own])).toBe('verified');
    const forged = signNote('custody.acme\n2\nAAAA\n', 'custody.acme', key.privateKey).split('\n\n')[1] ?? '';
    const mixed = parseNote(`${signed}${forged}`);
    expect(mixed && verifyNote(mixed, [own])).toBe('bad_signature');
  });

  test('every byte of it matters', () => {
    if (!own) throw new Error('no verifier');
    const note = signNote(formatCheckpoint({ origin: 'custody.acme', size: 7, root: leafOfNumber(1) }), 'custody.acme', key.privateKey); // prettier-ignore
    const bytes = Buffer.from(note, 'utf8');
    const accepted: number[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      for (const flip of [1, 2, 0x20, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const read = parseNote(changed.toString('utf8'));
        if (read && verifyNote(read, [own]) === 'verified') accepted.push(at);
      }
    }
    expect(accepted).toEqual([]);
  });

  test('what is no note is none', () => {
    const signature = NOTE.slice(NOTE.indexOf('\u2014'));
    for (const text of [
      '',
      '\n',
      '\n\n',
      'a',
      'a\n',
      'a\n\n',
      'a\n\nb\n',
      `\n\n${signature}`,
      `a\u0000b\n\n${signature}`,
      `a\tb\n\n${signature}`,
      NOTE.slice(0, -1),
      `${NOTE}x`,
      NOTE.replace('\u2014', '-'),
      NOTE.replace('yaQM=', 'yaQN='),
      'x'.repeat(70_000),
    ])
      // prettier-ignore
      expect(parseNote(text)).toBeUndefined();
    expect(() => signNote('no newline', 'a', key.privateKey)).toThrow();
    expect(() => signNote('a\n', 'with space', key.privateKey)).toThrow();
  });

  test('a verifier key that does not hang together is none', () => {
    expect(parseVerifierKey(VKEY)?.keyId).toBe('530d903a');
    for (const line of [
      '',
      'a+b',
      VKEY.replace('foo', 'fo'),
      VKEY.replace('530d', '530e'),
      VKEY.replace('+Ae', '+Be'),
      `${VKEY}=`,
    ])
      // prettier-ignore
      expect(parseVerifierKey(line)).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  const checkpoint = { origin: 'custody.acme', size: 12, root: leafOfNumber(3) };
  test('is read as it was written, and extension lines are skipped', () => {
    const text = formatCheckpoint(checkpoint);
    expect(text.split('\n')).toHaveLength(4);
    expect(parseCheckpoint(text)).toEqual(checkpoint);
    expect(parseCheckpoint(`${text}an extension\n`)).toEqual(checkpoint);
  });

  test('other spellings of numbers and hashes are refused', () => {
    const root = checkpoint.root.toString('base64');
    for (const size of ['', '-1', '01', '1.0', '1e3', ' 1', '0x1', '9007199254740993', '99999999999999999999'])
      expect(parseCheckpoint(`custody.acme\n${size}\n${root}\n`)).toBeUndefined();
    for (const text of [
      `custody.acme\n1\n${root}`,
      `custody.acme\n1\n${root.slice(4)}\n`,
      `\n1\n${root}\n`,
      `custody.acme\n1\n${root}\n\nx\n`,
      `custody.acme\n1\n${root.replace('=', '')}\n`,
    ])
      // prettier-ignore
      expect(parseCheckpoint(text)).toBeUndefined();
  });
});
