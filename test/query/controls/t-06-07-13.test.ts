import { describe, expect, test } from 'vitest';
import { at, createFixture, gitlabUser, PEOPLE, PRODUCTION_ROLE, STAGING_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import {
  addRequest,
  addRun,
  decideRequest,
  jobOf,
  openSession,
  requestOf,
  tokenOf,
} from '../../support/control-story.ts';

const WHEN = '2026-03-10T12:00:00Z';
const BROKER = 'access-request:broker:issuer.example/';

describe('T-06 reason recorded', () => {
  function ask(fixture: Fixture, id: string, request: Record<string, unknown>, spec: { when?: string; received?: string; change?: string } = {}): void {
    const { when = WHEN, received = when, change } = spec;
    fixture.add({
      name: `ask-${id}`, family: 'ce', action: 'token.request', at: when, received, actor: PEOPLE.asker,
      facts: { request: { environment: 'production', ...request } },
      keys: [['subject', `${BROKER}${id}`], ...(change === undefined ? [] : [['mentions', change] as const])],
    });
  } // prettier-ignore

  test('a reason of the length of the policy passes, one character less is an exception', () => {
    const fixture = createFixture();
    ask(fixture, 'long', { reason: '0123456789' });
    ask(fixture, 'short', { reason: '012345678 ' });
    ask(fixture, 'none', {});
    const result = fixture.run('T-06');
    expect(result).toMatchObject({ population: { count: 3 }, passed: 1, result: 'exceptions_noted' });
    expect(result.items.map(({ item, attribute }) => [item, attribute])).toEqual([
      [`${BROKER}none`, 'no_reason'],
      [`${BROKER}short`, 'no_reason'],
    ]);
    expect(result.items[1]?.finding).toContain('9 characters');
  });

  test('a ticket stands in for a reason where the tracker holds it, in the text or as a change', () => {
    const parameters = { ticket_pattern: 'CHG-\\d+' };
    const fixture = createFixture({ parameters, tickets: [{ id: 'CHG-1' }] });
    ask(fixture, 'known', { reason: 'CHG-1' });
    ask(fixture, 'change', {}, { change: 'change:jira/CHG-1' });
    ask(fixture, 'unknown', { reason: 'CHG-2' });
    expect(fixture.run('T-06')).toMatchObject({
      passed: 2,
      items: [{ item: `${BROKER}unknown`, attribute: 'ticket_unknown' }],
    });
    const unconnected = createFixture({ parameters });
    ask(unconnected, 'form', { reason: 'CHG-2' });
    const result = unconnected.run('T-06');
    expect(result).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'tracker_not_connected' }] });
    expect(result.parameters['tracker export']).toContain('only the form');
  });

  test('a request for staging is no member; one that nothing classifies is undetermined without a reason', () => {
    const fixture = createFixture();
    ask(fixture, 'staging', { environment: 'staging' });
    ask(fixture, 'elsewhere', { environment: undefined });
    expect(fixture.run('T-06')).toMatchObject({
      population: { count: 1 },
      items: [{ verdict: 'undetermined', attribute: 'environment_unclassified' }],
    });
  });

  test('a request is for production once a production credential rests on it, and a late event makes it a member', () => {
    const fixture = createFixture();
    addRequest(fixture, 'r1', 1, '2026-03-10T11:00:00Z');
    addRun(fixture, { job: 1, issuedAt: WHEN });
    // Okta's log does not tell reasons: that there is none in it is no exception.
    expect(fixture.run('T-06').items).toMatchObject([
      { item: requestOf('r1'), verdict: 'undetermined', attribute: 'reason_not_observable' },
    ]);
    ask(fixture, 'late', {}, { received: '2026-03-12T00:00:00Z' });
    expect(fixture.run('T-06', { asOf: '2026-03-11T00:00:00Z' }).population.count).toBe(1);
    expect(fixture.run('T-06', { asOf: '2026-03-12T00:00:00Z' }).population.count).toBe(2);
  });

  test('a request that Okta keeps is a member, and its reason may stand in the request of the issuer that relies on it', () => {
    const fixture = createFixture();
    const asked = (id: string): unknown => fixture.add({ name: id, family: 'okta.log', action: 'access.request', at: WHEN, actor: PEOPLE.asker, facts: { request: { environment: 'production' } }, keys: [['creates', requestOf(id)]] }); // prettier-ignore
    asked('silent');
    asked('explained');
    fixture.add({ name: 'relies', family: 'ce', action: 'token.request', at: WHEN, actor: PEOPLE.asker, facts: { request: { environment: 'production', reason: 'restore the ledger' } }, keys: [['subject', `${BROKER}b1`], ['uses', requestOf('explained')]] }); // prettier-ignore
    expect(fixture.run('T-06')).toMatchObject({
      population: { count: 3 },
      passed: 2,
      items: [{ item: requestOf('silent'), verdict: 'undetermined', attribute: 'reason_not_observable' }],
    });
  });

  test('nothing asked is no pass, and neither is a request before the period', () => {
    const fixture = createFixture();
    ask(fixture, 'before', {}, { when: '2026-02-28T23:59:59.999Z' });
    expect(fixture.run('T-06')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});

describe('T-07 least privilege', () => {
  const role = { role: PRODUCTION_ROLE, environment: 'production', projects: [1] };
  const ci = (project: string): object => ({ project_id: project, ref: 'main' });

  test('a pair of role and project is one item; one outside the list is an exception', () => {
    const fixture = createFixture({ roles: [role] });
    addRun(fixture, { job: 1, issuedAt: WHEN, ci: ci('1') });
    addRun(fixture, { job: 2, issuedAt: WHEN, ci: ci('1') });
    addRun(fixture, { job: 3, issuedAt: WHEN, ci: ci('2') });
    const result = fixture.run('T-07');
    expect(result).toMatchObject({ population: { count: 2 }, passed: 1 });
    expect(result.items).toMatchObject([{ item: `grant:${PRODUCTION_ROLE}/2`, attribute: 'role_not_allowed' }]);
  });

  test('the list in force at the issue decides, to the moment; a later list heals nothing', () => {
    const roles = [
      { ...role, projects: [], to: WHEN },
      { ...role, from: WHEN },
    ];
    const fixture = createFixture({ roles });
    addRun(fixture, { job: 1, issuedAt: WHEN, ci: ci('1') });
    expect(fixture.run('T-07')).toMatchObject({ passed: 1 });
    addRun(fixture, { job: 2, issuedAt: '2026-03-10T11:59:59.999Z', ci: ci('1') });
    expect(fixture.run('T-07').items[0]?.finding).toContain('in 1 of 2 issues');
  });

  test('a role that may do everything is an exception but in an emergency', () => {
    const admin = createFixture({ roles: [{ ...role, admin: true }] });
    addRun(admin, { job: 1, issuedAt: WHEN, ci: ci('1') });
    expect(admin.run('T-07').items).toMatchObject([{ attribute: 'wildcard_admin' }]);
    const emergency = createFixture({ roles: [{ ...role, projects: [], admin: true, use: 'break_glass' }] });
    addRun(emergency, { job: 1, issuedAt: WHEN, ci: ci('1') });
    expect(emergency.run('T-07')).toMatchObject({ excluded: { break_glass: 1 }, result: 'did_not_operate' });
  });

  test('a role that the inventory does not name is outside every list; an unknown project is undetermined', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: WHEN, ci: ci('1') });
    expect(fixture.run('T-07').items[0]?.finding).toContain('does not name the role');
    const unknown = createFixture({ roles: [role] });
    addRun(unknown, { job: 1, issuedAt: WHEN });
    expect(unknown.run('T-07')).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'project_unknown' }] });
  }); // prettier-ignore

  test('a session of registered automation is left out and listed', () => {
    const fixture = createFixture({ roles: [role], automation: [{ name: 'scaler', match: { aws_role_arn: 'arn:aws:iam::111111111111:role/scaler' } }] });
    fixture.add({
      name: 'self', family: 'aws.cloudtrail', action: 'session.assume', at: WHEN,
      facts: { credential: { key: 'aws:accesskey:ASIASELF', target: PRODUCTION_ROLE }, call: { service: 'sts', operation: 'AssumeRole', write: false, principal: 'arn:aws:iam::111111111111:role/scaler' } },
      keys: [['creates', 'aws:accesskey:ASIASELF']],
    });
    expect(fixture.run('T-07')).toMatchObject({ excluded: { registered_automation: 1 }, result: 'did_not_operate' });
  }); // prettier-ignore

  test('an issue that arrives late makes its grant a member from then on', () => {
    const fixture = createFixture({ roles: [role] });
    fixture.add({
      name: 'late', family: 'ce', action: 'token.issue', at: WHEN, received: '2026-03-20T00:00:00Z', keys: [['creates', tokenOf(1)]],
      facts: { credential: { key: tokenOf(1), issued_at: at(WHEN), target: PRODUCTION_ROLE }, ci: ci('2') },
    });
    expect(fixture.run('T-07', { asOf: '2026-03-19T00:00:00Z' })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-07').items).toMatchObject([{ attribute: 'role_not_allowed' }]);
  }); // prettier-ignore

  test('no grant is no pass', () => {
    expect(createFixture({ roles: [role] }).run('T-07')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  }); // prettier-ignore
});

