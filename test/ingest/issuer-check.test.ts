import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkFile, checkUrl } from '../../ingest/issuer-check/check-issuer.ts';
import { judgeEvents } from '../../ingest/issuer-check/judge-events.ts';
import { judgeKeys } from '../../ingest/issuer-check/judge-keys.ts';
import { isInside, safeFetch } from '../../ingest/issuer-check/safe-fetch.ts';
import { buildEvent, withSequence } from '../../ingest/issuer-kit/build-event.ts';
import { main } from '../../cli/main.ts';
import { runCli } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

const human = { kind: 'human', iss: 'https://idp.example', sub: '00u1' } as const;
const token = { iss: 'https://broker.example', jti: 'b-1', kind: 'jwt' } as const;
const target = { type: 'vault', name: 'https://vault.example' } as const;
const at = (second: number): Date => new Date(Date.UTC(2026, 5, 1, 12, 0, second, 5));
const SOURCE = 'https://broker.example/eu1';

/** A life without fault: asked, approved, issued, used, expired. */
function life(): Record<string, unknown>[] {
  const approval = { mode: 'human', decision_by: human, policy: { id: 'p', version: '1' } } as const;
  const issued = { request_id: 'r-1', token, subject: human, actors: [], target, approval, expires_at: '2026-06-01T12:10:00Z' } as const; // prettier-ignore
  return [
    buildEvent({ type: 'requested', time: at(1), data: { request_id: 'r-1', requester: human } }, SOURCE),
    buildEvent({ type: 'approved', time: at(2), data: { request_id: 'r-1', approval } }, SOURCE),
    buildEvent({ type: 'issued', time: at(3), data: issued }, SOURCE),
    buildEvent({ type: 'used', time: at(4), data: { token, target } }, SOURCE),
    buildEvent({ type: 'expired', time: at(600), data: { token } }, SOURCE),
  ].map((event, index) => ({ ...withSequence(event, index + 1) }));
}
const judge = (events: readonly unknown[]): readonly string[] =>
  judgeEvents(events.map((json, index) => ({ line: index + 1, json }))).findings.map(
    ({ rule, line }) => `${line}:${rule}`,
  );

describe('judging events', () => {
  test('a life without fault has no finding', () => expect(judge(life())).toEqual([]));

  test('each weakness is found at its line, and alone', () => {
    const [asked = {}, approved = {}, issued = {}, used = {}, expired = {}] = life();
    const data = issued['data'] as Record<string, unknown>;
    const without = (name: string): unknown => ({ ...issued, data: Object.fromEntries(Object.entries(data).filter(([key]) => key !== name)) }); // prettier-ignore
    const rest = (changed: unknown): readonly unknown[] => [asked, approved, changed, used, expired];
    for (const [name, rule] of [['expires_at', 'no_expiry'], ['actors', 'no_actors'], ['target', 'no_target'], ['approval', 'no_approval'], ['request_id', 'no_request']] as const)
      expect([name, judge(rest(without(name)))]).toEqual([name, [`3:${rule}`]]);
    expect(judge(rest({ ...issued, time: '2026-06-01T12:00:03Z' }))).toEqual(['3:coarse_time']);
    expect(judge(rest({ ...issued, authid: 'mara@acme.example' }))).toEqual(['3:personal_data']);
    expect(judge(rest({ ...issued, sequence: '3' }))).toEqual(['3:sequence_form']);
    expect(judge(rest({ ...issued, time: '2026-06-01T12:00:09.000Z' }))).toEqual(['4:use_before_issue']);
    expect(judge([asked, approved, issued, { ...used, time: '2026-06-01T13:00:00.000Z' }, expired])).toEqual(['4:use_after_end']);
    expect(judge([asked, approved, used, expired])).toEqual(['3:sequence_gap']);
    expect(judge([asked, { ...asked, time: '2026-06-01T12:00:05.000Z' }])).toEqual(['2:conflict']);
    expect(judge([asked, asked])).toEqual([]);
    expect(judge([asked, { ...approved, sequence: asked['sequence'] }])).toEqual(['2:sequence_twice']);
    expect(judge([{ ...asked, type: 'com.example.thing' }])).toEqual(['1:unknown_type']);
    expect(judge([{ ...asked, data: { ...(asked['data'] as object), jwt: 'abcdefgh' } }])).toEqual(['1:token_material_present']);
    const denied = buildEvent({ type: 'denied', time: at(2), data: { request_id: 'r-1', approval: { mode: 'policy' } } }, SOURCE);
    expect(judge([asked, withSequence(denied, 2), issued])).toEqual(['3:issue_after_deny']);
    const again = { ...issued, id: 'b3c1f3a0-0000-7000-8000-000000000001', sequence: '00000000000000000006' };
    expect(judge([...life(), again])).toEqual(['6:issued_twice']);
    expect(judge([])).toEqual(['undefined:empty']);
  }); // prettier-ignore
});

