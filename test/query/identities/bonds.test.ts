import { describe, expect, test } from 'vitest';
import { policySchema } from '../../../model/policy.ts';
import { createIdentities, vouchedBy } from '../../../query/identity.ts';
import type { Identities } from '../../../query/identity.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { graphOf, told } from '../../support/worked-chains.ts';

const OKTA = 'idp:user:https://idp.example/';
const GITLAB = 'gitlab:user:git.example/5';
const at = (text: string): number => Date.parse(text) * 1_000;
const time = (day: string): number => at(`2026-${day}T00:00:00Z`);

let number = 0;
function event(day: string, spec: Partial<Parameters<typeof told>[0]>): StoredEvent {
  number += 1;
  const graph = graphOf([told({ id: String(number), family: 'ce', at: `2026-${day}T00:00:00Z`, action: 'token.use', keys: [], ...spec })]); // prettier-ignore
  return [...graph.events.values()][0] as StoredEvent;
}
const change = (day: string, kind: 'merge' | 'split', keys: readonly string[], more: { from?: number; outcome?: 'failure' } = {}): StoredEvent =>
  event(day, { action: `identity.${kind}`, ...(more.outcome && { outcome: more.outcome }), facts: { identity: { change: kind, accounts: keys.map((key) => [key]), method: 'scim', ...(more.from !== undefined && { from: more.from }) } } }); // prettier-ignore
const login = (day: string, key: string, email: string): StoredEvent =>
  event(day, { action: 'session.login', actor: { kind: 'human', key, email } });
const identitiesOf = (...events: readonly StoredEvent[]): Identities =>
  createIdentities(policySchema.parse({}), vouchedBy(events));
const human = (key: string): { kind: 'human'; key: string } => ({ kind: 'human', key });

describe('merges and splits', () => {
  test('a merge without a time of its own holds for the time before too', () => {
    const identities = identitiesOf(change('06-01', 'merge', [`${OKTA}eve`, GITLAB]));
    expect(identities.personOf(GITLAB, time('01-01'))).toMatchObject({ person: `${OKTA}eve`, grade: 'exact' });
  });

  test('a merge from a time on says nothing of the time before', () => {
    const identities = identitiesOf(change('06-01', 'merge', [`${OKTA}eve`, GITLAB], { from: time('05-01') }));
    expect(identities.personOf(GITLAB, time('04-30'))).toBeUndefined();
    expect(identities.personOf(GITLAB, time('05-01'))?.person).toBe(`${OKTA}eve`);
  });

  test('a split reverses a merge from its time on, and a later merge the split', () => {
    const identities = identitiesOf(
      change('09-01', 'merge', [`${OKTA}eve`, GITLAB]),
      change('06-01', 'split', [`${OKTA}eve`, GITLAB]),
      change('03-01', 'merge', [`${OKTA}eve`, GITLAB]),
    );
    const seen = ['02-01', '05-31', '06-01', '08-31', '09-01'].map((day) => identities.personOf(GITLAB, time(day))?.person); // prettier-ignore
    expect(seen).toEqual([`${OKTA}eve`, `${OKTA}eve`, undefined, undefined, `${OKTA}eve`]);
  });

  test('what was split is not tied together again by an address, though it was by one before', () => {
    const mail = [login('01-01', GITLAB, 'eve@corp.example'), login('01-02', `${OKTA}eve`, 'eve@corp.example')];
    const identities = identitiesOf(...mail, change('06-01', 'split', [`${OKTA}eve`, GITLAB]));
    expect(identities.personOf(GITLAB, time('05-01'))).toMatchObject({ person: `${OKTA}eve`, grade: 'asserted' });
    expect(identities.personOf(GITLAB, time('06-02'))).toBeUndefined();
    expect(identities.sameParty(human(`${OKTA}eve`), human(GITLAB), time('06-02'))).toBe('unknown');
  });

  test('a change that failed changes nothing', () => {
    const identities = identitiesOf(change('03-01', 'merge', [`${OKTA}eve`, GITLAB], { outcome: 'failure' }));
    expect(identities.personOf(GITLAB)).toBeUndefined();
  });

  test('the order in which they arrive does not matter', () => {
    const changes = [change('03-01', 'merge', [`${OKTA}eve`, GITLAB]), change('06-01', 'split', [`${OKTA}eve`, GITLAB])]; // prettier-ignore
    for (const events of [changes, changes.toReversed()])
      expect(identitiesOf(...events).personOf(GITLAB, time('07-01'))).toBeUndefined();
  });
});

