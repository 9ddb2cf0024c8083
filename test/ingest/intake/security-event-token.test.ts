import {
  SignJWT,
  UnsecuredJWT,
  base64url,
  createLocalJWKSet,
  errors,
  exportJWK,
  exportSPKI,
  generateKeyPair,
} from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCredentials } from '../../../ingest/intake/credentials.ts';
import { secretsFrom } from '../../../ingest/intake/secrets.ts';
import { policySchema } from '../../../model/policy.ts';
import { NOW_US, SECRETS, createTestIntake } from '../../support/intake.ts';
import type { TestIntake } from '../../support/intake.ts';

const ISSUER = 'https://idp.acme.example';
const AUDIENCE = 'https://custody.acme.example';
const JWKS = 'https://idp.acme.example/keys';
const TYPE = 'application/secevent+jwt';

const policy = policySchema.parse({
  tenant: 'acme',
  sources: [
    {
      family: 'ssf',
      instance: 'idp.acme.example',
      security_events: { issuer: ISSUER, audience: AUDIENCE, jwks_url: JWKS, algorithms: ['ES256', 'RS256'] },
    },
  ],
});

const CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  jti: 'set-1',
  iat: Math.floor(NOW_US / 1_000_000) - 5,
  sub_id: { format: 'iss_sub', iss: ISSUER, sub: 'u-1' },
  events: {
    'https://schemas.openid.net/secevent/caep/event-type/session-revoked': {
      event_timestamp: Math.floor(NOW_US / 1_000_000) - 6,
      initiating_entity: 'admin',
    },
  },
};

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let ec: Pair;
let rsa: Pair;
let stranger: Pair;
let intake: TestIntake;
let asked: string[];

beforeAll(async () => {
  [ec, rsa, stranger] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('RS256', { extractable: true }), generateKeyPair('ES256', { extractable: true })]); // prettier-ignore
  const keys = await Promise.all([
    exportJWK(ec.publicKey).then((jwk) => ({ ...jwk, kid: 'ec', alg: 'ES256' })),
    exportJWK(rsa.publicKey).then((jwk) => ({ ...jwk, kid: 'rsa', alg: 'RS256' })),
  ]);
  const set = createLocalJWKSet({ keys });
  asked = [];
  intake = await createTestIntake({
    policy,
    credentials: openCredentials(policy, secretsFrom(SECRETS)),
    keysOf: (url) => {
      asked.push(url);
      return set;
    },
  });
});

const sign = (claims: object, header: object = {}, key = ec.privateKey): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'ec', typ: 'secevent+jwt', ...header }).sign(key);

const push = (body: string, type = TYPE) => intake.send('/v1/ingest/ssf.set', { 'content-type': type }, body);