describe('judging what is published', () => {
  test('keys: private parts, missing names, weakness', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' });
    const good = { ...ec.publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256' };
    const rules = (...keys: readonly unknown[]): readonly string[] => judgeKeys({ keys }).findings.map(({ rule }) => rule);
    expect(rules(good)).toEqual([]);
    expect(rules({ ...ec.privateKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256' })).toEqual(['private_key']);
    expect(rules({ kty: 'oct', k: 'c2VjcmV0', kid: 'a', alg: 'HS256' })).toEqual(['private_key', 'weak_alg']);
    expect(rules({ ...rsa, kid: 'a', alg: 'RS256' })).toEqual(['weak_key']);
    expect(rules(good, good)).toEqual(['kid_twice']);
    expect(rules({ kty: 'EC', crv: 'P-256', x: '', y: '', kid: 'a', alg: 'ES256' }, 7)).toEqual(['unreadable_key', 'no_key']);
    expect(rules()).toEqual(['no_keys']);
  }); // prettier-ignore
});

describe('fetching', () => {
  let server: Server;
  let base = '';
  beforeAll(async () => {
    const jwk = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'EdDSA' };
    server = createServer((request, response) => {
      const reply: Record<string, () => void> = {
        '/.well-known/openid-configuration': () => response.end(JSON.stringify({ issuer: base, jwks_uri: `${base}/keys` })),
        '/elsewhere/.well-known/openid-configuration': () => response.end(JSON.stringify({ issuer: base, jwks_uri: 'https://169.254.169.254/latest/meta-data', id_token_signing_alg_values_supported: ['none', 'RS256'] })),
        '/keys': () => response.end(JSON.stringify({ keys: [jwk] })),
        '/sample': () => response.end(life().map((event) => JSON.stringify(event)).join('\n')),
        '/redirect': () => response.writeHead(302, { location: `${base}/keys` }).end(),
        '/big': () => response.end(Buffer.alloc(2_000_000, 32)),
        '/slow': () => void response.write('{'),
      }; // prettier-ignore
      (reply[request.url ?? ''] ?? (() => response.writeHead(404).end()))();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('a sample, a key set, and metadata with the keys that it leads to', async () => {
    expect(await checkUrl(new URL(`${base}/sample`), false)).toMatchObject([{ kind: 'events', judged: 5, findings: [] }]);
    expect(await checkUrl(new URL(`${base}/keys`), false)).toMatchObject([{ kind: 'keys', judged: 1, findings: [] }]);
    const metadata = await checkUrl(new URL(`${base}/.well-known/openid-configuration`), false);
    expect(metadata).toMatchObject([{ kind: 'metadata', findings: [] }, { kind: 'keys', judged: 1, findings: [] }]);
  }); // prettier-ignore

  test('what an issuer points to inside is not reached, and is a finding about it', async () => {
    const [metadata, keys] = await checkUrl(new URL(`${base}/elsewhere/.well-known/openid-configuration`), false);
    expect(metadata?.findings.map(({ rule }) => rule)).toEqual(['issuer_mismatch', 'weak_alg']);
    expect(keys?.findings).toMatchObject([
      { rule: 'keys_unreachable', message: expect.stringContaining('inner network') },
    ]);
  });

  test('no redirect, nothing large, nothing slow, no other scheme, no inner address', async () => {
    const rules = { origin: new URL(base), allowPrivate: false };
    for (const path of ['/redirect', '/big', '/nowhere']) await expect(safeFetch(new URL(base + path), rules)).rejects.toThrow(/redirects|larger|404/);
    await expect(safeFetch(new URL(`${base}/slow`), rules)).rejects.toThrow(/too long|abort/i);
    const bad = ['http://example.com/', 'ftp://127.0.0.1/', 'file:///etc/passwd', 'https://user:pw@example.com/', 'https://10.0.0.1/', 'https://[::ffff:127.0.0.1]/', 'https://2130706433/', 'https://0x7f.1/', 'https://[fe80::1]/', 'https://169.254.169.254/', `http://127.0.0.1:1/`];
    for (const url of bad) await expect(safeFetch(new URL(url), rules)).rejects.toMatchObject({ code: 'invalid_request' });
  }, 30_000); // prettier-ignore

  test('inner addresses are known in every form', () => {
    for (const address of ['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.1.1', '100.64.0.1', '0.0.0.0', '255.255.255.255', '::1', '::', '::ffff:10.0.0.1', '::ffff:0a00:1', 'fd00::1', 'fe80::1', 'ff02::1', '64:ff9b::a00:1', 'no address'])
      expect([address, isInside(address)]).toEqual([address, true]);
    for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111']) expect([address, isInside(address)]).toEqual([address, false]);
  }); // prettier-ignore
});

describe('custody issuer-check', () => {
  test('says what is wrong and how to mend it, shows no value, and ends with the right code', async () => {
    const folder = await tempFolder();
    const good = join(folder.path, 'good.ndjson');
    writeFileSync(good, life().map((event) => JSON.stringify(event)).join('\n'));
    const bad = join(folder.path, 'bad.ndjson');
    const secret = `glpat-${'a1B2'.repeat(5)}`;
    writeFileSync(bad, [...life().slice(1).map((event) => JSON.stringify({ ...event, note: secret })), '{"broken', '\u001b[31m{}'].join('\n'));
    const [fine, broken, json] = await Promise.all([
      runCli(['issuer-check', good, '--strict']),
      runCli(['issuer-check', bad]),
      runCli(['issuer-check', bad, '--format', 'json']),
    ]);
    expect([fine.code, fine.stdout]).toEqual([0, expect.stringContaining('Keeps the contract. 0 errors, 0 warnings.')]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(/note holds token material .*\(line 1, 2, 3, 4\)[\s\S]*Revoke[\s\S]*no JSON\. \(line 5, 6\)[\s\S]*Breaks the contract\. 6 errors/);
    expect(broken.stdout + json.stdout).not.toContain(secret);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, errors: 6, checked: [{ kind: 'events', judged: 6 }] });
    expect(await main(['issuer-check'])).toBe(2);
    expect(await main(['issuer-check', join(folder.path, 'none')])).toBe(2);
    expect(() => checkFile(folder.path)).toThrow(/cannot be read/);
    await folder.remove();
  }, 90_000); // prettier-ignore
});
