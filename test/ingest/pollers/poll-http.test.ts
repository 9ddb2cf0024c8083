import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { backOffMs, retryAfterMs } from '../../../ingest/pollers/back-off.ts';
import { pauseAfter } from '../../../ingest/pollers/pause.ts';
import { nextLink } from '../../../ingest/pollers/poll-source.ts';
import { isPollUrl } from '../../../model/policy-poll.ts';
import { policySchema } from '../../../model/policy.ts';
import { Problem } from '../../../model/problem.ts';
import { POLL_NOW, createPollHarness, pollSource } from '../../support/poll-harness.ts';
import { oktaEvent } from '../../support/scripted-apis.ts';
import { json, startScriptedServer } from '../../support/scripted-server.ts';
import type { ScriptedAnswer, ScriptedRequest, ScriptedServer } from '../../support/scripted-server.ts';

const servers: ScriptedServer[] = [];
afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => server.close()))));

async function serve(script: (request: ScriptedRequest) => ScriptedAnswer): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  servers.push(server);
  return server;
}

async function pollOnce(script: (request: ScriptedRequest) => ScriptedAnswer, more: object = {}) {
  const server = await serve(script);
  const pauses: number[] = [];
  const sleep = (ms: number): Promise<void> => Promise.resolve(void pauses.push(ms));
  const harness = createPollHarness([pollSource('okta.log', server.url, { ...more })], { sleep });
  const end = await harness.service
    .once('okta.log/acme.okta.example', () => undefined)
    .catch((error: unknown) => error);
  return { server, harness, end, pauses };
}

const page = (at: number): ScriptedAnswer => json([oktaEvent(at, POLL_NOW)]);

describe('what a poll does not let a server do', () => {
  test('a link that leads elsewhere is not followed, and the credential does not go there', async () => {
    const elsewhere = await serve(() => json([]));
    for (const link of [
      elsewhere.url,
      'https://169.254.169.254/latest/meta-data',
      'http://localhost:1/',
      'file:///etc/passwd',
    ]) {
      const { end, harness, server } = await pollOnce(() => ({
        ...page(1),
        headers: { link: `<${link}/x>; rel="next"` },
      }));
      expect(end).toBeInstanceOf(Problem);
      expect((end as Problem).message).toContain('was not followed');
      expect(server.requests.length).toBe(1);
      // The page itself was good, and stays; the next round says the same again, and goes on asking nobody.
      expect(harness.log.all().length).toBe(1);
    }
    expect(elsewhere.requests).toEqual([]);
  });

  test.each([301, 302, 307, 308])('a redirect (%i) is not followed', async (status) => {
    const elsewhere = await serve(() => json([]));
    const { end } = await pollOnce(() => ({ status, headers: { location: elsewhere.url }, body: '' }));
    expect((end as Problem).message).toContain(`answered ${status}`);
    expect(elsewhere.requests).toEqual([]);
  });

  test('a page that is too large is not taken in, also where it only unpacks to that', async () => {
    const large = JSON.stringify([{ uuid: 'x'.repeat(2_000_000) }]);
    for (const answer of [{ body: large }, { body: gzipSync(large), headers: { 'content-encoding': 'gzip' } }]) {
      const { end, harness } = await pollOnce(() => answer, { max_page_mib: 1 });
      expect((end as Problem).message).toContain('larger than 1 MiB');
      expect(harness.log.all()).toEqual([]);
    }
  });

  test('a server that never ends its answer is given up in time', async () => {
    const slow = createServer((_request, response) => void response.writeHead(200).write('['));
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as { port: number };
    const harness = createPollHarness([pollSource('okta.log', `http://127.0.0.1:${port}`, { timeout_seconds: 1 })]);
    const stop = AbortSignal.timeout(2_500);
    const said: string[] = [];
    const end = harness.service.once(
      'okta.log/acme.okta.example',
      (step) => void ('say' in step && said.push(step.say)),
      stop,
    );
    await expect(end).rejects.toThrow();
    expect(said[0]).toContain('did not answer within 1 s');
    slow.closeAllConnections();
    slow.close();
  });

  test('what is not JSON, or no list, moves nothing', async () => {
    for (const body of ['<html>maintenance</html>', '{"error": 1}', '']) {
      const { end, harness } = await pollOnce(() => ({ body }));
      expect((end as Problem).code).toBe('unavailable');
      expect(harness.service.views()[0]?.cursor).toBeNull();
      expect(harness.service.views()[0]?.last_error?.detail).toMatch(/not JSON|not a list/);
    }
  });

  test('a hostile event of a page is kept as evidence, and the others with it', async () => {
    const deep = `${'['.repeat(200)}${']'.repeat(200)}`;
    let asked = 0;
    const { end, harness } = await pollOnce(() => {
      asked += 1;
      return asked > 1 ? json([]) : { body: `[${JSON.stringify(oktaEvent(1, POLL_NOW))},{"uuid":"u","deep":${deep}}]` };
    });
    expect(end).toMatchObject({ settled: { accepted: 1, rejected: { too_deep: 1 } } });
    expect(harness.log.all().length).toBe(2);
  });
});

