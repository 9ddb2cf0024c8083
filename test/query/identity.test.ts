import { describe, expect, test } from 'vitest';
import { policySchema } from '../../model/policy.ts';
import { createIdentities, vouchedBy } from '../../query/identity.ts';
import type { Vouched } from '../../query/identities/bonds.ts';
import { graphOf, told } from '../support/worked-chains.ts';

const OKTA = 'idp:user:https://idp.example/';
const at = (text: string): number => Date.parse(text) * 1_000;
const policy = policySchema.parse({
  identities: [
    { person: `${OKTA}ann`, aliases: ['gitlab:user:git.example/1', 'gitlab:user:git.example/2'], method: 'scim' },
    { person: `${OKTA}old`, aliases: ['email:shared@corp.example'], to: '2026-01-01T00:00:00Z' },
    { person: `${OKTA}new`, aliases: ['email:shared@corp.example'], from: '2026-01-01T00:00:00Z' },
    {
      person: 'idp:user:https://agents.example/bot',
      kind: 'ai_agent',
      aliases: ['gitlab:user:git.example/9'],
      sponsor: `${OKTA}ann`,
    },
  ],
});
const human = (key: string, email?: string): { kind: 'human'; key: string; email?: string } => ({
  kind: 'human',
  key,
  ...(email === undefined ? {} : { email }),
});

describe('createIdentities', () => {
  const identities = createIdentities(policy, []);

  test('two accounts of one person are one party', () => {
    expect(identities.sameParty(human('gitlab:user:git.example/1'), human('gitlab:user:git.example/2'))).toBe(true);
    expect(identities.personOf('gitlab:user:git.example/2')).toMatchObject({
      person: `${OKTA}ann`,
      grade: 'exact',
      how: 'policy file (scim)',
    });
  });

  test('an agent and its sponsor are one party', () => {
    const agent = { kind: 'ai_agent', key: 'gitlab:user:git.example/9' } as const;
    expect(identities.sameParty(agent, human('gitlab:user:git.example/1'))).toBe(true);
    expect(identities.sameParty(agent, human(`${OKTA}new`))).toBe(false);
  });

  test('an alias counts only while it is valid', () => {
    expect(identities.personOf('email:shared@corp.example', at('2025-06-01T00:00:00Z'))?.person).toBe(`${OKTA}old`);
    expect(identities.personOf('email:shared@corp.example', at('2026-06-01T00:00:00Z'))?.person).toBe(`${OKTA}new`);
  });

  test('an account that nothing ties to a person makes a comparison undetermined', () => {
    expect(identities.sameParty(human('gitlab:user:git.example/77'), human('gitlab:user:git.example/1'))).toBe(
      'unknown',
    );
    expect(identities.sameParty(human('gitlab:user:git.example/77'), human('gitlab:user:git.example/77'))).toBe(true);
    expect(identities.sameParty(human(''), human(''))).toBe('unknown');
  });

  test('two accounts of one provider are two persons', () => {
    expect(identities.sameParty(human(`${OKTA}x`), human(`${OKTA}y`))).toBe(false);
  });
});

describe('what events vouch for', () => {
  const alias: Vouched = { key: `${OKTA}eve`, other: 'gitlab:user:git.example/5', grade: 'exact', event: 'event:ce/1' };

  test("an issuer's alias is exact and says which event vouched", () => {
    const person = createIdentities(policySchema.parse({}), [alias]).personOf('gitlab:user:git.example/5');
    expect(person).toMatchObject({ person: `${OKTA}eve`, grade: 'exact', how: 'vouched for by event:ce/1' });
  });

  test('an e-mail address is asserted, and decides nothing where two identities bear it', () => {
    const mail = (key: string): Vouched => ({
      key,
      other: 'email:eve@corp.example',
      grade: 'asserted',
      event: 'event:okta.log/1',
    });
    const account = mail('gitlab:user:git.example/6');
    const one = createIdentities(policySchema.parse({}), [account, mail(`${OKTA}eve`)]);
    expect(one.personOf('gitlab:user:git.example/6')).toMatchObject({ person: `${OKTA}eve`, grade: 'asserted' });
    const two = createIdentities(policySchema.parse({}), [account, mail(`${OKTA}eve`), mail(`${OKTA}evelyn`)]);
    expect(two.personOf('gitlab:user:git.example/6')).toBeUndefined();
  });

  test('is read from every party of an event', () => {
    const event = told({ id: '1', family: 'ce', at: '2026-01-01T00:00:00Z', action: 'token.issue', actor: { kind: 'service', key: 'idp:user:x/job' }, onBehalfOf: { kind: 'human', key: `${OKTA}eve`, aliases: ['gitlab:user:git.example/5'], email: 'Eve@corp.example' }, keys: [] }); // prettier-ignore
    expect(vouchedBy(graphOf([event]).events.values())).toEqual([
      { key: `${OKTA}eve`, other: 'gitlab:user:git.example/5', grade: 'exact', event: 'event:ce/1', method: 'issuer' },
      { key: `${OKTA}eve`, other: 'email:eve@corp.example', grade: 'asserted', event: 'event:ce/1', method: 'email' },
    ]);
  });
});
