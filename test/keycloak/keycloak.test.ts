import { readFile } from 'node:fs/promises';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { policySchema } from '../../model/policy.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { OnceEnd } from '../../ingest/pollers/poll-service.ts';
import type { Custody } from '../../server/open-custody.ts';
import { missingForKeycloak } from '../support/keycloak-dist.ts';
import { PEOPLE, createRealm } from '../support/keycloak-realm.ts';
import type { TestRealm } from '../support/keycloak-realm.ts';
import { startKeycloak } from '../support/keycloak-server.ts';
import type { TestKeycloak } from '../support/keycloak-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const missing = missingForKeycloak();
const say = (text: string): void => void process.stderr.write(`${text}\n`);

// A real server: what it says of itself is compared with what was done to it.
describe.skipIf(missing !== undefined)(`a real Keycloak (${missing ?? 'needs java, and mvn once'})`, () => {
  let keycloak: TestKeycloak;
  let realm: TestRealm;
  let custody: Custody;
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let pollId = '';
  const tokens: string[] = [];

  beforeAll(async () => {
    keycloak = await startKeycloak(say);
    realm = await createRealm(keycloak);
    folder = await tempFolder();
    const policy = policySchema.parse({
      tenant: 'acme',
      sources: [
        {
          family: 'keycloak',
          instance: realm.issuer,
          jwt_issuer: realm.issuer,
          poll: {
            url: keycloak.url,
            page_size: 7,
            auth: {
              kind: 'oauth',
              token_url: `${realm.issuer}/protocol/openid-connect/token`,
              client_id: 'custody-poll',
              secret: 'keycloak_poll',
            },
          },
        },
      ],
    });
    custody = await openCustody({
      folder: folder.path,
      policy,
      secrets: secretsFrom({ keycloak_poll: realm.pollSecret }),
      oidc: {
        issuer: realm.issuer,
        audience: 'custody-api',
        jwksUrl: `${realm.issuer}/protocol/openid-connect/certs`,
        roleClaim: 'roles',
      },
      version: 'test',
      logTo: 'nowhere',
      // Five minutes later, so that nothing is too young to be compared.
      now: () => (Date.now() + 300_000) * 1_000,
    });
    [pollId = ''] = custody.polls?.ids ?? [];
  });
  const once = (): Promise<OnceEnd> => {
    if (!custody.polls) throw new Error('nothing is polled');
    return custody.polls.once(pollId, () => undefined);
  };
  afterAll(async () => {
    await custody?.close();
    await keycloak?.stop();
    await folder?.remove();
  });

  const get = async (path: string, token: string): Promise<{ status: number; body: string }> => {
    const answer = await custody.app.inject({ method: 'GET', url: path, headers: { authorization: `Bearer ${token}`, host: 'localhost' } }); // prettier-ignore
    return { status: answer.statusCode, body: answer.body };
  };

  test('its events come through the poll, each once, page by page', async () => {
    for (const [name, { password }] of Object.entries(PEOPLE)) {
      const token = await realm.logIn(name, password);
      expect(token, `${name} logs in`).toBeTypeOf('string');
      tokens.push(String(token));
    }
    expect(await realm.logIn('mara', 'wrong')).toBeTypeOf('number');
    expect(await realm.logIn('stranger', 'wrong')).toBeTypeOf('number');
    for (let at = 0; at < 9; at += 1)
      await realm.admin('POST', '/users', {
        username: `made-${at}`,
        enabled: true,
        attributes: { pin: [`secret-${at}`] },
      });
    const end = await once();
    // 3 logins, 2 failures, and the login of the poll itself; 9 acts of an administrator.
    const stored = [
      ...((await realm.admin('GET', '/events?max=1000')) as { id: string }[]),
      ...((await realm.admin('GET', '/admin-events?max=1000')) as { id: string }[]),
    ].map(({ id }) => id);
    expect(stored.length).toBeGreaterThanOrEqual(15);
    const rows = (await custody.store.reader.read({
      sql: "SELECT native_id FROM events WHERE family = 'keycloak' AND disposition = 'accepted'",
      params: {},
      row: z.object({ native_id: z.string() }),
    })) as { native_id: string }[];
    expect(rows.map(({ native_id }) => native_id).toSorted()).toEqual(stored.toSorted());
    expect(end).toMatchObject({ records: stored.length, settled: { accepted: stored.length, duplicate: 0, conflict: 0, rejected: {} } }); // prettier-ignore
    expect(end.pages).toBeGreaterThan(2);
    const again = await once();
    expect(again.settled).toEqual({ accepted: 0, duplicate: 0, conflict: 0, rejected: {} });
  });

  test('its tokens log people in to the API, each with the rights of the role', async () => {
    const [mara = '', jon = '', nobody = ''] = tokens;
    expect((await get('/v1/events?limit=1', mara)).status).toBe(200);
    expect((await get('/v1/polls', mara)).status).toBe(200);
    expect((await get('/v1/events?limit=1', jon)).status).toBe(200);
    expect((await get('/v1/polls', jon)).status).toBe(403);
    expect((await get('/v1/events?limit=1', nobody)).status).toBe(403);
    const [head, claims, signature = ''] = mara.split('.');
    const forged = `${head}.${claims}.${signature.slice(0, -4)}${signature.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    expect((await get('/v1/events?limit=1', forged)).status).toBe(401);
    const claimed = Buffer.from(JSON.stringify({ ...decodeJwt(nobody), roles: ['operator'] })).toString('base64url');
    const [nobodyHead, , nobodySignature] = nobody.split('.');
    expect((await get('/v1/events?limit=1', `${nobodyHead}.${claimed}.${nobodySignature}`)).status).toBe(401);
    const ofAdmin = await fetch(`${keycloak.url}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: keycloak.admin.name, password: keycloak.admin.password }),
    }); // prettier-ignore
    const { access_token: foreign } = (await ofAdmin.json()) as { access_token: string };
    expect((await get('/v1/events?limit=1', foreign)).status).toBe(401);
  });

  test('each token is found by its jti, with the person who got it', async () => {
    for (const token of tokens) {
      const { jti = '', sub = '' } = decodeJwt(token);
      const key = encodeURIComponent(`token:jti:${realm.issuer}/${jti}`);
      const { status, body } = await get(`/v1/trace?key=${key}`, tokens[0] ?? '');
      expect([jti, status]).toEqual([jti, 200]);
      expect(body).toContain(sub);
    }
  });

  test('its log and its REST API tell the same events', async () => {
    const lines = keycloak
      .console()
      .split('\n')
      .filter(
        (line) =>
          line.includes('"loggerName":"org.keycloak.events"') && line.includes(`realmName=\\"${realm.realm}\\"`),
      );
    expect(lines.length).toBeGreaterThan(4);
    const sent = await custody.app.inject({
      method: 'POST',
      url: '/v1/imports?source=keycloak.event',
      headers: {
        authorization: `Bearer ${custody.token}`,
        host: 'localhost',
        'content-type': 'application/octet-stream',
      },
      payload: `${lines.join('\n')}\n`,
    });
    expect(sent.body).toContain('"result"');
    const { comparison } = await once();
    expect(comparison).toMatchObject({ only_in_log: 0 });
    expect(Number(comparison?.['matched'])).toBeGreaterThanOrEqual(5);
  });

  test('no secret of the realm, and no token, is in the data folder', async () => {
    const records = await custody.store.reader.read({
      sql: 'SELECT value, headers FROM records',
      params: {},
      row: z.object({ value: z.string(), headers: z.string() }),
    });
    const all = JSON.stringify(records);
    expect(records.length).toBeGreaterThan(10);
    for (const secret of [
      realm.pollSecret,
      'secret-3',
      ...Object.values(PEOPLE).map(({ password }) => password),
      ...tokens,
    ])
      expect(all.includes(secret)).toBe(false);
    expect(await readFile(custody.tokenFile, 'utf8').catch(() => '')).not.toContain(realm.pollSecret);
  });
});
