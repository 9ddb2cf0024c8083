import { seeded } from './random.ts';
import { json } from './scripted-server.ts';
import type { ScriptedAnswer, ScriptedRequest } from './scripted-server.ts';

/** The APIs that are polled, each over a list of its events: what a poll must bring, no more and no less. */
export interface ScriptedApi {
  /** The ground truth, in the order in which the system stored them; tests add to it while a poll runs. */
  readonly events: Record<string, unknown>[];
  readonly script: (request: ScriptedRequest) => ScriptedAnswer;
}

const EVERY_MS = 20_000;

/** A page as an unruly server gives it: in another order, some items of it twice. */
export function unruly(page: readonly unknown[], random: () => number): unknown[] {
  const twice = page.filter(() => random() < 0.1);
  return [...page, ...twice].toSorted(() => random() - 0.5);
}

const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

export function oktaEvent(number: number, ms: number): Record<string, unknown> {
  return {
    uuid: uuid(number),
    published: new Date(ms).toISOString(),
    eventType: 'user.session.start',
    version: '0',
    severity: 'INFO',
    actor: { id: `00u${number}`, type: 'User', alternateId: `p${number}@acme.example`, displayName: 'P' },
    client: { ipAddress: '203.0.113.40' },
    outcome: { result: 'SUCCESS', reason: null },
    target: [],
    transaction: { type: 'WEB', id: `txn${number}`, detail: {} },
    authenticationContext: { externalSessionId: `session${number}` },
  };
}

/**
 * Okta: pages by an opaque place, in the order of storing; `published` goes backwards now and then. `forgets()` makes
 * every link that was given so far unknown.
 */
export function oktaApi(count: number, nowMs: number, seed = 1): ScriptedApi & { forgets(): void } {
  const random = seeded(seed);
  const events = Array.from({ length: count }, (_, at) => {
    const late = random() < 0.1 ? 600_000 * random() : 0;
    return oktaEvent(at, nowMs - (count - at) * EVERY_MS - late);
  });
  let epoch = 0;
  return {
    events,
    forgets: () => void (epoch += 1),
    script({ url, headers }) {
      if (headers.authorization !== 'SSWS okta-api-token-000001') return { status: 401, body: '{}' };
      const after = url.searchParams.get('after');
      const [given, place] = (after ?? `${epoch}.-1`).split('.').map(Number);
      if (given !== epoch) return { status: 400, body: '{"errorCode":"E0000031"}' };
      const since = Date.parse(url.searchParams.get('since') ?? '1970-01-01T00:00:00Z');
      const start =
        after === null ? events.findIndex((event) => Date.parse(String(event['published'])) >= since) : place;
      const from = start === undefined || start < 0 ? events.length : start;
      const page = events.slice(from, from + Number(url.searchParams.get('limit') ?? 100));
      const link = `<http://${headers.host}/api/v1/logs?after=${epoch}.${from + page.length}&limit=${url.searchParams.get('limit')}>; rel="next"`;
      return json(unruly(page, random), { link: `<http://${headers.host}/api/v1/logs>; rel="self", ${link}` });
    },
  };
}

export function gitlabEvent(number: number, ms: number): Record<string, unknown> {
  return {
    id: number + 1,
    author_id: 208,
    entity_id: 4242,
    entity_type: 'Project',
    event_name: 'deployment_approved',
    details: {
      event_name: 'deployment_approved',
      author_name: 'Jon Okafor',
      author_class: 'User',
      target_id: 61,
      target_type: 'Environment',
      target_details: 'production',
      custom_message: `Approved deployment with IID: 812 and ID: ${55_120 + number}`,
      entity_path: 'platform/payments',
    },
    created_at: new Date(ms).toISOString(),
  };
}

/** GitLab: keyset pages, newest first, at most 100 an answer and 30 days a question. */
export function gitlabApi(count: number, nowMs: number, seed = 1, everyMs = EVERY_MS): ScriptedApi {
  const random = seeded(seed);
  const events = Array.from({ length: count }, (_, at) => gitlabEvent(at, nowMs - (count - at) * everyMs));
  return {
    events,
    script({ url, headers }) {
      if (headers['private-token'] !== 'glpat-made-up-token-0001') return { status: 401, body: '{}' };
      const [from, to] = ['created_after', 'created_before'].map((name) =>
        Date.parse(url.searchParams.get(name) ?? ''),
      );
      if (from === undefined || to === undefined || to - from > 30 * 86_400_000) return { status: 400, body: '{}' };
      const cursor = Number(url.searchParams.get('cursor') ?? Number.MAX_SAFE_INTEGER);
      const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 20));
      const rest = events
        .filter((event) => Number(event['id']) < cursor)
        .filter(
          (event) => Date.parse(String(event['created_at'])) >= from && Date.parse(String(event['created_at'])) <= to,
        )
        .toSorted((a, b) => Number(b['id']) - Number(a['id']));
      const page = rest.slice(0, size);
      const last = page.at(-1);
      const next = new URL(url);
      next.host = String(headers.host);
      next.searchParams.set('cursor', String(last?.['id']));
      return json(unruly(page, random), rest.length > size ? { link: `<${next.href}>; rel="next"` } : {});
    },
  };
}

