import { describe, expect, test } from 'vitest';
import type { ActorRef } from '../../../model/actor.ts';
import { gitlabIdentityKey, readGitlabIdentity } from '../../../model/keys.ts';
import { policySchema } from '../../../model/policy.ts';
import { buildDirectory } from '../../../query/identities/directory.ts';
import { pageOf } from '../../../query/identities/identities-answers.ts';
import { answerText, pageText } from '../../../query/identities/identities-text.ts';
import { createIdentities, vouchedBy } from '../../../query/identity.ts';
import type { Identities } from '../../../query/identity.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { graphOf, told } from '../../support/worked-chains.ts';

const HOST = 'git.example';
const USER = `gitlab:user:${HOST}/17`;
const OKTA = 'idp:user:https://idp.example/';
const time = (day: string): number => Date.parse(`2026-${day}T00:00:00Z`) * 1_000;
const saml = (uid: string, provider = 'saml', number?: number): string => gitlabIdentityKey(HOST, provider, uid, number)?.key ?? ''; // prettier-ignore
const OKTA_SAML = { gitlab: HOST, provider: 'saml', issuer: 'https://idp.example' };

let number = 0;
function event(day: string, spec: Partial<Parameters<typeof told>[0]>): StoredEvent {
  number += 1;
  const graph = graphOf([told({ id: String(number), family: 'gitlab.users', at: `2026-${day}T00:00:00Z`, action: 'identity.state', keys: [], ...spec })]); // prettier-ignore
  return [...graph.events.values()][0] as StoredEvent;
}
/** What a look at the account of a user showed. */
const seen = (day: string, identities: readonly string[], id = 17): StoredEvent =>
  event(day, { facts: { identity: { change: 'state', accounts: [[`gitlab:user:${HOST}/${id}`, `idp:user:https://${HOST}/${id}`], ...identities.map((one) => [one])], method: 'extern_uid' } } }); // prettier-ignore
/** A token whose ID token claimed identities of its user; none, where the user did not allow it. */
const token = (day: string, identities: readonly string[], aliases: readonly string[] = []): StoredEvent =>
  event(day, { family: 'ce', action: 'token.issue', actor: { kind: 'human', key: `idp:user:https://${HOST}/17`, aliases: [USER, ...aliases, ...identities] } }); // prettier-ignore
function identitiesOf(providers: readonly object[], ...events: readonly StoredEvent[]): Identities {
  return createIdentities(policySchema.parse({ identity_providers: providers }), vouchedBy(events));
}
const personAt = (identities: Identities, ...days: readonly string[]): readonly (string | undefined)[] =>
  days.map((day) => identities.personOf(USER, time(day))?.person);

test.each([
  ['saml', '00u1', undefined],
  ['group_saml', 'uid=a,ou=ci/cd', 10],
  ['a/b#c%d', 'x/y#z', undefined],
] as const)('an identity of provider %s is read back from its key', (provider, externUid, place) => {
  const key = gitlabIdentityKey(`https://${HOST}`, provider, externUid, place)?.key ?? '';
  expect(readGitlabIdentity(key)).toEqual({ host: HOST, provider, externUid, ...(place !== undefined && { number: place }) }); // prettier-ignore
});

