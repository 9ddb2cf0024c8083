import type { TestKeycloak } from './keycloak-server.ts';

/** A realm with what a company has: people with roles, a client of the portal, a client by which Custody reads events. */
export interface TestRealm {
  readonly issuer: string;
  readonly realm: string;
  readonly pollSecret: string;
  /** Logs a person in by the direct grant; gives the access token, or the status of the refusal. */
  logIn(user: string, password: string): Promise<string | number>;
  admin(method: string, path: string, body?: unknown): Promise<unknown>;
}

export const PEOPLE = {
  mara: { password: 'mara-password-made-up', roles: ['operator'] },
  jon: { password: 'jon-password-made-up', roles: ['auditor'] },
  nobody: { password: 'nobody-password-made-up', roles: [] },
} as const;

/** Sets the realm `acme` up through Keycloak's own REST API. */
export async function createRealm({ url, admin }: TestKeycloak): Promise<TestRealm> {
  const realm = 'acme';
  const pollSecret = 'poll-client-secret-made-up';
  const base = `${url}/admin/realms`;
  async function token(inRealm: string, form: Record<string, string>): Promise<string | number> {
    const answer = await fetch(`${url}/realms/${inRealm}/protocol/openid-connect/token`, { method: 'POST', body: new URLSearchParams(form) }); // prettier-ignore
    return answer.ok ? ((await answer.json()) as { access_token: string }).access_token : answer.status;
  }
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const bearer = await token('master', { grant_type: 'password', client_id: 'admin-cli', username: admin.name, password: admin.password }); // prettier-ignore
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
    return text === '' ? undefined : JSON.parse(text);
  }
  const mapper = (name: string, kind: string, config: Record<string, string>): object => ({
    name,
    protocol: 'openid-connect',
    protocolMapper: kind,
    config: { 'access.token.claim': 'true', ...config },
  });
  await call('POST', '', {
    realm,
    enabled: true,
    eventsEnabled: true,
    adminEventsEnabled: true,
    adminEventsDetailsEnabled: true,
    sslRequired: 'none',
    roles: { realm: [{ name: 'operator' }, { name: 'auditor' }] },
    clients: [
      {
        clientId: 'portal',
        publicClient: true,
        directAccessGrantsEnabled: true,
        protocolMappers: [
          mapper('api', 'oidc-audience-mapper', { 'included.custom.audience': 'custody-api' }),
          mapper('roles', 'oidc-usermodel-realm-role-mapper', { 'claim.name': 'roles', multivalued: 'true', 'jsonType.label': 'String' }), // prettier-ignore
        ],
      },
      { clientId: 'custody-poll', secret: pollSecret, serviceAccountsEnabled: true, standardFlowEnabled: false },
    ],
    users: [
      ...Object.entries(PEOPLE).map(([username, { password, roles }]) => ({
        username,
        enabled: true,
        email: `${username}@acme.example`,
        emailVerified: true,
        firstName: username,
        lastName: 'Acme',
        credentials: [{ type: 'password', value: password, temporary: false }],
        realmRoles: roles,
      })),
      {
        username: 'service-account-custody-poll',
        enabled: true,
        serviceAccountClientId: 'custody-poll',
        clientRoles: { 'realm-management': ['view-events'] },
      },
    ],
  });
  return {
    issuer: `${url}/realms/${realm}`,
    realm,
    pollSecret,
    logIn: (username, password) =>
      token(realm, { grant_type: 'password', client_id: 'portal', scope: 'openid', username, password }),
    admin: (method, path, body) => call(method, `/${realm}${path}`, body),
  };
}
