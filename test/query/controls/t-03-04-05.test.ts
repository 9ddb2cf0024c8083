import { describe, expect, test } from 'vitest';
import { at, createFixture, gitlabUser, person, PRODUCTION_ROLE, STAGING_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import {
  addRequest,
  addRun,
  decideDeployment,
  decideRequest,
  openSession,
  requestOf,
  tokenOf,
} from '../../support/control-story.ts';
import type { Facts } from '../../../model/facts.ts';

const ISSUED = '2026-03-10T10:00:00.000Z';
const APPROVER = person('u-approver');
const CI = { project_id: '7', project_path: 'team/app', ref: 'main', ref_protected: true, environment: 'production' };
const POLICY = {
  projects: [{ id: 7, path: 'team/app', required_approvals: 2, protected_refs: ['main'] }],
  approver_groups: [
    {
      group: 'approvers',
      applies_to: 'production',
      members: [
        { person: APPROVER.key, from: '2026-01-01T00:00:00Z', to: '2026-03-20T00:00:00Z' },
        { person: person('u-second').key, from: '2026-01-01T00:00:00Z' },
      ],
    },
  ],
  identities: [
    { person: APPROVER.key, aliases: [gitlabUser(8).key, gitlabUser(9).key] },
    { person: person('u-second').key, aliases: [gitlabUser(5).key] },
  ],
};

/** A run on a request that the identity provider holds, with what was asked for. */
function asked(fixture: Fixture, request: Facts['request'] = {}, when = '2026-03-10T08:00:00Z'): void {
  const event = addRequest(fixture, 'r1', 1, when);
  Object.assign(event.facts, { request });
}

function verdictOf(fixture: Fixture, id: 'T-03' | 'T-04' | 'T-05', options = {}): string {
  const { items, passed } = fixture.run(id, options);
  const [item] = items;
  return item ? `${item.verdict} ${item.attribute}` : passed > 0 ? 'pass' : 'none';
}

describe('T-03 approver was entitled at that moment', () => {
  const decided = (when: string, by = APPROVER, extra: Record<string, unknown> = {}): Fixture => {
    const fixture = createFixture({ ...POLICY, ...extra });
    addRun(fixture, { job: 1, issuedAt: '2026-03-25T10:00:00Z', ci: CI });
    addRequest(fixture, 'r1', 1, '2026-03-01T00:00:01Z');
    decideRequest(fixture, 'r1', when, by);
    return fixture;
  };

  test('the membership counts as it stood at the decision, to the millisecond', () => {
    expect(verdictOf(decided('2026-03-19T23:59:59.999Z'), 'T-03')).toBe('pass');
    expect(verdictOf(decided('2026-03-20T00:00:00.000Z'), 'T-03')).toBe('exception not_in_group');
    expect(verdictOf(decided('2026-03-10T00:00:00Z', person('u-other')), 'T-03')).toBe('exception not_in_group');
  });

  test('a second account of a member is the member', () => {
    expect(verdictOf(decided('2026-03-10T00:00:00Z', gitlabUser(9)), 'T-03')).toBe('pass');
  });

  test('without a group of that time, or a person behind the account, nothing is said', () => {
    expect(verdictOf(decided('2026-03-10T00:00:00Z', APPROVER, { approver_groups: [] }), 'T-03')).toBe(
      'undetermined no_group_history',
    );
    expect(verdictOf(decided('2026-03-10T00:00:00Z', gitlabUser(77)), 'T-03')).toBe('undetermined unresolved_identity');
  });

  test('a rule is no approver, and no approval is no item', () => {
    const rule = { kind: 'system' as const, key: 'policy:p@1' };
    expect(decided('2026-03-10T00:00:00Z', rule).run('T-03').excluded).toEqual({ approved_by_rule: 1 });
    expect(createFixture(POLICY).run('T-03').result).toBe('did_not_operate');
  });

  // eps = 2 s + 2 s + 1 ms + 1 ms.
  test.each([
    ['2026-03-10T08:59:55.997Z', 'exception approver_inactive'],
    ['2026-03-10T08:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T09:00:04.003Z', 'pass'],
  ])('an approver deactivated at %s, deciding at 09:00: %s', (when, verdict) => {
    const fixture = decided('2026-03-10T09:00:00.000Z');
    deactivate(fixture, when);
    expect(verdictOf(fixture, 'T-03')).toBe(verdict);
  });

  test('a deactivation that arrives late changes only what is judged after it', () => {
    const fixture = decided('2026-03-10T09:00:00.000Z');
    deactivate(fixture, '2026-03-01T00:00:00Z', '2026-03-28T00:00:00Z');
    expect(verdictOf(fixture, 'T-03', { asOf: '2026-03-27T00:00:00Z' })).toBe('pass');
    expect(verdictOf(fixture, 'T-03')).toBe('exception approver_inactive');
  });
});

function deactivate(fixture: Fixture, when: string, received = when): void {
  fixture.add({
    name: 'gone',
    family: 'okta.log',
    action: 'user.deactivate',
    at: when,
    received,
    keys: [['target', APPROVER.key]],
  });
}

describe('T-04 grant within the approved scope and window', () => {
  const issued = (
    spec: {
      readonly request?: Facts['request'];
      readonly decidedAt?: string;
      readonly scope?: readonly string[];
      readonly approved?: readonly string[];
    },
    parameters: Record<string, unknown> = {},
  ): Fixture => {
    const fixture = createFixture({ ...POLICY, parameters });
    const reliedOn = { decided: 'approved', request: requestOf('r1'), scope: spec.scope ?? ['deploy'] } as const;
    addRun(fixture, { job: 1, issuedAt: ISSUED, ci: CI, reliedOn });
    asked(fixture, spec.request ?? {}, '2026-03-01T00:00:01Z');
    const decision = decideRequest(fixture, 'r1', spec.decidedAt ?? '2026-03-10T09:00:00Z', APPROVER);
    if (spec.approved && decision.facts.decision)
      Object.assign(decision.facts, { decision: { ...decision.facts.decision, scope: spec.approved } });
    return fixture;
  };

  test.each([
    ['as asked', { request: { roles: [PRODUCTION_ROLE], environment: 'production' } }, 'pass'],
    ['asked for by the name of the project', { request: { roles: ['app'] } }, 'pass'],
    ['another environment', { request: { environment: 'staging' } }, 'exception environment'],
    ['another role', { request: { roles: ['arn:aws:iam::111111111111:role/admin'] } }, 'exception role'],
    ['a word that means nothing', { request: { roles: ['something'] } }, 'undetermined role_not_comparable'],
    ['a narrower scope', { scope: ['deploy'], approved: ['deploy', 'read'] }, 'pass'],
    ['a wider scope', { scope: ['deploy', 'admin'], approved: ['deploy'] }, 'exception scope'],
    ['wider than asked', { scope: ['deploy', 'admin'], request: { scope: ['deploy'] } }, 'exception scope'],
  ])('%s', (_what, spec, verdict) => {
    expect(verdictOf(issued(spec), 'T-04')).toBe(verdict);
  });

  // A day, and eps of 4.002 s between the two sources.
  test.each([
    ['2026-03-09T10:00:00.000Z', 'pass'],
    ['2026-03-09T09:59:59.999Z', 'undetermined order_within_skew'],
    ['2026-03-09T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-09T09:59:55.997Z', 'exception approval_stale'],
  ])('approved at %s, issued a day later at 10:00: %s', (decidedAt, verdict) => {
    expect(verdictOf(issued({ decidedAt }), 'T-04')).toBe(verdict);
  });

  test('the tokens on one approval are counted in the order of their issue', () => {
    const fixture = issued({}, { tokens_per_approval: 2 });
    for (const job of [2, 3]) {
      addRun(fixture, {
        job,
        issuedAt: `2026-03-10T10:0${job}:00Z`,
        ci: CI,
        reliedOn: { decided: 'approved', request: requestOf('r1') },
      });
      const again = addRequest(fixture, `x${job}`, job, '2026-03-01T00:00:01Z');
      fixture.link(requestOf('r1'), 'authorised', `gitlab:pipeline:gitlab.example/${job + 1_000}`, again);
    }
    const result = fixture.run('T-04');
    expect(result.items).toMatchObject([{ item: tokenOf(3), verdict: 'exception', attribute: 'allowance' }]);
  });

  test('a credential becomes a member once its approval has arrived', () => {
    const fixture = createFixture(POLICY);
    addRun(fixture, { job: 1, issuedAt: ISSUED, ci: CI });
    decideDeployment(fixture, 1, '2026-03-09T08:00:00Z', gitlabUser(8), 'approved', '2026-03-20T00:00:00Z');
    expect(verdictOf(fixture, 'T-04', { asOf: '2026-03-19T00:00:00Z' })).toBe('none');
    expect(verdictOf(fixture, 'T-04')).toBe('exception approval_stale');
  });

  test('what has no approval is for T-01 to say', () => {
    const fixture = createFixture(POLICY);
    addRun(fixture, { job: 1, issuedAt: ISSUED, ci: CI });
    expect(fixture.run('T-04')).toMatchObject({ result: 'did_not_operate', population: { count: 0 } });
  });
});

describe('T-05 required number of approvals, still standing', () => {
  const run = (extra: Record<string, unknown> = {}): Fixture => {
    const fixture = createFixture({ ...POLICY, ...extra });
    addRun(fixture, { job: 1, issuedAt: ISSUED, ci: CI });
    return fixture;
  };

  test('two people are two, two accounts of one person are one', () => {
    const two = run();
    decideDeployment(two, 1, '2026-03-10T09:00:00Z', gitlabUser(8));
    decideDeployment(two, 1, '2026-03-10T09:10:00Z', gitlabUser(5));
    expect(verdictOf(two, 'T-05')).toBe('pass');
    const one = run();
    decideDeployment(one, 1, '2026-03-10T09:00:00Z', gitlabUser(8));
    decideDeployment(one, 1, '2026-03-10T09:10:00Z', gitlabUser(9));
    expect(verdictOf(one, 'T-05')).toBe('exception too_few_approvers');
  });

  test('an account that nothing resolves may be one of them or not', () => {
    const fixture = run();
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(8));
    decideDeployment(fixture, 1, '2026-03-10T09:10:00Z', gitlabUser(70));
    expect(verdictOf(fixture, 'T-05')).toBe('undetermined unresolved_identity');
  });

  // eps = 4.002 s.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'pass'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'exception too_few_approvers'],
  ])('the second approval at %s, issued at 10:00: %s', (when, verdict) => {
    const fixture = run();
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(8));
    decideDeployment(fixture, 1, when, gitlabUser(5));
    expect(verdictOf(fixture, 'T-05')).toBe(verdict);
  });

  test('approvals by a rule, and sessions that crossed over, are excluded and listed', () => {
    const byRule = run();
    asked(byRule);
    decideRequest(byRule, 'r1', '2026-03-10T09:00:00Z', { kind: 'system', key: 'policy:p@1' });
    expect(byRule.run('T-05').excluded).toEqual({ approved_by_rule: 1 });
    const crossed = createFixture(POLICY);
    addRun(crossed, { job: 1, issuedAt: ISSUED, ci: CI, role: STAGING_ROLE });
    openSession(crossed, 1, 'aws:accesskey:ASIACROSSED', '2026-03-10T10:00:05Z');
    expect(crossed.run('T-05').excluded).toEqual({ crossed_environments: 1 });
  });

  test('a project that the policy does not know has no number; one that needs none is no item', () => {
    expect(verdictOf(run({ projects: [] }), 'T-05')).toBe('undetermined requirement_unknown');
    const none = run({ projects: [{ id: 7, required_approvals: 0 }] });
    expect(none.run('T-05').population.count).toBe(0);
    expect(createFixture(POLICY).run('T-05').result).toBe('did_not_operate');
  });

  test.each([
    ['the commit', { sha: 'a' }, { sha: 'b' }, 'exception approval_before_change'],
    ['the scope', { scope: ['deploy'] }, { scope: ['deploy', 'admin'] }, 'exception approval_before_change'],
    ['nothing', { sha: 'a', scope: ['deploy'] }, { sha: 'a', scope: ['deploy'] }, 'pass'],
  ])('asked again after the approval with %s changed', (_what, first, second, verdict) => {
    const fixture = run({ projects: [{ id: 7, required_approvals: 1 }] });
    asked(fixture, first);
    decideRequest(fixture, 'r1', '2026-03-10T08:30:00Z', APPROVER);
    asked(fixture, second, '2026-03-10T09:00:00Z');
    expect(verdictOf(fixture, 'T-05')).toBe(verdict);
    decideRequest(fixture, 'r1', '2026-03-10T09:30:00Z', APPROVER);
    expect(verdictOf(fixture, 'T-05')).toBe('pass');
  });

  // Asked at the identity provider, issued by the issuer at 10:00: eps = 4.002 s on either side.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'exception approval_before_change'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'pass'],
  ])('another commit asked for at %s, issued at 10:00: %s', (when, verdict) => {
    const fixture = run({ projects: [{ id: 7, required_approvals: 1 }] });
    asked(fixture, { sha: 'a' });
    decideRequest(fixture, 'r1', '2026-03-10T08:30:00Z', APPROVER);
    asked(fixture, { sha: 'b' }, when);
    expect(verdictOf(fixture, 'T-05')).toBe(verdict);
  });

  // Both stand in one log: eps is twice 2 s + 1 ms.
  test.each([
    ['2026-03-10T08:29:55.997Z', 'pass'],
    ['2026-03-10T08:29:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T08:30:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T08:30:04.003Z', 'exception approval_before_change'],
  ])('asked with another commit at %s, approved at 08:30: %s', (when, verdict) => {
    const fixture = run({ projects: [{ id: 7, required_approvals: 1 }] });
    asked(fixture, { sha: 'a' });
    decideRequest(fixture, 'r1', '2026-03-10T08:30:00.000Z', APPROVER);
    asked(fixture, { sha: 'b' }, when);
    expect(verdictOf(fixture, 'T-05')).toBe(verdict);
  });

  test('whichever of two requests was approved, a third one changed it', () => {
    const fixture = run({ projects: [{ id: 7, required_approvals: 1 }] });
    asked(fixture, { sha: 'a' });
    asked(fixture, { sha: 'b' }, '2026-03-10T08:30:01Z');
    decideRequest(fixture, 'r1', '2026-03-10T08:30:00Z', APPROVER);
    asked(fixture, { sha: 'c' }, '2026-03-10T09:00:00Z');
    expect(verdictOf(fixture, 'T-05')).toBe('exception approval_before_change');
  });

  test('an approval that arrives late counts only once it is there', () => {
    const fixture = run({ projects: [{ id: 7, required_approvals: 1 }] });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(8), 'approved', '2026-03-20T00:00:00Z');
    expect(verdictOf(fixture, 'T-05', { asOf: '2026-03-19T00:00:00Z' })).toBe('exception too_few_approvers');
    expect(verdictOf(fixture, 'T-05')).toBe('pass');
    expect(at(ISSUED)).toBeGreaterThan(0);
  });
});