describe('the users of a GitLab', () => {
  test('an account is its identity at the provider from when it was first seen, to when it was seen without', () => {
    const identities = identitiesOf([OKTA_SAML], seen('03-01', [saml('eve')]), seen('06-01', []));
    expect(personAt(identities, '02-28', '03-01', '05-31', '06-01')).toEqual([
      undefined,
      `${OKTA}eve`,
      `${OKTA}eve`,
      undefined,
    ]);
    expect(identities.personOf(USER, time('04-01'))).toMatchObject({ grade: 'exact' });
    // Nothing was said to be two: what ended has ended, and both may be tied together by something else.
    const human = (key: string): ActorRef => ({ kind: 'human', key });
    expect(identities.sameParty(human(USER), human(`${OKTA}eve`), time('04-01'))).toBe(true);
  });

  test('a state that repeats ends nothing; one that changed ends one tie and begins another', () => {
    const identities = identitiesOf(
      [OKTA_SAML],
      seen('07-01', [saml('eva')]),
      seen('03-01', [saml('eve')]),
      seen('04-01', [saml('eve')]),
      seen('08-01', [saml('eve')]),
    );
    expect(personAt(identities, '03-15', '06-30', '07-01', '08-02')).toEqual([`${OKTA}eve`, `${OKTA}eve`, `${OKTA}eva`, `${OKTA}eve`]); // prettier-ignore
    expect(identities.explain(USER, time('03-15')).reasons).toMatchObject([
      { to: `${OKTA}eve`, method: 'extern_uid', valid_from: '2026-03-01T00:00:00.000000Z', valid_to: '2026-07-01T00:00:00.000000Z' }, // prettier-ignore
    ]);
  });

  test('an identity that was moved to another account makes each its own person at each time', () => {
    const identities = identitiesOf([OKTA_SAML], seen('03-01', [saml('eve')]), seen('06-01', []), seen('06-02', [saml('eve')], 18)); // prettier-ignore
    const other = `gitlab:user:${HOST}/18`;
    expect(identities.personOf(other, time('05-01'))?.person).not.toBe(`${OKTA}eve`);
    expect(identities.personOf(other, time('06-03'))?.person).toBe(`${OKTA}eve`);
    expect(identities.personOf(USER, time('06-03'))?.person).not.toBe(`${OKTA}eve`);
  });

  test('a provider that the policy file does not know is named, and ties the account to nobody', () => {
    const identities = identitiesOf([OKTA_SAML], seen('03-01', [saml('eve', 'corp-ldap')]));
    const explanation = identities.explain(USER, time('04-01'));
    expect(explanation.person).toBeUndefined();
    // Two accounts that bear names of providers that nobody knows may be one person or two.
    const human = (key: string): ActorRef => ({ kind: 'human', key });
    const two = identitiesOf(
      [],
      seen('03-01', [saml('eve', 'corp-ldap')]),
      seen('03-01', [saml('eva', 'corp-ldap')], 18),
    );
    expect(two.sameParty(human(USER), human(`gitlab:user:${HOST}/18`), time('04-01'))).toBe('unknown');
    expect(explanation.unknown).toMatchObject([{ host: HOST, provider: 'corp-ldap', externUid: 'eve' }]);
    expect(answerText({ explanation })).toContain(
      'Not known who stands behind: the policy file names no such provider under identity_providers\n  extern_uid "eve" of provider corp-ldap at git.example, event:gitlab.users/',
    );
  });

  test('the directory counts the accounts that bear names of providers that nobody knows', () => {
    const identities = identitiesOf([OKTA_SAML], seen('03-01', [saml('eve', 'corp-ldap')]), seen('03-01', [saml('eva', 'corp-ldap'), saml('eva')], 18)); // prettier-ignore
    const accounts = [17, 18].map((id) => ({ key: `gitlab:user:${HOST}/${id}`, kind: 'human' as const, events: 1, first: 0, last: 1 })); // prettier-ignore
    const directory = buildDirectory(accounts, identities);
    expect(directory.unknownProviders).toEqual([{ gitlab: HOST, provider: 'corp-ldap', accounts: 2 }]);
    const page = pageOf(directory, 'persons', { limit: 10 });
    expect(pageText(page)).toContain('tie nobody\n  corp-ldap of git.example: 2 accounts');
    expect([page.counts, page.items]).toMatchObject([{ persons: 1, unresolved: 1 }, [{ person: `${OKTA}eva` }]]);
  });

  test('the text says who says so, for which time, and by which name', () => {
    const identities = identitiesOf([OKTA_SAML], seen('03-01', [saml('eve')]), seen('06-01', []));
    const at = time('04-01');
    const explanation = identities.explain(USER, at);
    const person = { person: `${OKTA}eve`, kind: 'human' as const, accounts: [] };
    expect(answerText({ at: '2026-04-01', explanation, person })).toMatch(/= idp:user:https:\/\/idp\.example\/eve: exact, by GitLab's users \(extern_uid "eve" of provider saml at git\.example\), event:gitlab\.users\/\d+, from 2026-03-01T00:00:00\.000000Z, until 2026-06-01T00:00:00\.000000Z by event:gitlab\.users\/\d+/); // prettier-ignore
  });

  test('where the extern_uid is an address it asserts only', () => {
    const identities = identitiesOf([{ ...OKTA_SAML, extern_uid: 'email' }], seen('03-01', [saml('eve@corp.example')]), event('02-01', { family: 'okta.log', action: 'session.login', actor: { kind: 'human', key: `${OKTA}eve`, email: 'eve@corp.example' } })); // prettier-ignore
    expect(identities.personOf(USER, time('04-01'))).toMatchObject({ person: `${OKTA}eve`, grade: 'asserted' });
  });

  test('a provider that stood behind the name for a time only is meant for that time only', () => {
    const identities = identitiesOf(
      [
        { ...OKTA_SAML, to: '2026-05-01T00:00:00Z' },
        { ...OKTA_SAML, issuer: 'https://new.example', from: '2026-05-01T00:00:00Z' },
      ],
      seen('03-01', [saml('eve')]),
    );
    expect(personAt(identities, '04-30', '05-01')).toEqual([`${OKTA}eve`, 'idp:user:https://new.example/eve']);
  });

  test.each([
    ['the one with its number', [10, 11], 10, `${OKTA}eve`],
    ['one for all numbers', [undefined], 10, `${OKTA}eve`],
    ['none of another number', [11], 10, undefined],
    ['the only one, where a claim tells no number', [10], undefined, `${OKTA}eve`],
    ['none of several, where a claim tells no number', [10, 11], undefined, undefined],
  ] as const)('of several providers of one name %s is meant', (_, numbers, said, person) => {
    const providers = numbers.map((one, index) => ({ ...OKTA_SAML, provider: 'group_saml', ...(one !== undefined && { number: one }), issuer: index === 0 ? 'https://idp.example' : 'https://other.example' })); // prettier-ignore
    const identities = identitiesOf(providers, seen('03-01', [saml('eve', 'group_saml', said)]));
    expect(personAt(identities, '04-01')).toEqual([person]);
  });
});

describe("GitLab's claim user_identities", () => {
  test('ties from the first token that carries it to the first that carries another; one without says nothing', () => {
    const identities = identitiesOf([OKTA_SAML], token('03-01', [saml('eve')]), token('04-01', []), token('05-01', [saml('eve'), saml('x', 'github')]), token('07-01', [saml('eva')])); // prettier-ignore
    expect(personAt(identities, '02-28', '03-01', '04-02', '06-30', '07-01')).toEqual([`idp:user:https://${HOST}/17`, `${OKTA}eve`, `${OKTA}eve`, `${OKTA}eve`, `${OKTA}eva`]); // prettier-ignore
    const explanation = identities.explain(USER, time('06-01'));
    expect(explanation.reasons.at(-1)).toMatchObject({ method: 'user_identities', grade: 'exact', through: { provider: 'saml', externUid: 'eve' }, valid_from: '2026-03-01T00:00:00.000000Z', valid_to: '2026-07-01T00:00:00.000000Z' }); // prettier-ignore
  });

  test("an issuer's own alias still holds for all time", () => {
    const identities = identitiesOf([], token('03-01', [], [`${OKTA}eve`]));
    expect(personAt(identities, '01-01')).toEqual([`${OKTA}eve`]);
  });
});
