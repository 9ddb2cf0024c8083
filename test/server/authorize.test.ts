import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, createLocalJWKSet, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import type { CryptoKey, JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLocalAuthorize, createOidcAuthorize, firstOf } from '../../server/authorize.ts';
import type { Authorize } from '../../server/authorize.ts';
import { fetchKeys, isAllowedKeyUrl } from '../../server/fetch-keys.ts';
import { readServerSettings } from '../../server/settings.ts';

const OIDC = {
  issuer: 'https://idp.example',
  audience: 'custody',
  jwksUrl: 'https://idp.example/keys',
  roleClaim: 'roles',
};
const now = (): number => Math.floor(Date.now() / 1_000);
const good = (): JWTPayload => ({
  iss: OIDC.issuer,
  aud: OIDC.audience,
  sub: 'ada',
  iat: now(),
  exp: now() + 300,
  roles: ['auditor'],
});
const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

let authorize: Authorize;
let key: CryptoKey;
let publicPem: string;
let sign: (claims: JWTPayload, header?: Record<string, unknown>) => Promise<string>;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  publicPem = await exportSPKI(pair.publicKey);
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  authorize = createOidcAuthorize(OIDC, createLocalJWKSet({ keys: [jwk] }));
  sign = (claims, header = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header }).sign(key);
});

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'accepted',
    (error: { code?: string }) => error.code ?? 'no code',
  );
}

describe('access tokens', () => {
  test('a valid token gives what its roles give', async () => {
    const token = await sign(good());
    await expect(authorize(`Bearer ${token}`, 'read')).resolves.toMatchObject({
      subject: 'ada',
      permissions: ['read', 'report'],
    });
    expect(await codeOf(authorize(`Bearer ${token}`, 'operate'))).toBe('forbidden');
  });

  test('a role that nobody defined gives nothing, not even one named like a property of objects', async () => {
    for (const roles of [['superuser'], ['constructor'], ['__proto__'], [], 'admin', 7, { operator: true }]) {
      expect(await codeOf(authorize(`Bearer ${await sign({ ...good(), roles })}`, 'read'))).toBe('forbidden');
    }
  });

  test('claims that do not fit are refused', async () => {
    const wrong: JWTPayload[] = [
      { ...good(), iss: 'https://idp.example/' },
      { ...good(), iss: 'https://idp.example.evil' },
      { ...good(), aud: 'custody2' },
      { ...good(), aud: [] },
      { ...good(), exp: now() - 60 },
      { ...good(), exp: undefined as unknown as number },
      { ...good(), iat: undefined as unknown as number },
      { ...good(), sub: undefined as unknown as string },
      { ...good(), nbf: now() + 300 },
      { ...good(), exp: '9999999999' as unknown as number },
    ];
    for (const claims of wrong)
      expect(await codeOf(authorize(`Bearer ${await sign(claims)}`, 'read'))).toBe('unauthenticated');
  });

  test('tricks with algorithms, keys and shapes are refused', async () => {
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = own.publicKey.export({ format: 'jwk' });
    const claims = base64url(good());
    const hmac = (head: string): string =>
      createHmac('sha256', publicPem).update(`${head}.${claims}`).digest('base64url');
    const hs256 = base64url({ alg: 'HS256', kid: 'k1' });
    const valid = await sign(good());
    const [head = '', body = '', signature = ''] = valid.split('.');
    const hostile = [
      ...['none', 'None', 'NONE', 'nOnE', ''].map((alg) => `${base64url({ alg })}.${claims}.`),
      `${hs256}.${claims}.${hmac(hs256)}`,
      await new SignJWT(good()).setProtectedHeader({ alg: 'ES256', jwk, kid: 'k2' }).sign(own.privateKey),
      await new SignJWT(good())
        .setProtectedHeader({ alg: 'ES256', jku: 'https://evil.example/keys', kid: 'k2' })
        .sign(own.privateKey),
      await sign(good(), { kid: "' OR 1=1 --" }),
      await sign(good(), { kid: '../../etc/passwd' }),
      `${head}.${body}.${'A'.repeat(86)}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${base64url({ ...good(), roles: ['operator'] })}.${signature}`,
      `${base64url({ alg: 'ES256', kid: 'k1', crit: ['b64'], b64: false })}.${body}.${signature}`,
      `${head}.${body}.${signature}${'x'.repeat(9_000)}`,
      'x.y.z',
      '',
      'Bearer',
    ];
    for (const token of hostile)
      expect(await codeOf(authorize(`Bearer ${token}`, 'read')), token.slice(0, 60)).toBe('unauthenticated');
    for (const header of [undefined, '', valid, `Basic ${valid}`, `Bearer ${valid} extra`, `Bearer\t${valid}\n`]) {
      expect(await codeOf(authorize(header, 'read')), String(header).slice(0, 40)).toBe('unauthenticated');
    }
  });
});