describe('T-13 revocation when the reason ends', () => {
  /** A job that fails at noon, with a token that ends so many seconds later, or never. */
  function failing(lifeS: number | undefined, revokedAt?: string, received?: string): Fixture {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:50:00Z', lifeS: lifeS === undefined ? undefined : lifeS + 600 });
    finish(fixture, 1, 'failure');
    if (revokedAt !== undefined)
      fixture.add({
        name: 'revoke', family: 'ce', action: 'token.revoke', at: revokedAt, received: received ?? revokedAt, keys: [['ends', tokenOf(1)]],
      }); // prettier-ignore
    return fixture;
  }
  function finish(fixture: Fixture, job: number, outcome: string): void {
    fixture.add({
      name: `end-${job}`, family: 'gitlab.hook', action: 'job.finish', at: WHEN, outcome,
      facts: { job: { status: outcome === 'failure' ? 'failed' : 'success', finished_at: at(WHEN) } }, keys: [['subject', jobOf(job)]],
    }); // prettier-ignore
  }

  test('what ends at the limit passes, and so does what was revoked in time', () => {
    expect(failing(900).run('T-13')).toMatchObject({ population: { count: 1 }, passed: 1, result: 'no_exceptions_noted' });
    expect(failing(7_200, '2026-03-10T12:15:00Z').run('T-13')).toMatchObject({ passed: 1 });
  }); // prettier-ignore

  test.each([
    // The skews of both sources and the resolutions of their stamps: 2 s + 2 s + 1 ms + 1 ms.
    ['one millisecond over', 900.001, 'undetermined', 'order_within_skew'],
    ['exactly eps', 904.002, 'undetermined', 'order_within_skew'],
    ['a millisecond more than eps', 904.003, 'exception', 'outlived_reason'],
  ])('%s', (_what, lifeS, verdict, attribute) => {
    expect(failing(lifeS).run('T-13').items).toMatchObject([{ item: tokenOf(1), verdict, attribute }]);
  });

  test('what lives on is an exception, also without an end; a revocation that arrives later heals it from then on', () => {
    expect(failing(undefined).run('T-13').items).toMatchObject([{ attribute: 'outlived_reason' }]);
    const late = failing(7_200, '2026-03-10T12:05:00Z', '2026-03-12T00:00:00Z');
    expect(late.run('T-13', { asOf: '2026-03-11T00:00:00Z' })).toMatchObject({ exceptions: 1 });
    expect(late.run('T-13', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ passed: 1, exceptions: 0 });
  });

  test('within the limit nobody can tell yet', () => {
    const fixture = failing(7_200);
    expect(fixture.run('T-13', { asOf: '2026-03-10T12:14:59Z' }).items).toMatchObject([{ attribute: 'not_yet_due' }]);
    expect(fixture.run('T-13', { asOf: '2026-03-10T12:15:00Z' }).items).toMatchObject([{ attribute: 'outlived_reason' }]);
  }); // prettier-ignore

  test('a session of AWS cannot be taken back: its exposure is told', () => {
    const fixture = failing(60);
    openSession(fixture, 1, 'aws:accesskey:ASIAX', '2026-03-10T11:55:00Z', { lifeS: 3_600 });
    const result = fixture.run('T-13');
    expect(result).toMatchObject({ result: 'unable_to_conclude', items: [{ item: 'aws:accesskey:ASIAX', attribute: 'issuer_cannot_revoke' }] });
    expect(result.items[0]?.finding).toContain('55 min');
  }); // prettier-ignore

  test('a request that is withdrawn, and a person who is deactivated, by whichever of two accounts', () => {
    const fixture = createFixture({ identities: [{ person: PEOPLE.runner.key, aliases: [gitlabUser(1).key] }] });
    addRequest(fixture, 'r1', 1, '2026-03-10T11:00:00Z');
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:50:00Z', lifeS: 7_200, runner: gitlabUser(7) });
    decideRequest(fixture, 'r1', WHEN, PEOPLE.approver, 'revoked');
    addRun(fixture, { job: 2, issuedAt: '2026-03-10T11:50:00Z', lifeS: 7_200, runner: gitlabUser(1) });
    fixture.add({ name: 'gone', family: 'okta.log', action: 'user.deactivate', at: WHEN, keys: [['target', PEOPLE.runner.key]] });
    const result = fixture.run('T-13');
    expect(result.items.map(({ item }) => item)).toEqual([tokenOf(1), tokenOf(2)]);
    expect(Object.keys(result.strata)).toEqual(['ce: principal deactivated', 'ce: request withdrawn']);
  }); // prettier-ignore

  test('a job that succeeds, and a token that had ended, make no members', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:50:00Z', lifeS: 7_200, role: STAGING_ROLE });
    finish(fixture, 1, 'success');
    addRun(fixture, { job: 2, issuedAt: '2026-03-10T11:00:00Z', lifeS: 60 });
    finish(fixture, 2, 'failure');
    expect(fixture.run('T-13')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});
