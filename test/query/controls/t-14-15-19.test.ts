import { describe, expect, test } from 'vitest';
import type { ActorRef } from '../../../model/actor.ts';
import type { TestId } from '../../../model/control.ts';
import { createFixture, gitlabUser, person, PRODUCTION_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addRun, decideDeployment, pipelineOf, tokenOf } from '../../support/control-story.ts';

const ALICE = person('u-alice');
const BOB = person('u-bob');
const AGENT: ActorRef = { kind: 'ai_agent', key: 'idp:user:https://agents.example/fixer', model: 'model-1' };
const IDENTITIES = [
  { person: ALICE.key, aliases: [gitlabUser(1).key, gitlabUser(2).key] },
  { person: BOB.key, aliases: [gitlabUser(3).key] },
];
const AGENT_ENTRY = { person: AGENT.key, kind: 'ai_agent', sponsor: ALICE.key, allowed_roles: [PRODUCTION_ROLE] };

function verdictOf(fixture: Fixture, id: TestId, options = {}): string {
  const { items, passed } = fixture.run(id, options);
  const [item] = items;
  return item ? `${item.verdict} ${item.attribute}` : passed > 0 ? 'pass' : 'none';
}

describe("T-14 MFA on requester's and approver's session", () => {
  const SESSION = 'okta:session:idp.example/s1';

  function login(
    fixture: Fixture,
    when: string,
    factor?: readonly [when: string, name: string],
    outcome = 'success',
  ): void {
    const one = { family: 'okta.log', action: 'session.login', actor: ALICE } as const;
    fixture.add({
      ...one,
      name: `login-${when}`,
      at: when,
      outcome,
      facts: { login: {} },
      keys: [['creates', SESSION]],
    });
    if (factor)
      fixture.add({
        ...one, name: 'mfa', at: factor[0], facts: { login: { mfa: true, factor: factor[1] } }, keys: [['uses', SESSION]],
      }); // prettier-ignore
  }

  function act(role: 'asks' | 'approves' | 'approves at GitLab', login?: (fixture: Fixture) => void): Fixture {
    const fixture = createFixture({ identities: IDENTITIES });
    login?.(fixture);
    const spec = { name: 'act', at: '2026-03-10T10:00:00.000Z' };
    if (role === 'approves at GitLab')
      fixture.add({ ...spec, family: 'gitlab.audit', action: 'deployment.approve', actor: gitlabUser(2) });
    else
      fixture.add({
        ...spec, family: 'okta.log', action: role === 'asks' ? 'access.request' : 'access.approve', actor: ALICE,
      }); // prettier-ignore
    return fixture;
  }

  test.each([
    ['asks', 'OKTA_VERIFY_PUSH', 'pass'],
    ['approves', 'OKTA_VERIFY_PUSH', 'exception factor_class'],
    ['approves', 'FIDO_WEBAUTHN', 'pass'],
    ['approves at GitLab', 'FIDO_WEBAUTHN', 'pass'],
    ['approves', 'SOMETHING_NEW', 'undetermined factor_unknown'],
    ['asks', undefined, 'exception single_factor'],
  ] as const)('who %s with %s: %s', (role, factor, verdict) => {
    const shown = factor && (['2026-03-10T08:00:10Z', factor] as const);
    expect(
      verdictOf(
        act(role, (fixture) => login(fixture, '2026-03-10T08:00:00Z', shown)),
        'T-14',
      ),
    ).toBe(verdict);
  });

  // eps = 4.002 s.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'pass'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'exception single_factor'],
  ])('a factor shown at %s, the act at 10:00: %s', (when, verdict) => {
    const fixture = act('approves', (one) => login(one, '2026-03-10T08:00:00Z', [when, 'FIDO_WEBAUTHN']));
    expect(verdictOf(fixture, 'T-14')).toBe(verdict);
  });

  test.each([
    ['2026-03-09T21:59:55.997Z', 'success', 'undetermined no_session'],
    ['2026-03-09T21:59:55.998Z', 'success', 'undetermined order_within_skew'],
    ['2026-03-09T21:59:59.999Z', 'success', 'undetermined order_within_skew'],
    ['2026-03-09T22:00:00.000Z', 'success', 'pass'],
    ['2026-03-10T08:00:00.000Z', 'failure', 'undetermined no_session'],
  ])('a login at %s (%s) covers the act at 10:00 for twelve hours: %s', (when, outcome, verdict) => {
    const factor = outcome === 'success' ? ([when, 'FIDO_WEBAUTHN'] as const) : undefined;
    expect(
      verdictOf(
        act('approves', (one) => login(one, when, factor, outcome)),
        'T-14',
      ),
    ).toBe(verdict);
  });

  // The identity provider and GitLab have clocks of their own: eps = 4.002 s on either side.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'undetermined no_session'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'pass'],
  ])('logged out at %s, the approval at GitLab at 10:00: %s', (when, verdict) => {
    const fixture = act('approves at GitLab', (one) => {
      login(one, '2026-03-10T08:00:00Z', ['2026-03-10T08:00:10Z', 'FIDO_WEBAUTHN']);
      one.add({ name: 'logout', family: 'okta.log', action: 'session.logout', at: when, actor: ALICE, keys: [['uses', SESSION]] });
    }); // prettier-ignore
    expect(verdictOf(fixture, 'T-14')).toBe(verdict);
  });

  test.each([
    ['2026-03-10T09:59:55.997Z', 'exception single_factor'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'undetermined no_session'],
  ])('logged in at %s, the approval at GitLab at 10:00: %s', (when, verdict) => {
    expect(verdictOf(act('approves at GitLab', (one) => login(one, when)), 'T-14')).toBe(verdict);
  }); // prettier-ignore

  test('a session that certainly covers the act goes before a later one that may', () => {
    const fixture = act('approves at GitLab', (one) => {
      login(one, '2026-03-10T08:00:00Z', ['2026-03-10T08:00:10Z', 'FIDO_WEBAUTHN']);
      one.add({ name: 'login-2', family: 'okta.log', action: 'session.login', at: '2026-03-10T10:00:01Z', actor: ALICE, facts: { login: {} }, keys: [['creates', 'okta:session:idp.example/s2']] });
    }); // prettier-ignore
    expect(verdictOf(fixture, 'T-14')).toBe('pass');
  });

  test('a login that arrives late covers the act from then on', () => {
    const fixture = act('approves');
    const one = {
      family: 'okta.log',
      action: 'session.login',
      actor: ALICE,
      received: '2026-03-20T00:00:00Z',
    } as const;
    fixture.add({ ...one, name: 'login', at: '2026-03-10T08:00:00Z', facts: { login: {} }, keys: [['creates', SESSION]] }); // prettier-ignore
    fixture.add({ ...one, name: 'mfa', at: '2026-03-10T08:00:10Z', facts: { login: { mfa: true, factor: 'FIDO_WEBAUTHN' } }, keys: [['uses', SESSION]] }); // prettier-ignore
    expect(verdictOf(fixture, 'T-14', { asOf: '2026-03-19T00:00:00Z' })).toBe('undetermined no_session');
    expect(verdictOf(fixture, 'T-14')).toBe('pass');
  });

  test('an account that is nobody, an agent in the name of somebody, and nobody at all', () => {
    const stranger = createFixture();
    stranger.add({
      name: 'act',
      family: 'gitlab.audit',
      action: 'deployment.approve',
      at: '2026-03-10T10:00:00Z',
      actor: gitlabUser(50),
    });
    expect(verdictOf(stranger, 'T-14')).toBe('undetermined unresolved_identity');
    const agent = createFixture({ identities: IDENTITIES });
    agent.add({
      name: 'act',
      family: 'ce',
      action: 'token.request',
      at: '2026-03-10T10:00:00Z',
      actor: ALICE,
      actChain: [AGENT],
    });
    expect(agent.run('T-14').excluded).toEqual({ asked_by_agent: 1 });
    expect(createFixture().run('T-14').result).toBe('did_not_operate');
  });
});

