import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { keycloakEvent } from '../../../ingest/sources/keycloak-event.ts';
import { matchKeycloak } from '../../../ingest/sources/keycloak-match.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { policySchema } from '../../../model/policy.ts';
import { inferExchanges } from '../../../query/chains/infer-exchanges.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { PERFECT, statedFit } from '../../support/fit.ts';

/** What a real server wrote (../shared/corpus/keycloak/keycloak-26.7.3), with what was done to it. */
const FOLDER = join(SHARED, 'corpus/keycloak/keycloak-26.7.3');
const HOST = 'sso.acme.example';

interface Act {
  readonly seq: number;
  readonly t0: number;
  readonly t1?: number;
  readonly action: string;
  readonly label?: string;
  readonly user?: string;
  readonly requested_token_type?: string | null;
  readonly result: {
    readonly status: number | null;
    readonly subject_token_jti?: string | null;
    readonly tokens?: Readonly<Record<string, { readonly jti: string; readonly sub?: string } | undefined>>;
  };
}
interface Token {
  readonly seq: number;
  readonly kind: string;
  readonly claims: {
    readonly iss: string;
    readonly jti: string;
    readonly typ: string;
    readonly sid?: string;
    readonly sub?: string;
  };
}

/** The acts by which tokens are got, and the events that tell of them. */
const KINDS: Readonly<Record<string, RegExp>> = {
  'direct grant': /^LOGIN/,
  'client credentials': /^CLIENT_LOGIN/,
  'code to token': /^CODE_TO_TOKEN/,
  'token exchange': /^TOKEN_EXCHANGE/,
  refresh: /^REFRESH_TOKEN/,
};

interface Read {
  readonly events: readonly AuditEvent[];
  readonly refused: readonly { readonly reason: string; readonly detail: string; readonly json: unknown }[];
}

function read(values: readonly unknown[]): Read {
  const ids = JSON.parse(readFileSync(join(FOLDER, 'realm-ids.json'), 'utf8')) as Record<string, string>;
  const realms = Object.fromEntries(['master', 'acme', 'corp'].map((name) => [ids[name] ?? '', name]));
  const settings = policySchema.parse({
    sources: [{ family: 'keycloak', instance: HOST, realms, utc_offset: '+00:00' }],
  }).sources[0];
  const events: AuditEvent[] = [];
  const refused: Read['refused'][number][] = [];
  for (const json of values) {
    const parsed = keycloakEvent.parse(inputOf(json, { instance: HOST, ...(settings && { settings }) }));
    if (parsed.ok) events.push(...parsed.events);
    else refused.push({ reason: parsed.reason, detail: parsed.detail, json });
  }
  return { events, refused };
}

const file = (name: string): readonly unknown[] => readLines(join(FOLDER, name)) ?? [];
const textLines = (): readonly unknown[] =>
  gunzipSync(readFileSync(join(FOLDER, 'events-text.log.gz')))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ line }));

const key = (token: Token): string => `token:jti:${token.claims.iss}/${token.claims.jti}`;
const creates = (event: AuditEvent): readonly string[] =>
  event.keys.filter((one) => one.role === 'creates' && one.type === 'token:jti').map((one) => one.key);

