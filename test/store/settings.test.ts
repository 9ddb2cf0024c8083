import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Problem } from '../../model/problem.ts';
import { readStoreSettings } from '../../store/settings.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
beforeAll(async () => void (folder = await tempFolder()));
afterAll(() => folder.remove());

const URL = 'https://clickhouse.example:8443';
function read(settings: Record<string, string>): ReturnType<typeof readStoreSettings> {
  return readStoreSettings(
    Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CUSTODY_CLICKHOUSE_${name}`, value])),
  );
}
function faultsOf(settings: Record<string, string>): readonly string[] {
  try {
    read(settings);
  } catch (error) {
    if (error instanceof Problem && error.code === 'configuration') return error.message.split('\n');
    throw error;
  }
  return [];
}

test('none without a URL', () => expect(readStoreSettings({})).toBeUndefined());

test('what is preset', () => {
  expect(read({ URL })).toEqual({
    url: URL,
    user: 'default',
    password: '',
    database: 'default',
    silenceMs: 60_000,
    connections: 10,
    compression: 'none',
  });
});

test('what is given, secrets from files', () => {
  const password = join(folder.path, 'password');
  const ca = join(folder.path, 'ca.pem');
  writeFileSync(password, 'of the reader\n');
  writeFileSync(ca, '-----BEGIN CERTIFICATE-----\n');
  const given = { USER: 'reader', PASSWORD_FILE: password, DATABASE: 'custody', TLS_CA_FILE: ca, CLUSTER: 'main' };
  expect(read({ URL, ...given, SILENCE_S: '5', CONNECTIONS: '40', COMPRESSION: 'gzip' })).toEqual({
    url: URL,
    user: 'reader',
    password: 'of the reader',
    database: 'custody',
    cluster: 'main',
    ca: Buffer.from('-----BEGIN CERTIFICATE-----\n'),
    silenceMs: 5_000,
    connections: 40,
    compression: 'gzip',
  });
});

test('all faults at once, and no value of a secret', () => {
  const wrong = {
    USER: "x'; DROP",
    PASSWORD_FILE: '/no/such/file',
    SILENCE_S: '0',
    CONNECTIONS: 'many',
    COMPRESSION: 'zip',
  };
  const faults = faultsOf({ URL: 'ftp://a', ...wrong, CLUSTER: 'a b' });
  expect(faults.map((line) => line.split(' ')[0])).toEqual(
    ['URL', 'COMPRESSION', 'CLUSTER', 'USER', 'PASSWORD_FILE', 'SILENCE_S', 'CONNECTIONS'].map(
      (name) => `CUSTODY_CLICKHOUSE_${name}`,
    ),
  );
});

test.each([
  ['http://clickhouse.example:8123', 'must be https'],
  ['https://user:secret@clickhouse.example', 'no user or password'],
  ['https://clickhouse.example/?user=x', 'nothing behind the path'],
  ['clickhouse', 'must be a URL'],
])('%s is refused', (url, why) => {
  const faults = faultsOf({ URL: url });
  expect(faults.join()).toContain(why);
  expect(faults.join()).not.toContain('secret');
});

test.each(['http://127.0.0.1:8123', 'http://localhost:8123', 'http://[::1]:8123'])('%s is this machine', (url) => {
  expect(read({ URL: url })?.url).toBe(url);
});

test('plain text elsewhere only by an explicit word', () => {
  expect(read({ URL: 'http://clickhouse:8123', ALLOW_PLAINTEXT: '1' })?.url).toBe('http://clickhouse:8123');
});
