import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import type { CryptoKey } from 'jose';
import { readGrants } from '../../deploy/reference-issuer/grants.ts';
import { createReferenceIssuer } from '../../deploy/reference-issuer/issuer.ts';
import type { EventDraft } from '../../ingest/issuer-kit/event-types.ts';
import { buildEvent } from '../../ingest/issuer-kit/build-event.ts';
import type { Issuer } from '../../ingest/issuer-kit/issuer.ts';
import { runCli, startServer } from '../support/run-cli.ts';
import type { RunningServer } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

const FOLDER = join(import.meta.dirname, '../../deploy/reference-issuer');
let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: RunningServer;

beforeAll(async () => {
  folder = await tempFolder();
  copyFileSync(join(FOLDER, 'custody.yaml'), join(folder.path, 'custody.yaml'));
  writeFileSync(join(folder.path, 'custody.secrets.yaml'), `reference_issuer: ${'a1'.repeat(24)}\n`, { mode: 0o600 });
  const args = ['--data', join(folder.path, 'data'), '--config', join(folder.path, 'custody.yaml')];
  server = await startServer(args, { cwd: folder.path });
}, 120_000);
afterAll(async () => {
  server?.run.child.kill('SIGKILL');
  await folder?.remove();
});

describe('the reference issuer', () => {
  test('the three commands of the README show the flow as a chain', async () => {
    const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    for (const command of ['npx custody start --data', 'npm run reference-issuer\n', 'npx custody trace token:jti:'])
      expect(readme).toContain(command);
    const args = ['--custody', server.url, '--secret-file', join(folder.path, 'custody.secrets.yaml'), '--spool', join(folder.path, 'spool')]; // prettier-ignore
    const tsx = ['--import', 'tsx', join(FOLDER, 'main.ts')];
    const ran = spawnSync(process.execPath, [...tsx, ...args], { encoding: 'utf8', timeout: 100_000 });
    expect([ran.status, ran.stdout]).toEqual([0, expect.stringContaining('Custody has taken every event.')]);
    const key = /custody trace (token:jti:\S+)/.exec(ran.stdout)?.[1] ?? '';
    const trace = (...more: string[]): ReturnType<typeof runCli> => runCli(['trace', key, '--url', server.url, ...more], { env: { CUSTODY_TOKEN: tokenOf() } }); // prettier-ignore
    await expect.poll(async () => (await trace()).code, { timeout: 60_000, interval: 500 }).toBe(0);
    const chain = JSON.parse((await trace('--format', 'json')).stdout) as {
      events: { type: string; actor: { key: string } }[];
    };
    expect(chain.events.map(({ type }) => /\.token\.(\w+)\./.exec(type)?.[1])).toEqual(['requested', 'approved', 'exchanged']); // prettier-ignore
    const text = (await trace()).stdout;
    for (const part of ['jonas', 'payments-deploy', 'gitlab:job:gitlab.reference.example'])
      expect(text).toContain(part);
  }, 240_000);
});

function tokenOf(): string {
  return (JSON.parse(readFileSync(join(folder.path, 'data', 'server.json'), 'utf8')) as { token: string }).token;
}