export function keycloakEvent(number: number, ms: number): Record<string, unknown> {
  const common = { id: uuid(number), time: ms, realmId: 'r-acme' };
  if (number % 3 === 0) {
    const authDetails = { realmId: 'r-acme', clientId: 'c-1', userId: 'u-9', ipAddress: '198.51.100.20' };
    return { ...common, authDetails, operationType: 'UPDATE', resourceType: 'USER', resourcePath: `users/u-${number}` };
  }
  const details = { auth_method: 'openid-connect', username: `p${number}`, code_id: `code-${number}` };
  return { ...common, type: 'LOGIN', clientId: 'portal', userId: `u-${number}`, sessionId: `s-${number}`, ipAddress: '203.0.113.4', details }; // prettier-ignore
}

/**
 * Keycloak: two lists, newest first, paged by a count; events of one time are in another order in each answer, and rows of
 * an answer come twice and in any order. A token of client credentials is good for `tokenUses` calls. `isTidy`: each row once, in one order.
 */
export function keycloakApi(
  count: number,
  nowMs: number,
  seed = 1,
  { tokenUses = 1_000, isTidy = false }: { readonly tokenUses?: number; readonly isTidy?: boolean } = {},
): ScriptedApi {
  const random = seeded(seed);
  const events = Array.from({ length: count }, (_, at) =>
    keycloakEvent(at, nowMs - Math.floor((count - at) / 3) * EVERY_MS),
  );
  let tokens = 0;
  let uses = 0;
  return {
    events,
    script({ url, headers, method, body }) {
      if (url.pathname === '/realms/acme/protocol/openid-connect/token') {
        const form = new URLSearchParams(body);
        if (method !== 'POST' || form.get('client_secret') !== 'keycloak-client-secret-1')
          return { status: 401, body: '{}' };
        tokens += 1;
        uses = 0;
        return json({ access_token: `token-${tokens}`, expires_in: 300 });
      }
      uses += 1;
      if (headers.authorization !== `Bearer token-${tokens}` || uses > tokenUses) return { status: 401, body: '{}' };
      const isAdmin = url.pathname.endsWith('/admin-events');
      const from = Number(url.searchParams.get('dateFrom'));
      const [first, max] = [Number(url.searchParams.get('first')), Number(url.searchParams.get('max'))];
      const list = events
        .filter((event) => 'operationType' in event === isAdmin && Number(event['time']) >= from)
        .map((event) => ({ event, tie: isTidy ? 0 : random() }))
        .toSorted((a, b) => Number(b.event['time']) - Number(a.event['time']) || a.tie - b.tie)
        .map(({ event }) => event);
      const page = list.slice(first, first + max);
      return json(isTidy ? page : unruly(page, random));
    },
  };
}

export function entraEvent(number: number, ms: number): Record<string, unknown> {
  const time = new Date(Math.floor(ms / 1_000) * 1_000).toISOString().replace('.000Z', 'Z');
  if (number % 4 === 0) {
    return {
      id: `Directory_${number}`,
      category: 'GroupManagement',
      correlationId: uuid(number),
      result: 'success',
      activityDisplayName: 'Add member to group',
      activityDateTime: time,
      operationType: 'Assign',
      initiatedBy: { user: { id: uuid(1), userPrincipalName: 'mara@acme.example', ipAddress: '203.0.113.40' } },
      targetResources: [],
      additionalDetails: [],
    };
  }
  return {
    id: uuid(number),
    createdDateTime: time,
    userPrincipalName: 'mara@acme.example',
    userId: uuid(1),
    appId: uuid(2),
    appDisplayName: 'GitLab',
    ipAddress: '203.0.113.40',
    status: { errorCode: 0 },
    isInteractive: true,
  };
}

/** Graph: a list for each log, filtered by time, with links in the body. */
export function entraApi(count: number, nowMs: number, seed = 1): ScriptedApi {
  const random = seeded(seed);
  const events = Array.from({ length: count }, (_, at) => entraEvent(at, nowMs - (count - at) * EVERY_MS));
  return {
    events,
    script({ url, headers, method, body }) {
      if (url.pathname.endsWith('/oauth2/v2.0/token')) {
        const form = new URLSearchParams(body);
        if (method !== 'POST' || form.get('client_secret') !== 'entra-client-secret-0001')
          return { status: 401, body: '{}' };
        return json({ access_token: 'graph-token', expires_in: 3_600, token_type: 'Bearer' });
      }
      if (headers.authorization !== 'Bearer graph-token') return { status: 401, body: '{}' };
      const isAudit = url.pathname === '/v1.0/auditLogs/directoryAudits';
      if (!isAudit && url.pathname !== '/v1.0/auditLogs/signIns') return { status: 404, body: '{}' };
      const name = isAudit ? 'activityDateTime' : 'createdDateTime';
      const filter = new RegExp(`^${name} ge (\\S+)$`).exec(url.searchParams.get('$filter') ?? '');
      if (!filter) return { status: 400, body: '{}' };
      const list = events.filter(
        (event) => name in event && Date.parse(String(event[name])) >= Date.parse(filter[1] ?? ''),
      );
      const skip = Number(url.searchParams.get('$skiptoken') ?? 0);
      const size = Number(url.searchParams.get('$top'));
      const next = new URL(url);
      next.host = String(headers.host);
      next.searchParams.set('$skiptoken', String(skip + size));
      return json({
        '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata',
        ...(skip + size < list.length && { '@odata.nextLink': next.href }),
        value: unruly(list.slice(skip, skip + size), random),
      });
    },
  };
}