describe.skipIf(!existsSync(FOLDER))('a real Keycloak (needs ../shared/corpus)', () => {
  const log = read(file('events-json-log.ndjson.gz'));
  const text = read(textLines());
  const rest = read([...file('rest-events.ndjson.gz'), ...file('rest-admin-events.ndjson.gz')]);
  const acts = file('truth.ndjson.gz') as readonly Act[];
  const tokens = file('tokens.ndjson.gz') as readonly Token[];

  test('every event is typed and read without rest; a line with two readings is kept as ambiguous', () => {
    expect([log.events.length, text.events.length, rest.events.length]).toEqual([336, 336, 291]);
    expect(rest.refused).toEqual([]);
    for (const { events } of [log, text, rest])
      for (const event of events) {
        expect(event.type).toMatch(/^[A-Z0-9_]+(?::[A-Z_]+)?$/);
        expect(event.unread).toEqual([]);
      }
    // Client `ghost\` and user `x\`, both made up by a caller without a login: REST tells them.
    for (const { refused } of [log, text])
      expect(refused.map(({ reason, detail }) => `${reason} ${detail.replace(/^\w+: /, '')}`)).toEqual([
        'ambiguous the line has no single reading after realmName',
        'ambiguous the line has no single reading after client_auth_method',
      ]);
    const told = rest.events.map((event) => event.content as { clientId?: string; details?: { username?: string } });
    expect(told.filter(({ clientId, details }) => clientId === 'ghost\\' || details?.username === 'x\\').length).toBe(
      2,
    );
  });

  test('a hostile name is read as it is, and never as a field', () => {
    const names = (events: readonly AuditEvent[]): readonly string[] =>
      events
        .flatMap(({ content }) => {
          const { clientId, details } = content as { clientId?: string; details?: { username?: string } };
          return [clientId ?? '', details?.username ?? ''];
        })
        .filter((name) => /["\\]/.test(name))
        // The line turns what would break it into a space.
        .map((name) => name.replace(/[\r\n\t]/g, ' '))
        .toSorted();
    const expected = [
      'a", userId="admin',
      'evil type="LOGIN", realmId="x"',
      'ghost", error="none',
      'y\\", error="none',
    ];
    expect(names(log.events).filter((name) => !expected.includes(name))).toEqual([]);
    expect(names(log.events)).toEqual(names(text.events));
    expect(names(rest.events)).toEqual([...names(log.events), 'ghost\\', 'x\\'].toSorted());
    for (const { events } of [log, text, rest])
      for (const event of events) {
        if (event.sourceIp === '192.0.2.99') expect(event.outcome).toBe('failure');
      }
  });

  test('log and text tell the same events at the same times', () => {
    const said = ({ events }: Read): readonly string[] =>
      events
        .map((event) =>
          JSON.stringify([
            Math.floor(event.occurred.at / 1_000),
            event.type,
            event.actor,
            event.keys.map((one) => one.key),
          ]),
        )
        .toSorted();
    // Two frames may share their moment, so order is not compared.
    expect(said(text)).toEqual(said(log));
  });

  test('log and REST are the same events; what only one has is said', () => {
    const { pairs, onlyLog, onlyRest } = matchKeycloak(log.events, rest.events);
    // The two that the log tells in a line with two readings.
    expect(onlyRest.map((event) => event.outcomeCode ?? '').toSorted()).toEqual(['client_not_found', 'user_not_found']);
    expect(pairs.length).toBe(rest.events.length - 2);
    for (const { log: line, rest: event } of pairs) {
      expect(line.outcome).toBe(event.outcome);
      expect(line.action).toBe(event.action);
      expect(line.actor.key).toBe(event.actor.key);
      expect(line.occurred.at - event.occurred.at).toBeLessThan(50_000);
    }
    // Not stored before all types were, or of the realms master and corp, whose user events were not asked for.
    const realmOf = (event: AuditEvent): string => {
      const { realmName, authDetails } = event.content as { realmName?: string; authDetails?: { realmName?: string } };
      return realmName ?? authDetails?.realmName ?? '';
    };
    const missing = onlyLog
      .filter((event) => realmOf(event) === 'acme')
      .map((event) => event.type.replace('_ERROR', ''));
    expect(new Set(missing)).toEqual(new Set(['REFRESH_TOKEN', 'INTROSPECT_TOKEN', 'USER_INFO_REQUEST']));
    expect(missing.length).toBe(33);
  });

  test('outcomes and people: what each act that asks for tokens came to, and for whom', () => {
    // The acts that ask for tokens; each leaves an event, by which it is found: its time, client or user, and outcome.
    const asked = acts.filter(({ action, result }) => Object.hasOwn(KINDS, action) && result.status !== null); // prettier-ignore
    const found: string[] = [];
    const truth: string[] = [];
    const people: [string[], string[]] = [[], []];
    const silent: string[] = [];
    for (const act of asked) {
      const own = log.events.filter((event) => {
        const ms = event.occurred.at / 1_000;
        return KINDS[act.action]?.test(event.type) === true && ms >= act.t0 && ms <= (act.t1 ?? act.t0) + 5;
      });
      if (own.length === 0) silent.push(`${act.seq} ${act.action}`);
      for (const event of own) {
        found.push(`${act.seq} ${event.outcome === 'success' ? 'done' : 'failed'}`);
        truth.push(`${act.seq} ${(act.result.status ?? 500) < 400 ? 'done' : 'failed'}`);
      }
      const sub = act.result.tokens?.['access_token']?.sub;
      if (sub === undefined || own.length !== 1) continue;
      people[0].push(`${act.seq} ${own[0]?.keys.find((one) => one.field === 'userId')?.key ?? 'nobody'}`);
      people[1].push(`${act.seq} idp:user:https://${HOST}/realms/acme/${sub}`);
    }
    expect(truth.length).toBeGreaterThan(25);
    expect(statedFit('keycloak, outcomes', found, truth)).toEqual(PERFECT);
    expect(people[1].length).toBeGreaterThan(15);
    expect(statedFit('keycloak, people', ...people)).toEqual(PERFECT);
    // The two whose lines have two readings: REST tells them.
    expect(silent).toEqual(['76 direct grant', '87 direct grant']);
  });

  test('each token is found by the event that issued it, or cannot be', () => {
    const found = new Set([...log.events, ...rest.events].flatMap(creates));
    const missing = tokens.filter((token) => !found.has(key(token)));
    // No record holds the jti of an ID token, in whatever way it was got: its session is what joins it.
    expect(missing.filter((token) => token.claims.typ !== 'ID')).toEqual([]);
    expect(missing.length).toBe(tokens.filter((token) => token.claims.typ === 'ID').length);
    expect([tokens.length, missing.length]).toEqual([140, 37]);
    const findable = tokens.filter((token) => token.claims.typ !== 'ID').map(key);
    const kept = [...found].filter((one) => !one.includes('/realms/corp/'));
    expect(statedFit('keycloak, tokens by the event that issued them', kept, findable)).toEqual(PERFECT);
    // Of realm corp, which only brokered a login, no token was kept.
    const invented = [...found].filter(
      (one) => !one.includes('/realms/corp/') && !tokens.some((token) => key(token) === one),
    );
    expect(invented).toEqual([]);
  });

  test('the event of a token names its subject, and its session where it has one', () => {
    const byToken = new Map(log.events.flatMap((event) => creates(event).map((one) => [one, event] as const)));
    for (const token of tokens) {
      const event = byToken.get(key(token));
      if (!event) continue;
      const named = event.keys.map((one) => one.key);
      const { iss, sub, sid } = token.claims;
      if (sub !== undefined && token.kind === 'access_token') expect(named).toContain(`idp:user:${iss}/${sub}`);
      const isTransient = /^(?:tr)/.test(token.claims.jti);
      if (sid !== undefined && !isTransient) expect(named).toContain(`keycloak:session:${iss}/${sid}`);
    }
  });

  test('each exchange has its true parent, inferred; the only candidate in ten of twelve', () => {
    const parents = inferExchanges(log.events.map(({ occurred, keys, facts }) => ({ at: occurred.at, keys, facts })));
    const truth = acts.filter(
      (act) =>
        act.action === 'token exchange' &&
        act.result.status === 200 &&
        act.requested_token_type !== 'urn:ietf:params:oauth:token-type:id_token',
    );
    const scope = `token:jti:https://${HOST}/realms/acme`;
    const expected = new Map(
      truth.map(({ result }) => [
        `${scope}/${result.tokens?.['access_token']?.jti ?? ''}`,
        `${scope}/${result.subject_token_jti ?? ''}`,
      ]),
    );
    expect(expected.size).toBe(12);
    const edgesOf = (pairs: Iterable<readonly [string, string]>): readonly string[] =>
      [...pairs].map(([child, parent]) => `${parent} > ${child}`);
    const inferred = parents.map(({ child, parent }) => [child, parent] as const);
    expect(statedFit('keycloak, parents of exchanged tokens', edgesOf(inferred), edgesOf(expected))).toEqual(PERFECT);
    expect(parents.filter(({ candidates }) => candidates === 1).length).toBe(10);
    expect(new Set(parents.map(({ confidence }) => confidence))).toEqual(new Set(['inferred']));
    // The record asserts none of them: an edge from token to token is a refresh or an assertion.
    const edges = log.events.filter((event) => event.type === 'TOKEN_EXCHANGE').flatMap((event) => event.edges);
    expect(edges.filter((edge) => edge.parent.type === 'token:jti')).toEqual([]);
  });

  test('a GitLab ID token as assertion is the exact parent of the token that it got', () => {
    const edges = log.events.flatMap((event) => event.edges.filter((edge) => edge.rule === 'E14'));
    expect(edges.length).toBeGreaterThan(0);
    for (const edge of edges) {
      expect(edge.parent.key).toMatch(/^token:jti:https:\/\/gitlab\.acme\.example\//);
      expect(edge.confidence).toBe('exact');
    }
    const granted = tokens.filter((token) => edges.some((edge) => edge.child.key === key(token)));
    expect(granted.length).toBe(edges.length);
  });

  test('what a refresh gave hangs on the refresh token that was used', () => {
    const refreshes = acts.filter((act) => act.action === 'refresh' && act.result.status === 200);
    const children = new Map(
      log.events.flatMap((event) =>
        event.edges
          .filter((edge) => edge.parent.type === 'token:jti' && edge.rule === '1.7.1')
          .map((edge) => [edge.child.key, edge.parent.key] as const),
      ),
    );
    for (const { result } of refreshes) {
      const child = `token:jti:https://${HOST}/realms/acme/${result.tokens?.['access_token']?.jti ?? ''}`;
      expect(children.get(child)).toMatch(/^token:jti:/);
    }
    expect(refreshes.length).toBe(6);
  });

  test('impersonation names only the victim as whose rights are used, and is a finding', () => {
    const events = log.events.filter((event) => event.type === 'IMPERSONATE');
    expect(events.length).toBe(2);
    for (const event of events) {
      expect(event.actor).toEqual({ kind: 'human', key: '', display: 'lena' });
      expect(event.onBehalfOf?.key).toBe(`idp:user:https://${HOST}/realms/acme/78b61184-6944-4b59-af92-98f3e06b09ed`);
      expect(event.facts.findings?.map(({ kind }) => kind)).toEqual(['impersonation']);
    }
  });
});