describe('security event tokens at the door', () => {
  test('one that is signed as the policy says is stored as its claims, without the token', async () => {
    const before = intake.log.all().length;
    const token = await sign(CLAIMS);
    const answer = await push(token);
    expect([answer.statusCode, answer.body]).toEqual([202, '']);
    const [record] = intake.log.all().slice(before);
    expect(JSON.parse(record?.value.toString('utf8') ?? '')).toEqual(CLAIMS);
    const all = JSON.stringify([record?.headers, record?.value.toString('utf8')]);
    for (const part of token.split('.')) expect(all).not.toContain(part);
    expect(new Set(asked)).toEqual(new Set([JWKS]));
    const settled = await intake.log.settle([{ topic: 'ssf', partition: 0, firstOffset: before, lastOffset: before }]);
    expect(settled.accepted).toBe(1);
  });

  test('one that comes again is a repeat of the same event', async () => {
    const before = intake.log.topics.get('ssf')?.length ?? 0;
    await push(await sign({ ...CLAIMS, jti: 'set-2' }));
    await push(await sign({ ...CLAIMS, jti: 'set-2' }));
    const settled = await intake.log.settle([
      { topic: 'ssf', partition: 0, firstOffset: before, lastOffset: before + 1 },
    ]);
    expect(settled).toMatchObject({ accepted: 1, duplicate: 1 });
  });

  const tamper = (token: string): string => {
    const [head, , signature] = token.split('.');
    return `${head}.${base64url.encode(JSON.stringify({ ...CLAIMS, jti: 'forged' }))}.${signature}`;
  };
  const HOSTILE: readonly [string, string, () => Promise<string>][] = [
    ['plain JSON', 'invalid_request', async () => JSON.stringify(CLAIMS)],
    ['nothing', 'invalid_request', async () => ''],
    ['an unsecured token', 'authentication_failed', async () => new UnsecuredJWT({ ...CLAIMS }).encode()],
    ...['none', 'None', 'nOnE'].map((alg): [string, string, () => Promise<string>] => [
      `alg ${alg} with the type`,
      'authentication_failed',
      async () => `${base64url.encode(JSON.stringify({ alg, typ: 'secevent+jwt' }))}.${base64url.encode(JSON.stringify(CLAIMS))}.`,
    ]),
    ['the key of somebody else', 'authentication_failed', () => sign(CLAIMS, {}, stranger.privateKey)],
    ['a key that is not published', 'invalid_key', () => sign(CLAIMS, { kid: 'other' }, stranger.privateKey)],
    ['a key that the token brings', 'authentication_failed', async () => sign(CLAIMS, { jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey)],
    ['a key set that the token names', 'authentication_failed', () => sign(CLAIMS, { jku: 'https://evil.example/keys' }, stranger.privateKey)],
    ['changed claims', 'authentication_failed', async () => tamper(await sign(CLAIMS))],
    [
      'HMAC with the public key',
      'authentication_failed',
      async () =>
        new SignJWT({ ...CLAIMS })
          .setProtectedHeader({ alg: 'HS256', kid: 'rsa', typ: 'secevent+jwt' })
          .sign(new TextEncoder().encode(await exportSPKI(rsa.publicKey))),
    ],
    ['an algorithm that is not allowed', 'authentication_failed', async () => {
      const { privateKey } = await generateKeyPair('ES384');
      return sign(CLAIMS, { alg: 'ES384' }, privateKey);
    }],
    ['another audience', 'invalid_audience', () => sign({ ...CLAIMS, aud: 'https://other.example' })],
    ['no audience', 'invalid_audience', () => sign({ ...CLAIMS, aud: undefined })],
    ['another issuer', 'invalid_issuer', () => sign({ ...CLAIMS, iss: 'https://evil.example' })],
    ['an issuer that begins alike', 'invalid_issuer', () => sign({ ...CLAIMS, iss: `${ISSUER}.evil.example` })],
    ['another type of token', 'invalid_request', () => sign(CLAIMS, { typ: 'JWT' })],
    ['no type', 'invalid_request', () => sign(CLAIMS, { typ: undefined })],
    ['no jti', 'invalid_request', () => sign({ ...CLAIMS, jti: undefined })],
    ['no events', 'invalid_request', () => sign({ ...CLAIMS, events: undefined })],
    ['a critical extension', 'invalid_request', () => sign(CLAIMS, { crit: ['x'], x: 1 }).catch(async () => {
      const [, claims, signature] = (await sign(CLAIMS)).split('.');
      return `${base64url.encode(JSON.stringify({ alg: 'ES256', kid: 'ec', typ: 'secevent+jwt', crit: ['x'], x: 1 }))}.${claims}.${signature}`;
    })],
  ]; // prettier-ignore

  test.each(HOSTILE)('%s is refused with %s, and nothing is stored', async (_name, err, make) => {
    const before = intake.log.all().length;
    const answer = await push(await make());
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ reason: 'set_not_verified', err });
    expect(intake.log.all().length).toBe(before);
  });

  test('a body of another type, or one that is too large, is refused before it is looked at', async () => {
    expect((await push(JSON.stringify(CLAIMS), 'application/json')).statusCode).toBe(415);
    const large = await push(`${'a'.repeat(70_000)}.b.c`);
    expect([large.statusCode, large.json().reason]).toEqual([413, 'too_large']);
  });

  test('keys that cannot be fetched now are no verdict: the issuer is asked to come again', async () => {
    const away = await createTestIntake({
      policy,
      credentials: openCredentials(policy, secretsFrom(SECRETS)),
      keysOf: () => () => Promise.reject(new errors.JWKSTimeout()),
    });
    const answer = await away.send('/v1/ingest/ssf.set', { 'content-type': TYPE }, await sign(CLAIMS));
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'unavailable']);
    expect(away.log.all()).toEqual([]);
  });

  test('a policy without an issuer takes none', async () => {
    const none = await createTestIntake();
    const answer = await none.send('/v1/ingest/ssf.set', { 'content-type': TYPE }, await sign(CLAIMS));
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'unauthenticated']);
  });
});
