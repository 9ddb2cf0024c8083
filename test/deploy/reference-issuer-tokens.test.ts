import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readGrants } from '../../deploy/reference-issuer/grants.ts';
import { createReferenceIssuer } from '../../deploy/reference-issuer/issuer.ts';
import type { Answer } from '../../deploy/reference-issuer/issuer.ts';
import { remoteKeys } from '../../deploy/reference-issuer/verify-token.ts';
import { buildEvent } from '../../ingest/issuer-kit/build-event.ts';
import type { EventDraft } from '../../ingest/issuer-kit/event-types.ts';
import type { Issuer } from '../../ingest/issuer-kit/issuer.ts';
import { startKeyServer } from '../support/key-server.ts';
import type { KeyServer, KeyServerMode } from '../support/key-server.ts';

// GitLab's ID tokens against a key set over HTTP, as the real GitLab gives it; only the server's manners are a script.
const GITLAB = 'https://gitlab.reference.example';
const ISSUER = 'https://issuer.reference.example';
const ROLE = 'arn:aws:iam::444455556666:role/payments-staging';
const POLICY = join(import.meta.dirname, '../../deploy/reference-issuer/policy.yaml');
const LIMITS = { timeoutMs: 20_000, cooldownMs: 200, maxAgeMs: 600_000 };
const CLAIMS = {
  jti: 'job-token-1', sub: 'project_path:platform/payments:ref_type:branch:ref:topic', project_path: 'platform/payments',
  project_id: '4242', pipeline_id: '1', job_id: '2', user_id: '316', ref: 'topic', ref_protected: 'false', sha: 'abc',
  environment: 'staging', environment_action: 'start',
}; // prettier-ignore

interface Pair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function pairOf(kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
}

let first: Pair;
let second: Pair;
let own: CryptoKey;
let server: KeyServer;
beforeAll(async () => {
  [first, second] = await Promise.all([pairOf('k1'), pairOf('k2')]);
  own = (await generateKeyPair('ES256')).privateKey;
}, 120_000);
beforeEach(async () => {
  server = await startKeyServer();
  server.set({ keys: [first.jwk] });
});
afterEach(() => server.close());

function open(limits = LIMITS): { readonly ask: (token: string) => Promise<Answer>; readonly drafts: EventDraft[] } {
  const drafts: EventDraft[] = [];
  const kit = {
    emit: (draft: EventDraft) => {
      // Held to the contract as the real one does.
      const { id } = buildEvent(draft, ISSUER);
      drafts.push(draft);
      return Promise.resolve({ id, sequence: drafts.length });
    },
  } as Partial<Issuer> as Issuer;
  const provider = (issuer: string) => ({ issuer, audience: ISSUER, algorithms: ['RS256'], keys: remoteKeys(server.url, limits) });
  const issuer = createReferenceIssuer({
    kit,
    grants: readGrants(readFileSync(POLICY, 'utf8')),
    issuer: ISSUER,
    gitlab: provider(GITLAB),
    people: provider('https://idp.reference.example'),
    signing: { kid: 'own', key: own },
  });
  return { ask: (token) => issuer.request(token, ROLE), drafts };
} // prettier-ignore

interface Change {
  readonly kid?: string;
  readonly iss?: string;
  readonly aud?: string;
  /** Seconds from now. */
  readonly exp?: number;
  readonly nbf?: number;
}

function sign(pair: Pair, claims: Record<string, unknown> = {}, { kid = pair.kid, iss = GITLAB, aud = ISSUER, exp = 300, nbf }: Change = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const jwt = new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid });
  if (nbf !== undefined) jwt.setNotBefore(now + nbf);
  return jwt.setIssuer(iss).setAudience(aud).setIssuedAt(now - 600).setExpirationTime(now + exp).sign(pair.privateKey);
} // prettier-ignore

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

describe('keys over HTTP', () => {
  test('a token of the right key is taken, and the keys are fetched once for many', async () => {
    const { ask, drafts } = open();
    expect(await ask(await sign(first))).toMatchObject({ status: 'issued' });
    for (let job = 0; job < 5; job += 1)
      expect(await ask(await sign(first, { jti: `t-${job}`, job_id: `${job + 10}` }))).toMatchObject({ status: 'issued' }); // prettier-ignore
    expect(server.fetches()).toBe(1);
    expect(drafts.slice(0, 3).map(({ type }) => type)).toEqual(['requested', 'approved', 'exchanged']);
  });

  test('a new key is found when a token names it, and the old one is good no more', async () => {
    const { ask } = open();
    expect(await ask(await sign(first))).toMatchObject({ status: 'issued' });
    server.set({ keys: [second.jwk] });
    await pause(LIMITS.cooldownMs + 50);
    expect(await ask(await sign(second, { jti: 'j2', job_id: '3' }))).toMatchObject({ status: 'issued' });
    expect(await ask(await sign(first, { jti: 'j3', job_id: '4' }))).toEqual({ status: 'refused', reason: 'unknown_key' }); // prettier-ignore
  });

  test('tokens of a key that nobody knows cannot make the issuer hammer the server of the keys', async () => {
    const { ask, drafts } = open();
    await ask(await sign(first));
    const told = drafts.length;
    await pause(LIMITS.cooldownMs + 50);
    const strange = await Promise.all(
      Array.from({ length: 40 }, (_, at) => sign(second, {}, { kid: `strange-${at}` })),
    );
    const answers = await Promise.all(strange.map(ask));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(new Set(['{"status":"refused","reason":"unknown_key"}'])); // prettier-ignore
    // One fetch at the start, and one for all of them; a slow machine may need more than one cooldown for forty.
    expect(server.fetches()).toBeLessThan(6);
    expect(drafts).toHaveLength(told);
  });

  test.each<KeyServerMode>(['error', 'closed', 'silent', 'nonsense'])(
    'no keys (%s): nothing is decided, and the same token is taken when they are back',
    async (mode) => {
      const { ask, drafts } = open({ ...LIMITS, timeoutMs: 1_000 });
      server.set({ mode });
      const token = await sign(first);
      const began = performance.now();
      expect(await ask(token)).toEqual({ status: 'unavailable', reason: 'keys_unavailable' });
      expect(performance.now() - began).toBeLessThan(20_000);
      expect(drafts).toEqual([]);
      server.set({ mode: 'good' });
      // On a busy machine even a good answer may be later than the second that is waited for it.
      await expect.poll(() => ask(token), { timeout: 30_000 }).toMatchObject({ status: 'issued' });
    },
  );

  test('keys that are held outlast a server that is away', async () => {
    const { ask } = open();
    await ask(await sign(first));
    server.set({ mode: 'error' });
    await pause(LIMITS.cooldownMs + 50);
    expect(await ask(await sign(first, { jti: 'j2', job_id: '3' }))).toMatchObject({ status: 'issued' });
    // A key that is not held may be a new one: without the server nobody can tell.
    expect(await ask(await sign(second))).toEqual({ status: 'unavailable', reason: 'keys_unavailable' });
  });

  test('keys come over https, or from this machine', () => {
    for (const url of ['http://gitlab.acme.example/oauth/discovery/keys', 'http://127.0.0.1.acme.example/', 'file:///keys'])
      expect(() => remoteKeys(new URL(url)), url).toThrow(/use https/);
    expect(remoteKeys(new URL('https://gitlab.acme.example/oauth/discovery/keys'))).toBeTypeOf('function');
  }); // prettier-ignore
});