describe('addresses', () => {
  test('one after the other: each holder for the time in which it was seen', () => {
    const identities = identitiesOf(
      login('01-01', `${OKTA}old`, 'ops@corp.example'),
      login('02-01', `${OKTA}old`, 'ops@corp.example'),
      login('05-01', `${OKTA}new`, 'ops@corp.example'),
      login('01-15', GITLAB, 'ops@corp.example'),
    );
    const seen = ['01-15', '03-01', '05-02'].map((day) => identities.personOf(GITLAB, time(day))?.person);
    expect(seen).toEqual([`${OKTA}old`, undefined, `${OKTA}new`]);
    expect(identities.personOf(GITLAB)?.grade).toBe('asserted');
  });

  test('at the same time: it decides nothing', () => {
    const identities = identitiesOf(
      login('01-01', `${OKTA}a`, 'ops@corp.example'),
      login('02-01', `${OKTA}b`, 'ops@corp.example'),
      login('03-01', `${OKTA}a`, 'ops@corp.example'),
      login('01-15', GITLAB, 'ops@corp.example'),
    );
    expect(identities.personOf(GITLAB, time('02-01'))).toBeUndefined();
  });

  test('one that was given to somebody else says nothing from then on (RISC identifier-recycled)', () => {
    const recycled = event('06-01', { family: 'ssf', action: 'identity.split', facts: { identity: { change: 'split', accounts: [['email:eve@corp.example']], method: 'risc' } } }); // prettier-ignore
    const identities = identitiesOf(login('01-01', `${OKTA}eve`, 'eve@corp.example'), login('01-01', GITLAB, 'eve@corp.example'), recycled); // prettier-ignore
    expect(identities.personOf(GITLAB, time('05-31'))?.person).toBe(`${OKTA}eve`);
    expect(identities.personOf(GITLAB, time('06-01'))).toBeUndefined();
  });

  test('two tenants of one provider are two providers: an address never joins an identity of each', () => {
    const identities = identitiesOf(
      login('01-01', `${OKTA}eve`, 'eve@corp.example'),
      login('01-01', 'idp:user:https://other.example/eve', 'eve@corp.example'),
      login('01-01', GITLAB, 'eve@corp.example'),
    );
    expect(identities.personOf(GITLAB, time('01-01'))).toBeUndefined();
  });
});

describe('agents and who answers for them', () => {
  const agent = { kind: 'ai_agent', key: 'gitlab:user:git.example/99', sponsor: GITLAB } as const;

  test('an agent whose event names its person is one party with that person, by any account', () => {
    const identities = identitiesOf(change('01-01', 'merge', [`${OKTA}eve`, GITLAB]), event('01-02', { actor: human(`${OKTA}other`) })); // prettier-ignore
    expect(identities.sameParty(agent, human(GITLAB))).toBe(true);
    expect(identities.sameParty(agent, human(`${OKTA}eve`))).toBe(true);
    expect(identities.sameParty(agent, human(`${OKTA}other`))).toBe(false);
    expect(identities.partyOf(agent).sponsor).toBe(`${OKTA}eve`);
  });

  test('while the person is unresolved it stays undetermined', () => {
    expect(identitiesOf().sameParty(agent, human(`${OKTA}other`))).toBe('unknown');
  });
});
