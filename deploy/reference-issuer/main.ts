import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { openIssuer } from '../../ingest/issuer-kit/issuer.ts';
import { readGrants } from './grants.ts';
import { createReferenceIssuer } from './issuer.ts';
import { remoteKeys } from './verify-token.ts';
import type { Provider } from './verify-token.ts';

// The flow once, against a Custody: a stand-in for GitLab and one for the identity provider sign the tokens that the real
// ones would, and give their keys over HTTP as those do. `npm run reference-issuer -- --help` tells the rest.
const ISSUER = 'https://issuer.reference.example';
const { values } = parseArgs({
  options: {
    custody: { type: 'string', default: 'http://127.0.0.1:8080' },
    'secret-file': { type: 'string', default: 'deploy/reference-issuer/custody.secrets.yaml' },
    spool: { type: 'string', default: 'reference-issuer-spool' },
    help: { type: 'boolean' },
  },
});

interface StandIn extends Provider {
  sign(claims: Record<string, unknown>): Promise<string>;
}

async function standIn(issuer: string, alg: 'RS256' | 'ES256'): Promise<StandIn> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const set = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg }] });
  const server = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(set));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const keys = remoteKeys(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth/discovery/keys`));
  return {
    issuer,
    audience: ISSUER,
    algorithms: [alg],
    keys,
    sign: (claims) =>
      new SignJWT({ jti: crypto.randomUUID(), ...claims })
        .setProtectedHeader({ alg, kid: 'k1' })
        .setIssuer(issuer)
        .setAudience(ISSUER)
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(privateKey),
  };
}

async function run(): Promise<void> {
  const token = /^reference_issuer:\s*(\S+)/m.exec(readFileSync(values['secret-file'], 'utf8'))?.[1] ?? '';
  const kit = await openIssuer({ url: values.custody, token, source: ISSUER, spoolFolder: values.spool });
  const gitlab = await standIn('https://gitlab.reference.example', 'RS256');
  const people = await standIn('https://idp.reference.example', 'ES256');
  const { privateKey } = await generateKeyPair('ES256');
  const grants = readGrants(readFileSync(new URL('policy.yaml', import.meta.url), 'utf8'));
  const issuer = createReferenceIssuer({ kit, grants, issuer: ISSUER, gitlab, people, signing: { kid: 'r1', key: privateKey } }); // prettier-ignore
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const job = await gitlab.sign({
    sub: 'project_path:platform/payments:ref_type:branch:ref:main', project_path: 'platform/payments', project_id: '4242',
    pipeline_id: '770051', job_id: String(Date.now() % 1_000_000_000), user_id: '316', ref: 'main', ref_protected: 'true',
    sha: 'f3a9c2d1e0b4a5968778695a4b3c2d1e0f9a8b7c', environment: 'production', environment_action: 'start',
  }); // prettier-ignore
  const role = 'arn:aws:iam::111122223333:role/payments-deploy';
  const first = await issuer.request(job, role);
  say(`a job asks for ${role}: ${first.status}`);
  if (first.status !== 'approval_pending') throw new Error('the policy did not ask for an approval');
  const jonas = await people.sign({ sub: 'jonas', groups: ['production-approvers'] });
  const { approved } = await issuer.approve(first.request_id, jonas);
  say(`jonas approves ${first.request_id}: ${approved}`);
  const second = await issuer.request(job, role);
  if (second.status !== 'issued') throw new Error(`no token was issued: ${second.status}`);
  say(`a token is issued, good until ${second.expires_at}, jti ${second.jti} (also AWS source identity)`);
  say((await kit.flush(60_000)) ? 'Custody has taken every event.' : 'Custody is away; the events are in the spool.');
  await kit.close();
  say(`\nnpx custody trace token:jti:${ISSUER}/${second.jti} --data reference-data`);
}

if (values.help === true)
  process.stdout.write(
    'Usage: npm run reference-issuer -- [--custody URL] [--secret-file FILE] [--spool FOLDER]\n\nA job asks, a person approves, a token is issued; each step is reported to Custody. See deploy/reference-issuer/README.md\n',
  );
else await run();