describe('what a poll gives a server', () => {
  test('a refused credential is not tried again and again, and the answer says so without it', async () => {
    for (const status of [401, 403]) {
      const { end, server } = await pollOnce(() => ({ status, body: '{}' }));
      expect((end as Problem).message).toContain(`refuses the credential of this poll (${status})`);
      expect((end as Problem).message).not.toContain('okta-api');
      expect(server.requests.length).toBeLessThanOrEqual(2);
    }
  });

  test('the pause that it asks for, and a growing one where it asks for none', async () => {
    let asked = 0;
    const { pauses, end } = await pollOnce(() => {
      asked += 1;
      if (asked === 1) return { status: 429, headers: { 'retry-after': '7' }, body: '' };
      if (asked === 2)
        return { status: 429, headers: { 'x-rate-limit-reset': String(POLL_NOW / 1_000 + 9) }, body: '' };
      return asked < 6 ? { status: 500, body: '' } : json([]);
    });
    expect(end).toMatchObject({ pages: 1 });
    expect(pauses.slice(0, 2)).toEqual([7_000, 9_000]);
    expect(pauses.length).toBe(5);
  });

  test('a pause that is too long ends the round, and the next begins when it is over', async () => {
    const { end, pauses, server } = await pollOnce(() => ({
      status: 429,
      headers: { 'retry-after': '900' },
      body: '',
    }));
    expect([pauses, server.requests.length]).toEqual([[], 1]);
    const { retry_after_s: askedS } = (end as Problem).facts;
    expect(pauseAfter({ failures: 1, everyMs: 60_000, askedS, random: () => 0.5 })).toBe(900_000);
  });

  test('back-off has jitter and bounds', () => {
    for (let tried = 0; tried < 20; tried += 1) {
      expect(backOffMs(tried, () => 0.999)).toBeLessThanOrEqual(60_000);
      expect(backOffMs(tried, () => 0.25)).toBeLessThan(backOffMs(tried, () => 0.75));
    }
    const poll = { failures: 50, everyMs: 60_000, askedS: undefined, random: () => 1 };
    expect(pauseAfter({ ...poll, failures: 1, askedS: 10 ** 9 })).toBe(86_400_000);
    expect(pauseAfter(poll)).toBe(3_600_000);
  });

  test('Retry-After as seconds, as a date, or what cannot be read', () => {
    const of = (value: string): number | undefined => retryAfterMs(new Headers({ 'retry-after': value }), POLL_NOW);
    expect(of('3')).toBe(3_000);
    expect(of(new Date(POLL_NOW + 5_000).toUTCString())).toBe(5_000);
    expect(of(new Date(POLL_NOW - 5_000).toUTCString())).toBe(0);
    for (const text of ['soon', '-3', '1e9', '']) expect(of(text)).toBeUndefined();
  });
});

describe('Okta', () => {
  test('a link that it no longer knows starts anew before the last event, and nothing is lost or twice', async () => {
    const { oktaApi } = await import('../../support/scripted-apis.ts');
    const api = oktaApi(300, POLL_NOW, 9);
    const server = await serve(api.script);
    const { log, service } = createPollHarness([pollSource('okta.log', server.url)]);
    await service.once('okta.log/acme.okta.example', () => undefined);
    api.forgets();
    api.events.push(oktaEvent(300, POLL_NOW - 30_000));
    const said: string[] = [];
    const end = await service.once('okta.log/acme.okta.example', (step) => void ('say' in step && said.push(step.say)));
    expect(said[0]).toContain('no longer knows the link');
    expect([end.records, log.all().length]).toEqual([1, 301]);
  });
});

