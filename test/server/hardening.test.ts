import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { emptyPolicy } from '../../model/policy.ts';
import { SOURCES } from '../../model/source.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { readServerSettings } from '../../server/settings.ts';
import { seededRandom } from '../support/kill-imports.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let custody: Custody;
let port = 0;

beforeAll(async () => {
  folder = await tempFolder();
  custody = await openCustody({
    folder: join(folder.path, 'data'),
    policy: emptyPolicy(),
    secrets: secretsFrom({}),
    oidc: undefined,
    version: '0.0.0',
    logTo: 'nowhere',
  });
  await custody.settled();
  port = Number(new URL(await custody.listen('127.0.0.1', 0)).port);
});
afterAll(async () => {
  await custody.close();
  await folder.remove();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A request over the network, with any Host and any path: what a client library would refuse to send. */
function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (incoming) => {
      let text = '';
      incoming
        .setEncoding('utf8')
        .on('data', (chunk: string) => (text += chunk))
        .on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }))
        .on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const withToken = (): Record<string, string> => ({ authorization: `Bearer ${custody.token}` });

/** Routes that need no token of ours: they tell nothing, or have a credential of their own. */
const OPEN = new Set([
  '/healthz',
  '/readyz',
  '/openapi.json',
  '/v1/log/keys',
  '/v1/log/redeem',
  '/v1/issuer-contract',
  '/v1/issuer-contract/:name',
]);
const isDoor = (url: string): boolean => url.startsWith('/v1/ingest/');

/** A route's address with something in place of its parameters. */
const addressOf = (url: string): string => url.replace(/:\w+/g, 'x1').replace('*', 'x');

