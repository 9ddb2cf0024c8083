import { emailKey, idpUserKey, readGitlabIdentity } from '../../model/keys.ts';
import type { GitlabIdentity } from '../../model/keys.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Vouched } from './bonds.ts';
import type { Sighting } from './parties-of.ts';

type Provider = Policy['identity_providers'][number];

const PREFIX = 'gitlab:identity:';

/** Whether a key is an identity at a provider by GitLab's name for it. */
export function isExternal(key: string): boolean {
  return key.startsWith(PREFIX);
}

/**
 * What the states of GitLab's users come to: an account is tied to an identity from the first state that names it to the
 * first later one that does not. Nothing is said of the time before: an `extern_uid` may have been another's then.
 */
export function stateBonds(changes: Iterable<StoredEvent>): readonly Vouched[] {
  const states = new Map<string, StoredEvent[]>();
  for (const event of changes) {
    const { identity } = event.facts;
    const user = identity?.change === 'state' ? identity.accounts[0]?.[0] : undefined;
    if (user !== undefined) states.set(user, [...(states.get(user) ?? []), event]);
  }
  return [...states.values()].flatMap((events) => {
    const inOrder = events.toSorted((a, b) => a.occurredAt - b.occurredAt || (a.ref < b.ref ? -1 : 1));
    const open = new Map<string, StoredEvent>();
    const bonds: Vouched[] = [];
    const close = (identity: string, began: StoredEvent, end?: StoredEvent): void => {
      for (const key of began.facts.identity?.accounts[0] ?? [])
        bonds.push({ ...spanOf(began.occurredAt, end?.occurredAt, end?.event), key, other: identity, grade: 'exact', event: began.event, method: 'extern_uid' }); // prettier-ignore
    };
    for (const event of inOrder) {
      const [, ...tied] = event.facts.identity?.accounts ?? [];
      const now = new Set(tied.flat());
      for (const [identity, began] of open) {
        if (now.has(identity)) continue;
        close(identity, began, event);
        open.delete(identity);
      }
      for (const identity of now) if (!open.has(identity)) open.set(identity, event);
    }
    for (const [identity, began] of open) close(identity, began);
    return bonds;
  });
}

/**
 * What GitLab's claim `user_identities` comes to: from the first token that carries an identity, to the first after its
 * last that carries others and not this. A token without the claim says nothing, for the user may have withdrawn it.
 */
export function claimBonds(sightings: Iterable<Sighting>): readonly Vouched[] {
  const claims = new Map<string, { readonly sighting: Sighting; readonly identities: readonly string[] }[]>();
  for (const sighting of sightings) {
    const identities = (sighting.actor.aliases ?? []).filter(isExternal);
    const { key } = sighting.actor;
    if (identities.length > 0) claims.set(key, [...(claims.get(key) ?? []), { sighting, identities }]);
  }
  return [...claims].flatMap(([key, told]) =>
    [...new Set(told.flatMap(({ identities }) => identities))].map((other): Vouched => {
      const seen = told.filter(({ identities }) => identities.includes(other)).map(({ sighting }) => sighting);
      const first = seen.reduce((a, b) => (b.first < a.first ? b : a));
      const last = Math.max(...seen.map((sighting) => sighting.last));
      const [end] = told
        .map(({ sighting }) => sighting)
        .filter((sighting) => sighting.first > last)
        .toSorted((a, b) => a.first - b.first);
      return { ...spanOf(first.first, end?.first, end?.event), key, other, grade: 'exact', event: first.event, method: 'user_identities' }; // prettier-ignore
    }),
  );
}

export interface External {
  /** What the bonds come to, those of identities at providers by the account at the provider. */
  readonly bonds: readonly Vouched[];
  /** The bonds of an account that tie it to nobody, because the policy file does not say who stands behind the name. */
  unknownOf(key: string): readonly Vouched[];
}

/**
 * Puts in the place of an identity at a provider the account there, where the policy file knows the provider, or an address,
 * which asserts only. A provider that is not known stays a name and joins nothing: not even two accounts that bear it.
 */
export function mapExternal(vouched: readonly Vouched[], policy: Policy): External {
  const unknown = new Map<string, Vouched[]>();
  const bonds = vouched.flatMap((bond): readonly Vouched[] => {
    if (!isExternal(bond.other)) return [bond];
    const providers = providersOf(bond.other, policy);
    if (providers.length === 0) unknown.set(bond.key, [...(unknown.get(bond.key) ?? []), bond]);
    return providers.flatMap((provider) => accountOf(bond, provider));
  });
  return { bonds, unknownOf: (key) => unknown.get(key) ?? [] };
}

function accountOf(bond: Vouched, provider: Provider): readonly Vouched[] {
  const { externUid } = readGitlabIdentity(bond.other) ?? { externUid: '' };
  const isEmail = provider.extern_uid === 'email';
  const account = isEmail ? emailKey(externUid) : idpUserKey(provider.issuer, externUid);
  const span = overlapOf(bond, provider);
  if (account === undefined || span === undefined) return [];
  const { from: _from, to: _to, ended, ...rest } = bond;
  const isEnded = ended !== undefined && span.to === bond.to;
  const grade = isEmail ? 'asserted' : bond.grade;
  return [{ ...rest, ...span, ...(isEnded && { ended }), other: account.key, grade, through: bond.other }];
}

/**
 * The entries of the policy file that say who stands behind GitLab's name for a provider, at any time. A claim names no
 * number: where a GitLab has several providers of one name, it could be any of them, and is none.
 */
function providersOf(key: string, { identity_providers: providers }: Policy): readonly Provider[] {
  const identity = readGitlabIdentity(key);
  if (identity === undefined) return [];
  const named = providers.filter((one) => isNamed(one, identity));
  const exact = named.filter(({ number }) => number === identity.number);
  if (exact.length > 0) return exact;
  const general = named.filter(({ number }) => number === undefined);
  if (identity.number !== undefined) return general;
  return new Set(named.map(({ number }) => number)).size > 1 ? [] : named;
}

function isNamed({ gitlab, provider }: Provider, identity: GitlabIdentity): boolean {
  return gitlab.toLowerCase() === identity.host && provider === identity.provider;
}

function spanOf(
  from: Micros,
  to: Micros | undefined,
  ended: string | undefined,
): Pick<Vouched, 'from' | 'to' | 'ended'> {
  return { from, ...(to === undefined ? {} : { to }), ...(ended === undefined ? {} : { ended }) };
}

function overlapOf(bond: Vouched, provider: Provider): Pick<Vouched, 'from' | 'to'> | undefined {
  const from = Math.max(bond.from ?? -Infinity, provider.from ?? -Infinity);
  const to = Math.min(bond.to ?? Infinity, provider.to ?? Infinity);
  if (from >= to) return undefined;
  return { ...(Number.isFinite(from) && { from }), ...(Number.isFinite(to) && { to }) };
}
