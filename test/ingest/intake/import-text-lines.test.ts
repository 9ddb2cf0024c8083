import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readElements } from '../../../ingest/intake/import-reader.ts';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import type { ScannedElement } from '../../../ingest/intake/scan-types.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { emptyPolicy } from '../../../model/policy.ts';
import type { Source } from '../../../model/source.ts';
import { SHARED, inputOf } from '../../support/adapter-input.ts';

const EVENT =
  '2026-08-20 09:15:40,117 INFO  [org.keycloak.events] (executor-thread-3) type="LOGOUT", realmId="r", realmName="acme", clientId="cli", userId="u1", sessionId="s1", ipAddress="203.0.113.40"';

async function read(source: Source, file: Buffer): Promise<readonly ScannedElement[]> {
  const adapter = adapterFor(source);
  if (!adapter) throw new Error(source);
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    // Small pieces, so that lines go over their ends.
    for (let at = 0; at < file.length; at += 4_099) yield file.subarray(at, at + 4_099);
  }
  const elements: ScannedElement[] = [];
  const deps = { policy: emptyPolicy(), scan: scanDelivery };
  for await (const portion of readElements(deps, adapter, chunks())) elements.push(...portion.elements);
  return elements;
}

const types = (elements: readonly ScannedElement[]): readonly string[] =>
  elements.map(({ value }) => {
    const parsed = adapterFor('keycloak.event')?.parse(inputOf(parse(value), { instance: 'sso.acme.example' }));
    return parsed?.ok ? (parsed.events[0]?.type ?? '') : (parsed?.reason ?? '');
  });

function parse(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString('utf8'));
  } catch {
    return undefined;
  }
}

describe('files of text lines', () => {
  test.each([
    ['text alone', `${EVENT}\n${EVENT}\r\n`, ['LOGOUT', 'LOGOUT']],
    ['a banner before JSON lines', `Keycloak is starting\n{"timestamp":"2026-08-20T09:15:40.1Z","sequence":1,"loggerName":"org.keycloak.events","message":"type=\\"LOGOUT\\", realmId=\\"r\\", realmName=\\"acme\\", clientId=\\"cli\\", userId=\\"u1\\", ipAddress=\\"203.0.113.40\\""}\n`, ['missing_required_fields', 'LOGOUT']],
    ['text among JSON lines', `{"hello":1}\n${EVENT}\n`, ['missing_required_fields', 'LOGOUT']],
    ['a line of another logger', `2026-08-20 09:15:40,117 WARN  [io.quarkus] (main) hello\n${EVENT}`, ['unknown_type', 'LOGOUT']],
  ])('%s', async (_, text, expected) => {
    expect(types(await read('keycloak.event', Buffer.from(text)))).toEqual(expected);
  }); // prettier-ignore

  test('a line that is no UTF-8 is withheld, and the rest goes on', async () => {
    const elements = await read('keycloak.event', Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from(EVENT)]));
    expect(elements.length).toBe(2);
    expect(types(elements)[1]).toBe('LOGOUT');
    expect(elements[0]?.value.includes(0xff)).toBe(false);
  });

  test('of a source that writes no text, a line of text is unreadable', async () => {
    const elements = await read('okta.log', Buffer.from('{"uuid":"a"}\nhello\n'));
    expect(elements.length).toBe(2);
    expect(elements[1]?.value.toString('utf8')).not.toContain('hello');
  });

  const log = join(SHARED, 'corpus/keycloak/keycloak-26.7.3/events-text.log.gz');
  test.skipIf(!existsSync(log))('the text log of a real Keycloak (needs ../shared/corpus)', async () => {
    const found = types(await read('keycloak.event', gunzipSync(readFileSync(log))));
    expect(found.length).toBe(338);
    expect(found.filter((type) => type === type.toLowerCase())).toEqual(['ambiguous', 'ambiguous']);
  });
});
