import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { POLL_SECRETS, pollSource } from '../support/poll-harness.ts';
import { runCli, startCli, startServer } from '../support/run-cli.ts';
import { gitlabApi, oktaApi, oktaEvent } from '../support/scripted-apis.ts';
import { externUid, gitlabUsersApi } from '../support/scripted-users.ts';
import { BADLY_BEHAVED, startScriptedServer } from '../support/scripted-server.ts';
import type { ScriptedServer } from '../support/scripted-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

// Each command loads the engine, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

// The real command line, log, worker and engine; only Okta is a script.
let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ScriptedServer;
const api = () => oktaApi(60, Date.now() - 5_000, 31);

async function configure(
  url: string,
  secrets: Record<string, string> = POLL_SECRETS,
  sources: readonly object[] = [pollSource('okta.log', url, { interval_seconds: 1, page_size: 20 })],
  more: object = {},
): Promise<readonly string[]> {
  const config = join(folder.path, 'custody.yaml');
  await writeFile(config, stringify({ tenant: 'acme', sources, ...more }));
  const file = join(folder.path, 'custody.secrets.yaml');
  await writeFile(file, stringify(secrets));
  await chmod(file, 0o600);
  return ['--config', config, '--data', join(folder.path, 'data')];
}

beforeEach(async () => void (folder = await tempFolder()));
afterEach(async () => {
  await server.close();
  await folder.remove();
});

describe('custody poll', () => {
  test('--once says what it got, a second time that nothing is new, and what a server away means', async () => {
    const okta = api();
    server = await startScriptedServer(okta.script, { seed: 5, misbehaviour: { ...BADLY_BEHAVED, drops: 0 } });
    const common = await configure(server.url);
    const first = await runCli(['poll', '--once', '--format', 'json', ...common]);
    expect(first.stderr).toContain('okta.log/acme.okta.example');
    const [poll] = (JSON.parse(first.stdout) as { polls: Record<string, unknown>[] }).polls;
    expect(poll).toMatchObject({ id: 'okta.log/acme.okta.example', result: { records: 60, settled: { accepted: 60, duplicate: 0, conflict: 0, rejected: {} } } }); // prettier-ignore
    expect(first.code).toBe(0);
    const second = await runCli(['poll', '--once', '--source', 'okta.log', ...common]);
    expect([second.code, second.stdout]).toEqual([0, expect.stringContaining('0 new')]);
    server.behave({ throttles: 0, fails: 0, drops: 0, cuts: 0 });
    await configure(server.url, { ...POLL_SECRETS, okta_api: 'a-token-that-was-revoked' });
    const refused = await runCli(['poll', '--once', ...common]);
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringContaining('refuses the credential of this poll (401)'),
    ]);
    const list = await runCli(['poll', '--list', ...common]);
    expect(list.stdout).toMatch(/System Log of http.*\n {2}last success: 20.*\n {2}last failure: 20.*401/);
    for (const { stdout, stderr } of [first, second, refused, list])
      expect(stdout + stderr).not.toMatch(/okta-api-token|a-token-that/);
    const unknown = await runCli(['poll', '--once', '--source', 'entra', ...common]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('it has okta.log/acme.okta.example')]);
  });

  test('without --once each poll comes again at its own interval, not at the shortest of all', async () => {
    const okta = api();
    const gitlab = gitlabApi(3, Date.now() - 5_000);
    const isGitlab = (path: string): boolean => path.startsWith('/api/v4/');
    server = await startScriptedServer((request) => (isGitlab(request.url.pathname) ? gitlab : okta).script(request));
    const common = await configure(server.url, POLL_SECRETS, [
      pollSource('okta.log', server.url, { interval_seconds: 1 }),
      pollSource('gitlab.audit', server.url, { interval_seconds: 3_600 }),
    ]);
    const running = startCli(['poll', ...common]);
    let said = '';
    running.child.stdout?.on('data', (text: string) => void (said += text));
    const roundsOf = (id: string): number => said.split('\n').filter((line) => line.startsWith(`${id}:`)).length;
    try {
      await expect.poll(() => roundsOf('okta.log/acme.okta.example'), { timeout: 120_000 }).toBeGreaterThanOrEqual(4);
      expect(roundsOf('gitlab.audit/gitlab.acme.example')).toBe(1);
      expect(server.requests.filter(({ url }) => isGitlab(url.pathname))).toHaveLength(1);
    } finally {
      running.child.kill('SIGTERM');
      await running.end;
    }
  });

  test('custody identities tells what the users of a GitLab say of who is who, and until when', async () => {
    const users = gitlabUsersApi(3);
    server = await startScriptedServer(users.script);
    const [saml, host] = ['https://idp.example', 'gitlab.acme.example'];
    const providers = [{ gitlab: host, provider: 'saml', issuer: saml }];
    const common = await configure(server.url, POLL_SECRETS, [pollSource('gitlab.users', server.url)], { identity_providers: providers }); // prettier-ignore
    const user = users.events[1] ?? {};
    const poll = await runCli(['poll', '--once', ...common]);
    expect([poll.code, poll.stdout]).toEqual([0, expect.stringContaining('3 new')]);
    const between = new Date().toISOString();
    user['identities'] = [{ provider: 'corp-ldap', extern_uid: 'uid=2', saml_provider_id: null }];
    expect((await runCli(['poll', '--once', ...common])).stdout).toContain('1 new');
    const then = await runCli(['identities', `gitlab:user:${host}/2`, '--at', between, ...common]);
    const uid = externUid(2);
    expect(then.stdout).toContain(`is idp:user:${saml}/${uid}`);
    expect(then.stdout).toMatch(new RegExp(`= idp:user:${saml}/${uid}: exact, by GitLab's users \\(extern_uid "${uid}" of provider saml at ${host}\\), event:gitlab\\.users/2@\\S+, from 20\\S+, until 20\\S+ by event:gitlab\\.users/2@`)); // prettier-ignore
  });

  test('custody start polls in the background, and goes on after kill -9 where it was', async () => {
    const okta = api();
    server = await startScriptedServer(okta.script);
    const common = await configure(server.url);
    const until = async (url: string, records: number): Promise<void> => {
      const { token } = JSON.parse(await readFile(join(folder.path, 'data/server.json'), 'utf8')) as { token: string };
      for (let said = ''; !said.includes(`"records":${records},`); await sleep(100))
        said = await (await fetch(`${url}/v1/polls`, { headers: { authorization: `Bearer ${token}` } })).text();
    };
    const running = await startServer(common);
    await until(running.url, 60);
    await running.stop('SIGKILL');
    okta.events.push(oktaEvent(60, Date.now()), oktaEvent(61, Date.now()));
    const again = await startServer(common);
    await until(again.url, 62);
    expect((await again.stop()).code).toBe(0);
    const sources = await runCli(['sources', '--format', 'json', ...common]);
    expect(sources.stdout).toMatch(/"accepted":62,"duplicate":0/);
  });
});
