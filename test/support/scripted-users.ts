import { seeded } from './random.ts';
import { unruly } from './scripted-apis.ts';
import type { ScriptedApi } from './scripted-apis.ts';
import { json } from './scripted-server.ts';

/** A user as GitLab's API gives one to an administrator: much of it is about a person, and changes at each sign-in. */
export function gitlabUser(id: number, identities: readonly object[]): Record<string, unknown> {
  return {
    id,
    username: `user.${id}`,
    name: `Person Number ${id}`,
    state: 'active',
    locked: false,
    avatar_url: `https://gitlab.acme.example/uploads/user/avatar/${id}/cat.png`,
    web_url: `https://gitlab.acme.example/user.${id}`,
    created_at: '2024-02-01T08:00:00.000Z',
    bio: 'Plays the cello',
    location: 'Lisbon',
    email: `user.${id}@acme.example`,
    commit_email: `private.${id}@home.example`,
    last_sign_in_at: '2026-08-19T07:00:00.000Z',
    current_sign_in_ip: '198.51.100.77',
    two_factor_enabled: true,
    note: 'on parental leave until May',
    identities,
    scim_identities: [],
    provisioned_by_group_id: null,
    is_admin: false,
  };
}

/** How one `extern_uid` of an IdP looks, in the forms that providers give it. */
export function externUid(id: number): string {
  const hex = (id * 2_654_435_761).toString(16).padStart(12, '0').slice(-12);
  return (
    [
      `00u${hex}Qx7Y5d7`,
      `7c9d2c1e-${hex.slice(0, 4)}-4a0b-8f11-${hex}`,
      `uid=user.${id},ou=people,dc=acme,dc=example`,
      `user.${id}@acme.example`,
      Buffer.from(hex + hex, 'hex').toString('base64'),
    ][id % 5] ?? ''
  );
}

/** GitLab's users by keyset in the order of their numbers, and one by its number; `forgets()` makes links unknown. */
export function gitlabUsersApi(count: number, seed = 1): ScriptedApi & { forgets(): void } {
  const random = seeded(seed);
  const events = Array.from({ length: count }, (_, at) =>
    gitlabUser(at + 1, [{ provider: 'saml', extern_uid: externUid(at + 1), saml_provider_id: null }]),
  );
  let epoch = 0;
  return {
    events,
    forgets: () => void (epoch += 1),
    script({ url, headers }) {
      if (headers['private-token'] !== 'glpat-made-up-token-0001') return { status: 401, body: '{}' };
      const one = /^\/api\/v4\/users\/(\d+)$/.exec(url.pathname)?.[1];
      if (one !== undefined) {
        const found = events.find((user) => user['id'] === Number(one));
        return found ? json(found) : { status: 404, body: '{"message":"404 User Not Found"}' };
      }
      const [given, after] = (url.searchParams.get('cursor') ?? `${epoch}.0`).split('.').map(Number);
      if (url.pathname !== '/api/v4/users' || url.searchParams.get('order_by') !== 'id' || given !== epoch)
        return { status: 400, body: '{}' };
      const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 20));
      const rest = events
        .filter((user) => Number(user['id']) > (after ?? 0))
        .toSorted((a, b) => Number(a['id']) - Number(b['id']));
      const page = rest.slice(0, size);
      const next = new URL(url);
      next.host = String(headers.host);
      next.searchParams.set('cursor', `${epoch}.${String(page.at(-1)?.['id'])}`);
      return json(unruly(page, random), rest.length > size ? { link: `<${next.href}>; rel="next"` } : {});
    },
  };
}
