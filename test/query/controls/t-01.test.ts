import { describe, expect, test } from 'vitest';
import { createFixture, gitlabUser, person, PRODUCTION_ROLE } from '../../support/control-fixture.ts';
import {
  addRequest,
  addRun,
  decideDeployment,
  decideRequest,
  openSession,
  requestOf,
  tokenOf,
} from '../../support/control-story.ts';

const ISSUED = '2026-03-10T10:00:00.000Z';
const approver = person('u-approver');

describe('T-01 approval precedes production credential issue', () => {
  test('passes with an approved request, and with an approved deployment', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z');
    decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', approver);
    addRun(fixture, { job: 2, issuedAt: ISSUED });
    decideDeployment(fixture, 2, '2026-03-10T09:00:00Z', gitlabUser(7));
    const result = fixture.run('T-01');
    expect([result.population.count, result.passed, result.result]).toEqual([2, 2, 'no_exceptions_noted']);
    expect(result.items).toEqual([]);
  });

  test.each([
    ['without any approval', () => undefined, 'no_approval', 'Issued without any approval'],
    ['with a request that nobody decided', 'open', 'no_approval', 'was not decided'],
    ['after a denial', 'denied', 'no_approval', 'Issued although the request was denied'],
    ['approved 131 s later', 'late', 'approval_after_issue', '131 s after the issue'],
    ['withdrawn before the issue', 'withdrawn', 'approval_withdrawn', 'withdrawn'],
  ])('notes an exception for a credential %s', (_what, how, code, words) => {
    const fixture = createFixture();
    const issue = addRun(fixture, { job: 1, issuedAt: ISSUED });
    if (typeof how === 'string') addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z');
    if (how === 'denied') decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', approver, 'denied');
    if (how === 'late') decideRequest(fixture, 'r1', '2026-03-10T10:02:11Z', approver);
    if (how === 'withdrawn') {
      decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', approver);
      decideRequest(fixture, 'r1', '2026-03-10T09:30:00Z', approver, 'revoked');
    }
    const result = fixture.run('T-01');
    expect(result.result).toBe('exceptions_noted');
    expect(result.items).toMatchObject([{ item: tokenOf(1), verdict: 'exception', attribute: code }]);
    expect(result.items[0]?.finding).toContain(words);
    expect(result.items[0]?.evidence).toContain(issue.event);
  });

  // eps = 2 s + 2 s of skew + 1 ms + 1 ms of resolution = 4.002 s.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'pass'],
    ['2026-03-10T09:59:55.998Z', 'undetermined'],
    ['2026-03-10T10:00:00.000Z', 'undetermined'],
    ['2026-03-10T10:00:04.002Z', 'undetermined'],
    ['2026-03-10T10:00:04.003Z', 'exception'],
  ])('an approval at %s against an issue at 10:00:00.000 is: %s', (when, verdict) => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    decideDeployment(fixture, 1, when, gitlabUser(7));
    const result = fixture.run('T-01');
    const [item] = result.items;
    expect(item?.verdict ?? 'pass').toBe(verdict);
    expect(result.result).toBe(
      { pass: 'no_exceptions_noted', undetermined: 'unable_to_conclude', exception: 'exceptions_noted' }[verdict],
    );
    if (verdict === 'undetermined') expect(item?.attribute).toBe('order_within_skew');
  });

  test('the clocks do not matter where the issuer names the decision, or both are numbered in one stream', () => {
    const fixture = createFixture();
    addRun(fixture, {
      job: 1,
      issuedAt: ISSUED,
      reliedOn: { decided: 'approved', mode: 'human', request: requestOf('r1'), by: approver },
    });
    addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z');
    decideRequest(fixture, 'r1', '2026-03-10T10:00:01Z', approver);
    addRun(fixture, { job: 2, issuedAt: ISSUED, sequence: '0012' });
    const own = 'access-request:broker:issuer.example/b2';
    const decision = fixture.add({
      name: 'own', family: 'ce', action: 'access.approve', at: '2026-03-10T10:00:00.500Z', sequence: '0011', actor: approver,
      facts: { decision: { decided: 'approved', mode: 'human', by: approver } }, keys: [['decides', own]],
    }); // prettier-ignore
    fixture.link(own, 'authorised', tokenOf(2), decision);
    expect(fixture.run('T-01')).toMatchObject({ passed: 2, result: 'no_exceptions_noted' });
  });

  test('a link that is weaker than the policy accepts leaves it undetermined', () => {
    const fixture = createFixture({ parameters: { minimum_link: 'exact' } });
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z');
    decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', approver);
    expect(fixture.run('T-01').items).toMatchObject([{ verdict: 'undetermined', attribute: 'weak_link' }]);
  });

  test('an approval that only the issuer states is no record of one', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, reliedOn: { decided: 'approved', mode: 'human', by: approver } });
    expect(fixture.run('T-01').items).toMatchObject([{ verdict: 'undetermined', attribute: 'approval_not_on_record' }]);
  });

  test('break-glass is excluded, counted and listed', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, reliedOn: { decided: 'approved', mode: 'break_glass' } });
    const result = fixture.run('T-01');
    expect(result).toMatchObject({
      excluded: { break_glass: 1 },
      result: 'did_not_operate',
      items: [{ verdict: 'excluded', attribute: 'break_glass' }],
    });
    expect(result.reason).toContain('Operation was not tested');
  });

  // eps = 4.002 s, of the identity provider and the issuer.
  test.each([
    ['2026-03-10T09:59:55.997Z', 'exception approval_withdrawn'],
    ['2026-03-10T09:59:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:00:04.003Z', 'pass'],
  ])('an approval withdrawn at %s against an issue at 10:00:00.000 is: %s', (when, verdict) => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z');
    decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', approver);
    decideRequest(fixture, 'r1', when, approver, 'revoked');
    const [item] = fixture.run('T-01').items;
    expect(item ? `${item.verdict} ${item.attribute}` : 'pass').toBe(verdict);
  });

  test('a session that registered automation opened for itself is excluded and listed', () => {
    const role = 'arn:aws:iam::111111111111:role/scaler';
    const fixture = createFixture({ automation: [{ name: 'scaler', match: { aws_role_arn: role } }] });
    const key = 'aws:accesskey:ASIASELF';
    fixture.add({
      name: 'self', family: 'aws.cloudtrail', action: 'session.assume', at: ISSUED, keys: [['creates', key]],
      facts: { credential: { key, target: PRODUCTION_ROLE }, call: { service: 'sts', operation: 'AssumeRole', write: false, principal: role } },
    }); // prettier-ignore
    const result = fixture.run('T-01');
    expect(result).toMatchObject({ excluded: { registered_automation: 1 }, result: 'did_not_operate' });
    expect(result.items).toMatchObject([{ item: key, verdict: 'excluded', attribute: 'registered_automation' }]);
  });

  test('a session belongs to the token that opened it; one without a token stands for itself', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(7));
    openSession(fixture, 1, 'aws:accesskey:ASIAOFTOKEN', '2026-03-10T10:00:05Z');
    openSession(fixture, 99, 'aws:accesskey:ASIAALONE', '2026-03-10T11:00:00Z');
    const result = fixture.run('T-01');
    expect(result.population.count).toBe(2);
    expect(result.items).toMatchObject([
      { item: 'aws:accesskey:ASIAALONE', verdict: 'exception', attribute: 'no_approval' },
    ]);
  });

  test('an approval that arrives later changes nothing of what was known before', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(7), 'approved', '2026-03-12T00:00:00Z');
    const before = fixture.run('T-01', { asOf: '2026-03-11T00:00:00Z' });
    expect(before.items).toMatchObject([{ attribute: 'no_approval' }]);
    expect(fixture.run('T-01', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ passed: 1, items: [] });
    expect(fixture.run('T-01', { asOf: '2026-03-11T00:00:00Z' })).toEqual(before);
  });

  test('credentials outside the period and outside production are no members', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-02-28T23:59:59.999Z' });
    addRun(fixture, { job: 2, issuedAt: '2026-04-01T00:00:00Z' });
    addRun(fixture, { job: 3, issuedAt: ISSUED, role: 'arn:aws:iam::222222222222:role/deploy-stg' });
    expect(fixture.run('T-01')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});
