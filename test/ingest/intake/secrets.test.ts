import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { loadSecrets, secretsFrom } from '../../../ingest/intake/secrets.ts';
import { signingKey } from '../../../ingest/intake/signature.ts';
import { readIngestSettings } from '../../../ingest/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'custody-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (text: string, mode = 0o600): string => {
  const path = join(folder, `secrets-${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

describe('the secrets file', () => {
  test('holds names and values, in YAML or JSON', () => {
    expect(loadSecrets(file('okta: a-secret-of-some-length\nhook: "another-secret-value"\n')).get('hook')).toBe(
      'another-secret-value',
    );
    expect(loadSecrets(file('{"okta":"a-secret-of-some-length"}')).names).toEqual(['okta']);
    expect(loadSecrets(file('')).names).toEqual([]);
  });

  test.each([0o644, 0o640, 0o604, 0o660])('is refused with mode %o', (mode) => {
    expect(() => loadSecrets(file('okta: a-secret-of-some-length', mode))).toThrow(/chmod 600/);
  });

  test.each([
    ['too short', 'okta: short-secret\nhook: tiny', /hook/],
    ['no text', 'okta: [a-secret-of-some-length]', /okta/],
    ['a list', '- a-secret-of-some-length', /name: value/],
    ['no YAML', 'okta: "a-secret-of-some-length\n  hook: {', /neither YAML nor JSON/],
  ])('%s: the fault names the entry, never the value', (_name, text, words) => {
    expect(() => loadSecrets(file(text))).toThrow(words);
    try {
      loadSecrets(file(text));
    } catch (error) {
      expect(inspect(error, { depth: 9 })).not.toMatch(/a-secret-of-some-length|tiny/);
    }
  });

  test('that is not there is a fault of the configuration', () => {
    expect(() => loadSecrets(join(folder, 'absent'))).toThrow(/cannot be read/);
  });
});

test('what holds secrets does not print them', () => {
  const secrets = secretsFrom({ okta: 'a-secret-of-some-length' });
  expect(`${inspect(secrets, { depth: 9, showHidden: true })} ${JSON.stringify(secrets)}`).not.toContain('a-secret');
  expect(() => secrets.get('other')).toThrow(/no entry "other"/);
});

test('a signing key comes as whsec_, as hex or as text', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef');
  expect(signingKey(`whsec_${key.toString('base64')}`, 'x').equals(key)).toBe(true);
  expect(signingKey(key.toString('hex'), 'x').equals(key)).toBe(true);
  expect(signingKey('some text that is no hex', 'x').toString()).toBe('some text that is no hex');
  expect(() => signingKey('whsec_c2hvcnQ=', 'hoop')).toThrow(/"hoop"/);
});

test('the environment bounds the memory of the intake', () => {
  expect(readIngestSettings({}).maxBytesInFlight).toBe(64 * 1_048_576);
  expect(readIngestSettings({ CUSTODY_INTAKE_MEMORY_MIB: '8' }).maxBytesInFlight).toBe(8 * 1_048_576);
  expect(() => readIngestSettings({ CUSTODY_INTAKE_MEMORY_MIB: 'much' })).toThrow(/CUSTODY_INTAKE_MEMORY_MIB/);
});