describe('a token that proves nothing is refused with the reason, and nothing is told of it', () => {
  const now = Math.floor(Date.now() / 1_000);
  const body = { ...CLAIMS, iss: GITLAB, aud: ISSUER, iat: now, exp: now + 3_600 };
  const unsigned = (header: object): string => `${part(header)}.${part(body)}`;
  const hmac = (header: object, secret: string): string =>
    `${unsigned(header)}.${createHmac('sha256', secret).update(unsigned(header)).digest('base64url')}`;
  const HS = { alg: 'HS256', kid: 'k1', typ: 'JWT' };

  test.each<[string, string, () => Promise<string>]>([
    ['alg none', 'algorithm_not_allowed', () => Promise.resolve(`${unsigned({ alg: 'none', kid: 'k1' })}.`)],
    ['alg None', 'algorithm_not_allowed', () => Promise.resolve(`${unsigned({ alg: 'None' })}.`)],
    ['HS256 by the public key as PEM', 'algorithm_not_allowed', async () => hmac(HS, await exportSPKI(first.publicKey))],
    ['HS256 by the public key as JWK', 'algorithm_not_allowed', () => Promise.resolve(hmac(HS, JSON.stringify(first.jwk)))],
    ['HS256 by its modulus', 'algorithm_not_allowed', () => Promise.resolve(hmac(HS, first.jwk.n ?? ''))],
    ['another key under a known id', 'bad_signature', () => sign(second, {}, { kid: 'k1' })],
    ['a changed claim', 'bad_signature', async () => (await sign(first)).replace(/\.[^.]+\./, `.${part({ ...body, ref_protected: 'true' })}.`)],
    ['another issuer', 'wrong_issuer', () => sign(first, {}, { iss: 'https://gitlab.other.example' })],
    ['not yet', 'token_not_yet_valid', () => sign(first, {}, { nbf: 3_600 })],
    ['no jti', 'claims_missing', () => sign(first, { jti: undefined })],
    ['no job', 'claims_missing', () => sign(first, { job_id: undefined })],
    ['a key of its own in the header', 'bad_signature', async () => `${part({ alg: 'RS256', kid: 'k1', jwk: second.jwk, jku: 'http://127.0.0.1:1/' })}.${part(body)}.${(await sign(second)).split('.')[2]}`],
    ['no token', 'token_malformed', () => Promise.resolve('not a token')],
  ])('%s: %s', async (_name, reason, make) => {
    const { ask, drafts } = open();
    expect(await ask(await make())).toEqual({ status: 'refused', reason });
    expect(drafts).toEqual([]);
  }); // prettier-ignore
});

describe('a token that GitLab signed and that is not good here is denied, and the step is told', () => {
  test.each<[string, Change]>([
    ['wrong_audience', { aud: 'https://vault.acme.example' }],
    ['token_expired', { exp: -60 }],
  ])('%s', async (reason, change) => {
    const { ask, drafts } = open();
    expect(await ask(await sign(first, {}, change))).toEqual({ status: 'denied', reason });
    expect(drafts.map(({ type }) => type)).toEqual(['requested', 'denied']);
    expect(drafts[1]?.data).toMatchObject({
      outcome: 'denied',
      approval: { mode: 'policy', reason_code: reason },
      parent_tokens: [{ iss: GITLAB, jti: 'job-token-1', kind: 'jwt' }],
      ci: { job_id: '2', project_path: 'platform/payments' },
      target: { aws: { role_arn: ROLE } },
    });
    // The job's own good token is not spoilt by it.
    expect(await ask(await sign(first))).toMatchObject({ status: 'issued' });
  });

  test('a token that expired less than the forgiven clock ago is still good', async () => {
    const { ask } = open();
    expect(await ask(await sign(first, {}, { exp: -10 }))).toMatchObject({ status: 'issued' });
  });
});