function deactivate(fixture: Fixture, when: string, who = ALICE, received = when): void {
  fixture.add({
    name: `gone-${when}`,
    family: 'okta.log',
    action: 'user.deactivate',
    at: when,
    received,
    keys: [['target', who.key]],
  });
}

describe('T-15 no activity by a leaver', () => {
  function done(spec: { when?: string; outcome?: string; by?: ActorRef; identities?: unknown[] } = {}): Fixture {
    const { when = '2026-03-10T10:00:00.000Z', outcome = 'success', by = ALICE } = spec;
    const fixture = createFixture({ identities: spec.identities ?? IDENTITIES });
    fixture.add({
      name: 'act',
      family: 'okta.log',
      action: 'session.login',
      at: when,
      outcome,
      actor: by,
      facts: { login: {} },
    });
    return fixture;
  }

  // eps = 4.002 s.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'exception leaver_active'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'pass'],
  ])('deactivated at %s, logged in at 10:00: %s', (when, verdict) => {
    const fixture = done();
    deactivate(fixture, when);
    expect(verdictOf(fixture, 'T-15')).toBe(verdict);
  });

  test.each([
    ['a failed login', { outcome: 'failure' }, 'pass'],
    ['a second account', { by: gitlabUser(2) }, 'exception leaver_active'],
    [
      'an agent that answers to the leaver',
      { by: AGENT, identities: [...IDENTITIES, AGENT_ENTRY] },
      'exception leaver_active',
    ],
    [
      'a service account of the leaver',
      {
        by: gitlabUser(9, 'service'),
        identities: [...IDENTITIES, { person: gitlabUser(9).key, kind: 'service', owner: ALICE.key }],
      },
      'exception leaver_active',
    ],
    ['somebody else', { by: BOB }, 'none'],
  ])('%s', (_what, spec, verdict) => {
    const fixture = done(spec);
    deactivate(fixture, '2026-03-01T00:00:00Z');
    expect(verdictOf(fixture, 'T-15')).toBe(verdict);
  });

  test('who came back may act; a run is one item', () => {
    const fixture = done();
    deactivate(fixture, '2026-03-01T00:00:00Z');
    const back = { name: 'back', family: 'okta.log', action: 'user.reactivate', at: '2026-03-05T00:00:00Z' } as const;
    fixture.add({ ...back, keys: [['target', ALICE.key]] });
    expect(verdictOf(fixture, 'T-15')).toBe('pass');
    const schedule = createFixture({ identities: IDENTITIES });
    deactivate(schedule, '2026-03-01T00:00:00Z');
    addRun(schedule, { job: 1, issuedAt: '2026-03-10T10:00:00Z', creator: gitlabUser(1), runner: gitlabUser(1) });
    const items = schedule.run('T-15').items.filter((item) => item.aliases.includes(pipelineOf(1)));
    expect(items).toHaveLength(1);
  });

  test('nobody left, and a deactivation that is told late', () => {
    const fixture = done();
    expect(fixture.run('T-15').result).toBe('did_not_operate');
    deactivate(fixture, '2026-03-01T00:00:00Z', ALICE, '2026-03-20T00:00:00Z');
    expect(verdictOf(fixture, 'T-15', { asOf: '2026-03-19T00:00:00Z' })).toBe('none');
    expect(verdictOf(fixture, 'T-15')).toBe('exception leaver_active');
  });
});