describe('Entra', () => {
  test('each kind of sign-in is asked for where Graph has it, and what it answers is stored', async () => {
    const logs = ['signIns', 'servicePrincipal', 'managedIdentity', 'directoryAudits'];
    const server = await serve(({ url, method }) => {
      if (method === 'POST') return json({ access_token: 'graph-token', expires_in: 3_600, token_type: 'Bearer' });
      const kind = /t eq '(\w+)'/.exec(url.searchParams.get('$filter') ?? '')?.[1];
      const service = { id: `s-${kind}`, createdDateTime: '2026-08-20T11:00:00Z', servicePrincipalId: 'sp-1', servicePrincipalName: 'deploy', appId: 'a-1', status: { errorCode: 0 }, signInEventTypes: [kind] };
      return json({ value: kind === undefined ? [] : [service] });
    });
    const { log, service } = createPollHarness([pollSource('entra', server.url, { logs })]);
    const [id = ''] = service.ids;
    const end = await service.once(id, () => undefined);
    const asked = server.requests.filter(({ method }) => method === 'GET').map(({ url }) => `${url.pathname} ${url.searchParams.get('$filter')?.replace(/ge \S+/, 'ge T') ?? ''}`);
    expect(asked).toEqual([
      '/v1.0/auditLogs/signIns createdDateTime ge T',
      "/beta/auditLogs/signIns createdDateTime ge T and signInEventTypes/any(t: t eq 'servicePrincipal')",
      "/beta/auditLogs/signIns createdDateTime ge T and signInEventTypes/any(t: t eq 'managedIdentity')",
      '/v1.0/auditLogs/directoryAudits activityDateTime ge T',
    ]);
    expect([end.settled.accepted, log.all().length]).toEqual([2, 2]);
  });
}); // prettier-ignore

describe('the policy of a poll', () => {
  test('addresses: TLS, but on this machine; no password in them', () => {
    for (const url of ['https://acme.okta.com', 'http://127.0.0.1:8080', 'http://[::1]:1', 'http://localhost'])
      expect(isPollUrl(url)).toBe(true);
    for (const url of [
      'http://acme.okta.com',
      'https://a:b@acme.okta.com',
      'ftp://x',
      'x',
      'http://127.0.0.1.evil.example',
      'http://169.254.169.254',
      'file:///etc/passwd',
    ])
      expect(isPollUrl(url), url).toBe(false);
  });

  test('a family that cannot be polled, and a secret that is missing, keep Custody from starting', () => {
    const auth = { kind: 'bearer', secret: 'okta_api' };
    const of = (family: string, more: object): object => ({
      family,
      instance: 'i',
      poll: { url: 'https://x.example', auth, ...more },
    });
    expect(() => createPollHarness([of('vault.audit', {})])).toThrow(/cannot be polled/);
    expect(() => createPollHarness([of('okta.log', { auth: { kind: 'bearer', secret: 'missing' } })])).toThrow(
      /no entry "missing"/,
    );
    expect(policySchema.safeParse({ sources: [of('okta.log', { secret: 'x' })] }).success).toBe(false);
  });

  test('links are read as RFC 8288 writes them', () => {
    const base = new URL('https://h.example/a');
    const of = (link: string): string | undefined => nextLink(new Headers({ link }), base)?.href;
    expect(of('<https://h.example/self>; rel="self", <https://h.example/n?a=1,2;3>; rel="next"')).toBe(
      'https://h.example/n?a=1,2;3',
    );
    expect(of('</n>; title="x"; rel=next')).toBe('https://h.example/n');
    expect(of('<https://h.example/p>; rel="prev"')).toBeUndefined();
    expect(of('<https://h.example/x>; rel="nextish"')).toBeUndefined();
    expect(of(`<${'<'.repeat(50_000)}`)).toBeUndefined();
  });
});
