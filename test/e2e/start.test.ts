import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RECEIVED_AT, writeNativeFiles } from '../support/native-files.ts';
import type { NativeFiles } from '../support/native-files.ts';
import { makeCertificate, testRsaKey } from '../support/report-signer.ts';
import { runCli, startServer } from '../support/run-cli.ts';
import type { CliEnd, RunningServer } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let native: NativeFiles;
let data = '';
let server: RunningServer;
const alone = new Map<string, CliEnd>();

const PERIOD = ['--from', '2026-07-01', '--to', '2026-08-01'] as const;

// As of a moment: without one, how long a source has been silent is told up to now.
const sourcesAsJson = (): readonly string[] => ['sources', '--as-of', native.asOf, '--format', 'json'];

/** Commands whose output must not depend on who holds the folder. */
function commands(): readonly (readonly string[])[] {
  const asOf = ['--as-of', native.asOf];
  return [
    ['sources', ...asOf],
    sourcesAsJson(),
    ['trace', native.showcase],
    ['trace', native.showcase, '--format', 'json'],
    ['trace', 'gitlab:job:nowhere.example/1'],
    ...['text', 'ndjson', 'csv', 'json'].map((format) => ['timeline', ...PERIOD, '--limit', '300', '--format', format]),
    ['timeline', ...PERIOD, '--where', 'action=secret.* outcome=success'],
    ['timeline', ...PERIOD, '--where', 'colour=blue'],
    ['check', '--framework', 'all', ...PERIOD, ...asOf],
    ['check', '--framework', 'soc2', ...PERIOD, ...asOf, '--format', 'json'],
    ['check', '--framework', 'soc2', ...PERIOD, ...asOf, '--test', 'T-99', '--format', 'json'],
    ['import', '--source', 'vault.audit', '--instance', 'vault-1', '--received-at', RECEIVED_AT, native.files['vault.audit'] ?? ''],
    ['import', '--source', 'hoop.event', '--received-at', RECEIVED_AT, '--format', 'json', native.files['hoop.event'] ?? ''],
  ]; // prettier-ignore
}

const custody = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliEnd> =>
  runCli([...args, '--data', data, '--config', native.policy], { cwd: folder.path, env });

beforeAll(async () => {
  folder = await tempFolder();
  native = writeNativeFiles(folder.path, 900, 40);
  data = join(folder.path, 'data');
  // The first time brings events, the second is what is compared: afterwards nothing changes any more.
  const first = await custody(['deliver', native.deliveries]);
  expect(first.stderr).not.toContain('custody:');
  for (const args of commands()) if (args[0] === 'import') await custody(args);
  // A server tells of a policy that is new to it in Custody's own log, once.
  await (await startServer(['--data', data, '--config', native.policy], { cwd: folder.path })).stop();
  for (const args of commands()) alone.set(args.join(' '), await custody(args));
  server = await startServer(['--data', data, '--config', native.policy], { cwd: folder.path });
}, 300_000);
afterAll(async () => {
  server?.run.child.kill('SIGKILL');
  await folder.remove();
});