describe('T-19 AI agent runs have a human sponsor and human approval', () => {
  const ISSUED = '2026-03-10T10:00:00.000Z';
  const ROLES = [{ role: PRODUCTION_ROLE, environment: 'production' }];

  function run(entry: Record<string, unknown> | undefined, by: ActorRef | undefined, agent = AGENT): Fixture {
    const identities = entry === undefined ? IDENTITIES : [...IDENTITIES, { ...AGENT_ENTRY, ...entry }];
    const fixture = createFixture({ identities, roles: ROLES });
    addRun(fixture, { job: 1, issuedAt: ISSUED, agent });
    if (by) decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', by);
    return fixture;
  }

  test.each([
    ['approved by somebody else', {}, gitlabUser(3), 'pass'],
    ['approved by its sponsor, with another account', {}, gitlabUser(2), 'exception approved_by_sponsor'],
    ['approved by an agent', {}, AGENT, 'exception agent_approves'],
    ['approved by nobody known', {}, gitlabUser(60), 'undetermined unresolved_identity'],
    ['without a sponsor', { sponsor: null }, gitlabUser(3), 'exception no_sponsor'],
    ['not in the register', undefined, gitlabUser(3), 'exception no_sponsor'],
    ['with a service as sponsor', { sponsor: AGENT.key }, gitlabUser(3), 'exception no_sponsor'],
    ['in a role it may not hold', { allowed_roles: [] }, gitlabUser(3), 'exception role_not_allowed'],
    ['not approved, which T-01 says', {}, undefined, 'pass'],
  ])('%s', (_what, entry, by, verdict) => {
    expect(verdictOf(run(entry, by), 'T-19')).toBe(verdict);
  });

  test('the model is on record', () => {
    const { model: _model, ...nameless } = AGENT;
    expect(verdictOf(run({}, gitlabUser(3), nameless), 'T-19')).toBe('exception model_missing');
  });

  test('an agent that only started the run is not named by the issuer', () => {
    const fixture = createFixture({
      identities: [...IDENTITIES, { ...AGENT_ENTRY, aliases: [gitlabUser(4).key] }],
      roles: ROLES,
    });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(4), runner: gitlabUser(4) });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(3));
    fixture.add({ name: 'issuer', family: 'ce', action: 'token.use', at: ISSUED, keys: [['uses', tokenOf(1)]] });
    expect(verdictOf(fixture, 'T-19')).toBe('undetermined agent_not_named');
  });

  // eps = 4.002 s.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'exception sponsor_inactive'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'pass'],
  ])('a sponsor deactivated at %s, issued at 10:00: %s', (when, verdict) => {
    const fixture = run({}, gitlabUser(3));
    deactivate(fixture, when);
    expect(verdictOf(fixture, 'T-19')).toBe(verdict);
  });

  test('no agent, no operation; a late deactivation counts from then on', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    expect(fixture.run('T-19').result).toBe('did_not_operate');
    const late = run({}, gitlabUser(3));
    deactivate(late, '2026-03-01T00:00:00Z', ALICE, '2026-03-20T00:00:00Z');
    expect(verdictOf(late, 'T-19', { asOf: '2026-03-19T00:00:00Z' })).toBe('pass');
    expect(verdictOf(late, 'T-19')).toBe('exception sponsor_inactive');
  });
});