describe('who may ask what', () => {
  test('there are routes, and the doors of all sources among them', () => {
    const urls = custody.routes.map((route) => route.url);
    expect(custody.routes.length).toBeGreaterThan(30);
    for (const source of SOURCES) expect(urls).toContain(`/v1/ingest/${source}`);
  });

  test('every route but the open ones and the doors answers 401 without a token, and with a wrong one', async () => {
    const guarded = custody.routes.filter(({ url }) => !OPEN.has(url) && !isDoor(url));
    expect(guarded.length).toBeGreaterThan(15);
    for (const { method, url } of guarded) {
      for (const headers of [{}, { authorization: 'Bearer guessed' }, { authorization: 'Basic Z3Vlc3NlZA==' }]) {
        const answer = await ask(method, addressOf(url), headers);
        expect([method, url, answer.status]).toEqual([method, url, 401]);
        expect(answer.headers['www-authenticate']).toBe('Bearer');
      }
    }
  });

  test('the doors refuse whoever has no credential of the source, and the local token is none', async () => {
    const doors = custody.routes.filter(({ method, url }) => isDoor(url) && method === 'POST' && !url.includes('*'));
    expect(doors.length).toBe(SOURCES.length + 1);
    for (const { url } of doors) {
      const headers = { ...withToken(), 'content-type': 'application/json' };
      const answer = await ask('POST', url, headers, '{}');
      expect([url, answer.status]).toEqual([url, answer.status === 404 ? 404 : 401]);
    }
  });

  test('the document of the API names every route and no other', async () => {
    const document = JSON.parse((await ask('GET', '/openapi.json')).text) as { paths: Record<string, object> };
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{[^}]+\}/g, '{}')}`),
    );
    const real = custody.routes
      .filter(({ method, url }) => !['HEAD', 'OPTIONS'].includes(method) && !url.includes('ingest'))
      .map(({ method, url }) => `${method} ${url.replace(/:\w+|\*/g, '{}')}`);
    expect(new Set(described.filter((one) => !one.includes('ingest')))).toEqual(new Set(real));
  });
});

describe('browsers that were led here', () => {
  test.each(['evil.example', 'evil.example:8080', '127.0.0.1.evil.example', 'localhost.evil.example', 'xn--localhost', '[::2]:80'])(
    'the host name %j is refused, even with the token',
    async (host) => {
      for (const path of ['/healthz', '/v1/sources', '/nowhere']) {
        const answer = await ask('GET', path, { ...withToken(), host });
        expect([path, answer.status]).toEqual([path, 403]);
        expect(JSON.parse(answer.text)).toMatchObject({ code: 'forbidden' });
      }
    },
  ); // prettier-ignore

  test.each(['localhost', 'LOCALHOST', 'localhost:8080', '127.0.0.1', '127.0.0.1:1', '[::1]', '[::1]:8080', 'localhost.'])(
    'the host name %j is ours',
    async (host) => expect((await ask('GET', '/healthz', { host })).status).toBe(200),
  ); // prettier-ignore

  test('other names are those of CUSTODY_ALLOWED_HOSTS', () => {
    const oidc = {
      CUSTODY_OIDC_ISSUER: 'https://idp.example',
      CUSTODY_OIDC_AUDIENCE: 'custody',
      CUSTODY_OIDC_JWKS_URL: 'https://idp.example/keys',
    };
    expect(readServerSettings({}, {}).hosts).toEqual([]);
    expect(readServerSettings({}, { CUSTODY_ALLOWED_HOSTS: 'custody.acme.example, [fd00::1]' }).hosts).toEqual(['custody.acme.example', '[fd00::1]']); // prettier-ignore
    expect(readServerSettings({ host: '0.0.0.0' }, oidc).hosts).toBeUndefined();
    expect(readServerSettings({ host: '0.0.0.0' }, { ...oidc, CUSTODY_ALLOWED_HOSTS: 'a.example' }).hosts).toEqual(['a.example']); // prettier-ignore
    expect(() => readServerSettings({}, { CUSTODY_ALLOWED_HOSTS: 'http://a.example' })).toThrow(
      /CUSTODY_ALLOWED_HOSTS/,
    );
  });

  test('no answer lets another origin read it, and none is kept or guessed at', async () => {
    for (const [method, path] of [['GET', '/healthz'], ['GET', '/v1/sources'], ['GET', '/v1/events'], ['GET', '/nowhere'], ['POST', '/v1/imports'], ['OPTIONS', '/v1/sources'], ['HEAD', '/v1/sources']] as const) {
      const answer = await ask(method, path, { ...withToken(), origin: 'https://evil.example', 'access-control-request-method': 'GET' });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
      expect(answer.headers).not.toHaveProperty('x-powered-by');
      expect(answer.headers).not.toHaveProperty('server');
    }
  }); // prettier-ignore
});

describe('hostile requests', () => {
  const LEAK = /\n\s+at |node_modules|\.ts\b|\/tmp\/|SELECT |FROM |ClickHouse|DB::|chdb|lmdb|Error:/;
  const PIECES = [
    "' OR 1=1 --", '"; DROP TABLE events', '{key:String}', '%00', '%ff%fe', '../../etc/passwd', '${7*7}', '<script>', '\\', '%', '_', '*', 'a'.repeat(3_000),
    '9'.repeat(40), '-1', '1e999', 'NaN', 'null', '[]', '{}', 'true', '__proto__', 'constructor', '2026-01-01T00:00:00Z', '2026-02-30T25:61:61Z', '0000-00-00', '99999-01-01T00:00:00Z',
    'event:aws.cloudtrail/x', 'aws:accesskey:ASIAEXAMPLE000000001', 'actor=* action=touch.*', 'actor=', '=', 'actor="', 'soc2', 'all', 'json', 'text', 'csv', 'T-01', 'T-01,T-99', 'K\u0301', '\u202e', '😀', ' ', '+', '&', '#',
  ] as const; // prettier-ignore
  const NAMES = ['key', 'from', 'to', 'where', 'limit', 'cursor', 'format', 'as_of', 'framework', 'tests', 'source', 'instance', '__proto__', 'constructor', 'x', ''] as const; // prettier-ignore

  test('300 hostile questions to each route that reads: never a fault of ours, never a word of the inside', async () => {
    const random = seededRandom(4);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const routes = custody.routes.filter(({ method }) => method === 'GET');
    const seen = new Set<number>();
    for (const { url } of routes) {
      for (let round = 0; round < 300; round += 1) {
        const path = url.replace(/:\w+|\*/g, () => encodeURIComponent(pick(PIECES)));
        const query = Array.from({ length: Math.floor(random() * 5) }, () => {
          const value = pick(PIECES);
          return `${encodeURIComponent(pick(NAMES))}=${random() < 0.2 ? encodeURI(value).replaceAll('#', '') : encodeURIComponent(value)}`;
        });
        const address = `${path}${query.length > 0 ? '?' : ''}${query.join('&')}`;
        const { statusCode, payload } = await custody.app.inject({
          method: 'GET',
          url: address,
          headers: { ...withToken(), host: 'localhost' },
        });
        seen.add(statusCode);
        expect(statusCode, `${address}: ${payload}`).toBeLessThan(500);
        if (statusCode < 400) continue;
        expect(payload, address).not.toMatch(LEAK);
        expect(JSON.parse(payload), address).toMatchObject({ type: 'about:blank', status: statusCode });
      }
    }
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 404]));
    // Nearly ten thousand questions: half a minute of one core, and several where the cores are shared.
  }, 400_000);

  test('unknown fields are refused, not ignored: a filter that is misspelt must not widen the answer', async () => {
    for (const path of ['/v1/events?form=2026-01-01T00:00:00Z', '/v1/trace?key=a:b&as-of=x', '/v1/sources?foo=1', '/v1/check?framework=soc2&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&asof=x']) {
      const answer = await ask('GET', path, withToken());
      expect([path, answer.status]).toEqual([path, 400]);
    }
    const body = JSON.stringify({ framework: 'soc2', from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z', out: '/etc' });
    expect((await ask('POST', '/v1/reports', { ...withToken(), 'content-type': 'application/json' }, body)).status).toBe(400);
  }); // prettier-ignore

  test.each([
    ['{', 400],
    ['', 400],
    ['[]', 400],
    ['null', 400],
    ['{"__proto__":{"a":1}}', 400],
    ['{"constructor":{"prototype":{"a":1}}}', 400],
  ])('a report is not started by %j', async (body, status) => {
    const answer = await ask('POST', '/v1/reports', { ...withToken(), 'content-type': 'application/json' }, body);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(LEAK);
  });

  test('a body that is too large is refused', async () => {
    const body = `{"framework":"${'x'.repeat(300_000)}"}`;
    const answer = await ask('POST', '/v1/reports', { ...withToken(), 'content-type': 'application/json' }, body);
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([413, { code: 'too_large' }]);
  });

  test('a path or a header too large is refused before anything reads it', async () => {
    const long = await ask('GET', `/v1/trace?key=${'a'.repeat(20_000)}`, withToken());
    expect([400, 414, 431]).toContain(long.status);
    const wide = await ask('GET', '/v1/sources', { ...withToken(), 'x-long': 'a'.repeat(20_000) });
    expect(wide.status).toBe(431);
    expect((await ask('GET', '/healthz')).status).toBe(200);
  });

  test('HEAD is GET without a body, other methods are not found', async () => {
    const head = await ask('HEAD', '/v1/sources', withToken());
    expect([head.status, head.text]).toEqual([200, '']);
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      const answer = await ask(method, '/v1/sources', withToken());
      expect([method, answer.status]).toEqual([method, 404]);
    }
  });

  test('an address that does not exist answers as problem details, and repeats nothing', async () => {
    for (const path of ['/', '/v1', '/v1/events/../../etc/passwd', '/%2e%2e/', '/v1/sources/', '/V1/sources', '//v1/sources', '/v1/ingest/', '/.env', '/%', '/%c0%ae']) {
      const answer = await ask('GET', path, withToken());
      expect([path, [400, 404].includes(answer.status)]).toEqual([path, true]);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.text).not.toContain('passwd');
    }
  }); // prettier-ignore
});