describe('custody start', () => {
  test('listens on loopback and answers', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status, { timeout: 20_000 }).toBe(200);
    for (const path of ['/healthz', '/readyz', '/openapi.json']) {
      const answer = await fetch(`${server.url}${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });

  test('writes its token where only its owner can read it', async () => {
    const path = join(data, 'server.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { token } = JSON.parse(readFileSync(path, 'utf8')) as { token: string };
    const answer = await fetch(`${server.url}/v1/sources`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  });

  test('refuses a second one on the same folder, with the reason', async () => {
    const { code, stderr, stdout } = await custody(['start', '--port', '0']);
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/belongs to process \d+, which answers at http:\/\/127\.0\.0\.1:\d+/);
  });

  test('the other commands go through it and print what they print alone, to the byte', async () => {
    for (const args of commands()) {
      const through = await custody(args);
      const before = alone.get(args.join(' '));
      expect([args, through.code, through.stdout]).toEqual([args, before?.code, before?.stdout]);
      if (through.stdout === '') expect(through.stderr).toBe(before?.stderr);
    }
  }, 300_000);

  test('the same pack alone and through it, signed inside, told on one screen, and verified', async () => {
    const args = ['report', '--framework', 'soc2', ...PERIOD, '--as-of', native.asOf];
    const through = await custody([...args, '--format', 'json', '--out', join(folder.path, 'through')]);
    await server.stop();
    const by = await custody([...args, '--out', join(folder.path, 'alone')]);
    server = await startServer(['--data', data, '--config', native.policy], { cwd: folder.path });
    expect([by.code, through.code]).toEqual([1, 1]);
    const [report] = (JSON.parse(through.stdout) as { reports: { zip: string; zip_sha256: string }[] }).reports;
    const name = 'custody-soc2-2026-07-01-2026-08-01-draft';
    const zips = ['through', 'alone'].map((place) => readFileSync(join(folder.path, place, `${name}.zip`)));
    expect(zips[0]?.equals(zips[1] ?? Buffer.alloc(0))).toBe(true);
    expect(by.stdout).toContain(`SHA-256 ${report?.zip_sha256}`);
    expect(by.stdout).toMatch(
      /^soc2, draft: \d+ tests, [\d ,]+ items? tested, [\d ,]+ exceptions?, [\d ,]+ undetermined\n/,
    );
    expect(by.stdout.split('\n').length).toBeLessThan(25);
    const verified = await runCli(['verify', report?.zip ?? ''], { cwd: folder.path });
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stdout).toMatch(/report\.pdf is signed as a whole by O=.*, CN=Custody reports \(self-signed,/);
  }, 300_000);

  test('an issued report is neither made again nor written over what was issued', async () => {
    const args = ['report', '--framework', 'soc2', ...PERIOD, '--as-of', native.asOf, '--issue'];
    const out = join(folder.path, 'issued');
    const there = join(out, 'custody-soc2-2026-07-01-2026-08-01-v1');
    mkdirSync(there, { recursive: true });
    writeFileSync(join(there, 'manifest.json'), '{"status":"issued"}');
    const kept = await custody([...args, '--out', out]);
    expect(kept.code).toBe(1);
    expect(kept.stderr).toMatch(/holds an issued report with other content and is not written over.*--out/);
    expect(readdirSync(out)).toEqual(['custody-soc2-2026-07-01-2026-08-01-v1']);
    expect(readdirSync(there)).toEqual(['manifest.json']);
    const again = await custody([...args, '--out', join(folder.path, 'again')]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/-v1 was issued as of .* is not written again.*--supplement/);
    expect(existsSync(join(folder.path, 'again'))).toBe(false);
  }, 300_000);

  test('a key and a certificate that are not one pair are told at the start, and nothing is opened', async () => {
    const files = ['key', 'certificate'].map((name) => join(folder.path, `other-${name}.pem`));
    writeFileSync(files[0] ?? '', testRsaKey(0).export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(files[1] ?? '', makeCertificate({ subject: 'Other', key: testRsaKey(1) }));
    const env = { CUSTODY_REPORT_KEY_FILE: files[0] ?? '', CUSTODY_REPORT_CERTIFICATE_FILE: files[1] ?? '' };
    const args = ['start', '--port', '0', '--data', join(folder.path, 'elsewhere'), '--config', native.policy];
    const { code, stderr } = await runCli(args, { cwd: folder.path, env });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^custody: .*their keys differ\.\n$/)]);
  });

  test('refuses work for a port that is taken', async () => {
    await server.stop();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await custody(['start', '--port', String(port)]);
    other.close();
    server = await startServer(['--data', data, '--config', native.policy], { cwd: folder.path });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^custody: .*127\.0\.0\.1:\d+ .*(in use|taken)/m);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('--url and CUSTODY_TOKEN reach it from anywhere', async () => {
    const { token } = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as { token: string };
    const args = [...sourcesAsJson(), '--url', server.url];
    const remote = await runCli(args, { cwd: folder.path, env: { CUSTODY_TOKEN: token } });
    expect(remote.stdout).toBe(alone.get(sourcesAsJson().join(' '))?.stdout);
    const wrong = await runCli(args, { cwd: folder.path, env: { CUSTODY_TOKEN: 'guessed' } });
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toMatch(/^custody: .*token/);
    const none = await runCli(args, { cwd: folder.path });
    expect(none.code).toBe(3);
    expect(none.stderr).toMatch(/CUSTODY_TOKEN/);
    const gone = await runCli(['sources', '--url', 'http://127.0.0.1:9'], { cwd: folder.path });
    expect(gone.code).toBe(3);
    expect(gone.stderr).toMatch(/^custody: http:\/\/127\.0\.0\.1:9 cannot be reached/);
  });

  test('SIGTERM: exit 0, the token is gone, the folder is free', async () => {
    const { code } = await server.stop();
    expect(code).toBe(0);
    expect(existsSync(join(data, 'server.json'))).toBe(false);
    server = await startServer(['--data', data, '--config', native.policy], { cwd: folder.path });
    expect((await server.stop('SIGINT')).code).toBe(0);
  });
});

describe('addresses', () => {
  const OIDC = {
    CUSTODY_OIDC_ISSUER: 'https://idp.example',
    CUSTODY_OIDC_AUDIENCE: 'custody',
    CUSTODY_OIDC_JWKS_URL: 'https://idp.example/keys',
  };

  test('any other address is refused without OIDC, naming what is missing', async () => {
    const none = await custody(['start', '--port', '0', '--host', '0.0.0.0']);
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/0\.0\.0\.0 needs OIDC.*CUSTODY_OIDC_ISSUER.*127\.0\.0\.1/);
    const half = await custody(['start', '--port', '0', '--host', '0.0.0.0'], { CUSTODY_OIDC_ISSUER: 'https://idp.example' }); // prettier-ignore
    expect(half.code).toBe(2);
    expect(half.stderr).toMatch(/missing: CUSTODY_OIDC_AUDIENCE, CUSTODY_OIDC_JWKS_URL/);
    const plain = await custody(['start', '--port', '0', '--host', '0.0.0.0'], { ...OIDC, CUSTODY_OIDC_JWKS_URL: 'http://idp.example/keys' }); // prettier-ignore
    expect(plain.code).toBe(2);
    expect(plain.stderr).toMatch(/https/);
  });

  test('with OIDC it starts', async () => {
    const open = await startServer(['--data', data, '--config', native.policy, '--host', '0.0.0.0'], {
      cwd: folder.path,
      env: OIDC,
    });
    const port = new URL(open.url).port;
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const stranger = await fetch(`http://127.0.0.1:${port}/v1/sources`, {
      headers: { authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' },
    });
    expect(stranger.status).toBe(401);
    // The commands of this machine still find it.
    expect((await custody(sourcesAsJson())).stdout).toBe(alone.get(sourcesAsJson().join(' '))?.stdout);
    expect((await open.stop()).code).toBe(0);
  });
});
