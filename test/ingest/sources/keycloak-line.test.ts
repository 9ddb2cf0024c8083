import { describe, expect, test } from 'vitest';
import { readConsoleLine, readKeycloakMessage } from '../../../ingest/sources/keycloak-line.ts';

/** Writes a line as Keycloak does: quotes get a backslash, backslashes none. */
function write(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${name}="${value.replaceAll('"', '\\"')}"`).join(', ');
}

const HEAD = [
  ['type', 'LOGIN_ERROR'],
  ['realmId', 'r1'],
  ['realmName', 'acme'],
] as const;

describe('lines of Keycloak', () => {
  test.each([
    ['a quote', 'otto "phone"'],
    ['a field made up', 'ghost", error="none'],
    ['a backslash within', 'a\\b'],
    ['a backslash before a quote', 'y\\", error="none'],
    ['what looks like a field', ', error='],
  ])('%s is read as it is', (_, name) => {
    const line = readKeycloakMessage(
      write([...HEAD, ['clientId', name], ['userId', 'null'], ['ipAddress', '192.0.2.9']]),
    );
    expect(line.ok && line.fields.get('clientId')).toBe(name);
  });

  test.each([
    ['a name that ends in a backslash', write([...HEAD, ['clientId', 'ghost\\'], ['userId', 'null'], ['ipAddress', 'x']])],
    ['a last value that does', write([...HEAD, ['clientId', 'c'], ['userId', 'null'], ['ipAddress', 'x'], ['username', 'x\\']])],
    ['two that do, in step', write([...HEAD, ['clientId', 'c'], ['userId', 'null'], ['ipAddress', 'x'], ['redirect_uri', 'x\\'], ['username', ', b=\\'], ['c', ', d=']])],
    ['a field twice', write([...HEAD, ['clientId', 'c'], ['userId', 'null'], ['ipAddress', 'x'], ['a', '1'], ['a', '2']])],
    ['a field of the head among the details', write([...HEAD, ['clientId', 'c'], ['userId', 'null'], ['ipAddress', 'x'], ['a', '1'], ['userId', 'admin']])],
    ['another order', write([['type', 'LOGIN'], ['realmName', 'acme'], ['realmId', 'r1']])],
    ['no quotes', 'type=LOGIN, realmId=r1'],
    ['a cut line', 'type="LOGIN", realmId="r1", '],
    ['nothing', ''],
  ])('%s has no single reading', (_, message) => {
    expect(readKeycloakMessage(message).ok).toBe(false);
  }); // prettier-ignore

  test('whatever a caller names himself, no line is read as what it is not: 50,000 of them', () => {
    const pieces = [
      '\\',
      '"',
      ', ',
      '=',
      'userId',
      'error',
      '", userId="admin',
      '\\", error=',
      'x',
      'redirect_uri="',
      '\\\\',
      ', username=',
    ];
    const random = randomOf(26_7_3);
    const pick = (): string => {
      let text = '';
      for (let length = Math.floor(random() * 6); length > 0; length -= 1)
        text += pieces[Math.floor(random() * pieces.length)] ?? '';
      return text;
    };
    let readable = 0;
    for (let round = 0; round < 50_000; round += 1) {
      const fields: readonly (readonly [string, string])[] = [
        ...HEAD, ['clientId', pick()], ['userId', 'null'], ['ipAddress', pick()], ['error', 'client_not_found'],
        ['redirect_uri', pick()], ['grant_type', 'password'], ['username', pick()], ['code_id', pick()],
      ]; // prettier-ignore
      const line = readKeycloakMessage(write(fields));
      if (!line.ok) continue;
      readable += 1;
      expect([...line.fields]).toEqual(fields);
    }
    expect(readable).toBeGreaterThan(5_000);
  });

  test('a line of the console is taken apart; one of another form is none', () => {
    expect(
      readConsoleLine('2026-08-20 09:15:40,117 WARN  [org.keycloak.events] (executor-thread-1) type="X"\n'),
    ).toEqual({
      time: '2026-08-20 09:15:40,117',
      level: 'WARN',
      logger: 'org.keycloak.events',
      message: 'type="X"',
    });
    expect(readConsoleLine('\tat org.keycloak.Foo.bar(Foo.java:1)')).toBeUndefined();
    expect(readConsoleLine('2026-08-20T09:15:40Z INFO type="X"')).toBeUndefined();
  });
});

// Mulberry32: the same seed gives the same rounds on every machine.
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