describe('what the reference issuer refuses', () => {
  const GITLAB = 'https://gitlab.reference.example';
  const IDP = 'https://idp.reference.example';
  const ISSUER = 'https://issuer.reference.example';
  const ROLE = 'arn:aws:iam::111122223333:role/payments-deploy';
  const CLAIMS = {
    jti: 'job-token-1', sub: 'project_path:platform/payments:ref_type:branch:ref:main', project_path: 'platform/payments',
    project_id: '4242', pipeline_id: '1', job_id: '2', user_id: '316', ref: 'main', ref_protected: 'true', sha: 'abc',
    environment: 'production', environment_action: 'start',
  }; // prettier-ignore

  async function open() {
    const drafts: EventDraft[] = [];
    const kit = {
      emit: (draft: EventDraft) => {
        // Held to the contract as the real one does.
        const { id } = buildEvent(draft, ISSUER);
        drafts.push(draft);
        return Promise.resolve({ id, sequence: drafts.length });
      },
    } as Partial<Issuer> as Issuer;
    const [gitlab, idp, own] = await Promise.all(['RS256', 'ES256', 'ES256'].map((alg) => generateKeyPair(alg, { extractable: true }))); // prettier-ignore
    if (!gitlab || !idp || !own) throw new Error('no keys');
    const set = async (key: CryptoKey, alg: string) => createLocalJWKSet({ keys: [{ ...(await exportJWK(key)), alg, kid: 'k' }] }); // prettier-ignore
    const ownKeys = await set(own.publicKey, 'ES256');
    const issuer = createReferenceIssuer({
      kit,
      grants: readGrants(readFileSync(join(FOLDER, 'policy.yaml'), 'utf8')),
      issuer: ISSUER,
      gitlab: { issuer: GITLAB, audience: ISSUER, algorithms: ['RS256'], keys: await set(gitlab.publicKey, 'RS256') },
      people: { issuer: IDP, audience: ISSUER, algorithms: ['ES256'], keys: await set(idp.publicKey, 'ES256') },
      signing: { kid: 'k', key: own.privateKey },
    });
    const sign = (key: CryptoKey, alg: string, claims: Record<string, unknown>, aud = ISSUER, iss = GITLAB) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid: 'k' }).setIssuer(iss).setAudience(aud).setIssuedAt().setExpirationTime('5m').sign(key); // prettier-ignore
    return {
      issuer,
      drafts,
      ownKeys,
      job: (more: object = {}, aud?: string) => sign(gitlab.privateKey, 'RS256', { ...CLAIMS, ...more }, aud),
      person: (claims: object) => sign(idp.privateKey, 'ES256', { jti: 'p-1', sub: 'jonas', ...claims }, ISSUER, IDP),
      stranger: () => sign(idp.privateKey, 'ES256', CLAIMS),
    };
  }

  test('jobs that no rule grants, with the reason reported', async () => {
    const { issuer, drafts, job } = await open();
    for (const more of [{ ref_protected: 'false' }, { environment: 'staging' }, { project_path: 'other/project' }, { environment_action: 'stop' }])
      expect(await issuer.request(await job(more), ROLE)).toEqual({ status: 'denied', reason: 'no_rule_grants_this' });
    expect(await issuer.request(await job(), 'arn:aws:iam::111122223333:role/admin')).toMatchObject({ status: 'denied' });
    expect(drafts.map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => ['requested', 'denied']).flat());
  }); // prettier-ignore

  test('tokens of another key, or none: nothing is decided and nothing told', async () => {
    const { issuer, drafts, job, stranger, person } = await open();
    const refused = async (token: string) => (await issuer.request(token, ROLE)).status;
    for (const token of [await stranger(), `${await job()}x`, 'eyJhbGciOiJub25lIn0.e30.', ''])
      expect(await refused(token)).toBe('refused');
    expect(await issuer.approve('rq-0', await stranger())).toMatchObject({ approved: false, reason: 'wrong_issuer' });
    expect(await issuer.approve('rq-0', `${await person({})}x`)).toMatchObject({ approved: false });
    expect(drafts).toEqual([]);
  });

  test('approvals by who asked, by who may not, and for nothing; then one token for one ID token', async () => {
    const { issuer, drafts, job, person, ownKeys } = await open();
    const idToken = await job();
    const pending = await issuer.request(idToken, ROLE);
    const id = pending.status === 'approval_pending' ? pending.request_id : '';
    const groups = ['production-approvers'];
    expect(await issuer.approve(id, await person({ groups: [] }))).toEqual({ approved: false, reason: 'not_an_approver' });
    expect(await issuer.approve(id, await person({ groups, gitlab_user_id: '316' }))).toEqual({ approved: false, reason: 'own_request' });
    expect(await issuer.approve('rq-0', await person({ groups }))).toEqual({ approved: false, reason: 'no_such_request' });
    expect(await issuer.request(idToken, ROLE)).toEqual({ status: 'approval_pending', request_id: id });
    expect(await issuer.approve(id, await person({ groups }))).toEqual({ approved: true });
    const [one, two] = await Promise.all([issuer.request(idToken, ROLE), issuer.request(idToken, ROLE)]);
    expect([one.status, two.status].toSorted()).toEqual(['denied', 'issued']);
    const issued = [one, two].find((answer) => answer.status === 'issued');
    const { payload } = await jwtVerify(issued?.status === 'issued' ? issued.token : '', ownKeys, { issuer: ISSUER, audience: 'sts.amazonaws.com' });
    expect(payload['https://aws.amazon.com/source_identity']).toBe(payload.jti);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(600);
    expect(drafts.map(({ type }) => type).toSorted()).toEqual(['approved', 'denied', 'exchanged', 'requested']);
  }); // prettier-ignore
});