describe('the local token', () => {
  test('only the exact token is taken, and it may do everything', async () => {
    const local = createLocalAuthorize('s3cret-of-the-folder');
    await expect(local('Bearer s3cret-of-the-folder', 'operate')).resolves.toMatchObject({ subject: 'local' });
    for (const header of [
      undefined,
      'Bearer s3cret-of-the-folde',
      'Bearer s3cret-of-the-folder2',
      'Bearer ',
      's3cret-of-the-folder',
    ]) {
      expect(await codeOf(local(header, 'read'))).toBe('unauthenticated');
    }
  });

  test('beside OIDC either credential is enough, and a known caller without the right is told so', async () => {
    const either = firstOf(createLocalAuthorize('folder-token'), authorize);
    expect(await codeOf(either('Bearer folder-token', 'operate'))).toBe('accepted');
    expect(await codeOf(either(`Bearer ${await sign(good())}`, 'read'))).toBe('accepted');
    expect(await codeOf(either(`Bearer ${await sign(good())}`, 'operate'))).toBe('forbidden');
    expect(await codeOf(either('Bearer neither', 'read'))).toBe('unauthenticated');
  });
});

describe('the key set', () => {
  const server = createServer((request, response) => {
    if (request.url === '/redirect') response.writeHead(302, { location: '/keys' }).end();
    else if (request.url === '/huge') response.end(Buffer.alloc(1_000_000, 32));
    else response.end('{"keys":[]}');
  });
  let base = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());
  const options = () => ({
    headers: new Headers(),
    method: 'GET' as const,
    redirect: 'manual' as const,
    signal: AbortSignal.timeout(5_000),
  });

  test('is read without following redirects and never beyond 64 KiB', async () => {
    expect(await (await fetchKeys(`${base}/keys`, options())).json()).toEqual({ keys: [] });
    await expect(fetchKeys(`${base}/redirect`, options())).rejects.toThrow();
    await expect(fetchKeys(`${base}/huge`, options())).rejects.toThrow('64 KiB');
  });

  test('only https, or http on this machine, without a password in the URL', () => {
    expect(
      ['https://idp.example/keys', 'http://127.0.0.1:9/keys', 'http://localhost/keys'].map(isAllowedKeyUrl),
    ).toEqual([true, true, true]);
    const refused = [
      'http://idp.example/keys',
      'file:///etc/passwd',
      'https://user:pw@idp.example/keys',
      'http://169.254.169.254/',
      'nonsense',
      'ftp://127.0.0.1/',
    ];
    expect(refused.filter(isAllowedKeyUrl)).toEqual([]);
  });
});

describe('where the server listens', () => {
  const oidc = {
    CUSTODY_OIDC_ISSUER: 'https://idp.example',
    CUSTODY_OIDC_AUDIENCE: 'custody',
    CUSTODY_OIDC_JWKS_URL: 'https://idp.example/keys',
  };

  test('loopback by default; another address only with OIDC', () => {
    expect(readServerSettings({}, {})).toMatchObject({ host: '127.0.0.1', port: 8080, oidc: undefined });
    for (const host of ['0.0.0.0', '192.0.2.1', '::', 'custody.example']) {
      expect(() => readServerSettings({ host }, {})).toThrow(/needs OIDC/);
      expect(readServerSettings({ host }, oidc).oidc?.issuer).toBe('https://idp.example');
    }
  });

  test('half a configuration is refused and says what is missing', () => {
    expect(() => readServerSettings({}, { CUSTODY_OIDC_ISSUER: 'https://idp.example' })).toThrow(
      /missing: CUSTODY_OIDC_AUDIENCE, CUSTODY_OIDC_JWKS_URL/,
    );
    expect(() => readServerSettings({}, { ...oidc, CUSTODY_OIDC_JWKS_URL: 'http://idp.example/keys' })).toThrow(
      /https/,
    );
    expect(() => readServerSettings({ port: '70000' }, {})).toThrow(/port/);
  });
});
