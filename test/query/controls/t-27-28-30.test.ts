import { describe, expect, test } from 'vitest';
import { createFixture, GITLAB, gitlabUser, PEOPLE, PRODUCTION_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addRun, jobOf, openSession, tokenOf } from '../../support/control-story.ts';

const WHEN = '2026-03-10T12:00:00Z';
const START = '2026-03-01T00:00:00Z';

describe('T-27 guardrails held all period', () => {
  const setting = { id: 'author-approval', setting: 'prevent_author_approval', required: true };
  const state = (value: boolean, dates: object, more: object = {}): object => ({
    guardrail: 'author-approval',
    value,
    ...dates,
    ...more,
  });
  function turn(fixture: Fixture, type: string, when: string, received = when): void {
    fixture.add({ name: `${type}-${when}`, family: 'gitlab.audit', action: 'config.change', type, at: when, received, actor: gitlabUser(3), resourceName: 'main', keys: [['place', `gitlab:project:${GITLAB}/1`]] });
  } // prettier-ignore

  test('a setting that held is one stretch; a weaker one is told with its ends, who changed it and what ran inside', () => {
    const held = createFixture({ guardrails: [setting], setting_states: [state(true, { from: START })] });
    expect(held.run('T-27')).toMatchObject({ population: { count: 1 }, passed: 1 });
    const states = [state(true, { from: START }), state(false, { from: WHEN, to: '2026-03-10T13:00:00Z' }, { changed_by: 'anna' })];
    const weaker = createFixture({ guardrails: [setting], setting_states: states });
    const issue = addRun(weaker, { job: 1, issuedAt: '2026-03-10T12:59:59.999Z' });
    addRun(weaker, { job: 2, issuedAt: '2026-03-10T13:00:00Z' });
    const result = weaker.run('T-27');
    expect(result).toMatchObject({ population: { count: 3 }, passed: 2 });
    expect(result.items).toMatchObject([{ item: 'guardrail:author-approval@2026-03-10T12:00:00.000000Z', attribute: 'guardrail_weakened', evidence: [issue.event] }]);
    expect(result.items[0]?.finding).toMatch(/60 min\), changed by anna; 1 production/);
  }); // prettier-ignore

  test('before its first snapshot a setting is undetermined', () => {
    const fixture = createFixture({ guardrails: [setting], setting_states: [state(true, { from: WHEN })] });
    expect(fixture.run('T-27')).toMatchObject({ passed: 1, result: 'unable_to_conclude', items: [{ attribute: 'no_snapshot' }] });
  }); // prettier-ignore

  test('each protected ref of a project is a guardrail, told by its history and by the events of the forge', () => {
    const projects = [{ id: 1, protected_refs: ['main'] }];
    const history = [{ project_id: 1, ref: 'main', protected: true, from: START }];
    const fixture = createFixture({ projects, protected_refs_history: history });
    expect(fixture.run('T-27')).toMatchObject({ population: { count: 1 }, passed: 1 });
    turn(fixture, 'protected_branch_removed', WHEN, '2026-03-15T00:00:00Z');
    turn(fixture, 'protected_branch_created', '2026-03-10T12:10:00Z', '2026-03-15T00:00:00Z');
    // What arrives late is seen from then on; what lies after as-of is not looked at.
    expect(fixture.run('T-27', { asOf: '2026-03-14T00:00:00Z' })).toMatchObject({ exceptions: 0 });
    const result = fixture.run('T-27', { asOf: '2026-03-15T00:00:00Z' });
    expect(result).toMatchObject({ population: { count: 3 }, passed: 2, exceptions: 1 });
    expect(result.items[0]?.finding).toContain('(10 min)');
  });

  test('a change of a named setting tells what holds from then on', () => {
    const fixture = createFixture({ guardrails: [setting], setting_states: [state(true, { from: START })] });
    fixture.add({ name: 'change', family: 'gitlab.audit', action: 'config.change', at: WHEN, facts: { setting: { name: 'prevent_author_approval', from: 'true', to: 'false' } } });
    expect(fixture.run('T-27').items).toMatchObject([{ attribute: 'guardrail_weakened' }]);
  }); // prettier-ignore

  test('no guardrail, or one that is not in force yet, is no pass', () => {
    expect(createFixture().run('T-27')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    const later = createFixture({ guardrails: [{ ...setting, from: '2026-04-01T00:00:00Z' }] });
    expect(later.run('T-27')).toMatchObject({ result: 'did_not_operate' });
  });
});

describe('T-28 required checks passed', () => {
  const projects = [{ id: 1, required_checks: ['unit', 'scan'] }];
  const DEPLOYMENT = `gitlab:deployment:${GITLAB}/9`;
  function deployed(extra: Record<string, unknown> = {}, job: object = { sha: 'abc', project_id: '1', ref: 'main' }): Fixture {
    const fixture = createFixture({ projects, ...extra });
    fixture.add({ name: 'deploy-job', family: 'gitlab.hook', action: 'job.start', at: WHEN, facts: { job }, keys: [['subject', jobOf(9)]] });
    fixture.add({ name: 'deployed', family: 'gitlab.hook', action: 'deployment.finish', at: WHEN, facts: { deployment: { environment: 'production', project_id: '1' } }, keys: [['subject', DEPLOYMENT], ['uses', jobOf(9)]] });
    return fixture;
  } // prettier-ignore
  function check(fixture: Fixture, name: string, when: string, spec: { outcome?: string; allow?: boolean; sha?: string; received?: string } = {}): void {
    const { outcome = 'success', allow = false, sha = 'abc', received = when } = spec;
    const status = outcome === 'unknown' ? 'skipped' : outcome === 'success' ? 'success' : 'failed';
    fixture.add({
      name: `${name}-${when}`, family: 'gitlab.hook', action: 'job.finish', at: when, received, outcome,
      facts: { job: { name, sha, project_id: '1', status, allow_failure: allow } }, keys: [['subject', jobOf(20)]],
    });
  } // prettier-ignore
  const codes = (fixture: Fixture): (string | undefined)[] =>
    fixture.run('T-28').items.map(({ attribute }) => attribute);
  const EARLY = '2026-03-10T11:00:00Z';

  test('all checks of the commit before the deployment pass it', () => {
    const fixture = deployed();
    check(fixture, 'unit', EARLY);
    check(fixture, 'scan', EARLY);
    expect(fixture.run('T-28')).toMatchObject({ population: { count: 1 }, passed: 1, result: 'no_exceptions_noted' });
  });

  test.each([
    ['is missing', {}, undefined, 'check_missing'],
    ['ran for another commit', { sha: 'other' }, EARLY, 'check_missing'],
    ['failed', { outcome: 'failure' }, EARLY, 'check_failed'],
    ['was skipped', { outcome: 'unknown' }, EARLY, 'check_failed'],
    ['may fail without stopping anything', { allow: true }, EARLY, 'check_may_fail'],
  ])('a check that %s is an exception', (_what, spec, when, attribute) => {
    const fixture = deployed();
    check(fixture, 'unit', EARLY);
    if (when !== undefined) check(fixture, 'scan', when, spec);
    expect(codes(fixture)).toEqual([attribute]);
  });

  test('the last run before the deployment decides', () => {
    const fixture = deployed();
    check(fixture, 'unit', EARLY);
    check(fixture, 'scan', '2026-03-10T10:00:00Z', { outcome: 'failure' });
    check(fixture, 'scan', EARLY);
    expect(codes(fixture)).toEqual([]);
    check(fixture, 'scan', '2026-03-10T11:30:00Z', { outcome: 'failure' });
    expect(codes(fixture)).toEqual(['check_failed']);
  });

  test.each([
    ['exactly eps before', '2026-03-10T11:59:55.998Z', ['order_within_skew']],
    ['a millisecond more', '2026-03-10T11:59:55.997Z', []],
    ['exactly eps after', '2026-03-10T12:00:04.002Z', ['order_within_skew']],
    ['later than that', '2026-03-10T12:00:04.003Z', ['check_missing']],
  ])('a check that ends %s', (_what, when, expected) => {
    const fixture = deployed();
    check(fixture, 'unit', EARLY);
    check(fixture, 'scan', when);
    expect(codes(fixture)).toEqual(expected);
  });

  test('an approved change lets it go without a check', () => {
    const change = { id: 'CHG', event_type: 'check_override', target: '1/scan', approved_by: 'ciso', to: '2026-03-10T12:00:00.001Z' };
    const fixture = deployed({ approved_changes: [change] });
    check(fixture, 'unit', EARLY);
    expect(codes(fixture)).toEqual([]);
    const ended = deployed({ approved_changes: [{ ...change, to: WHEN }] });
    check(ended, 'unit', EARLY);
    expect(codes(ended)).toEqual(['check_missing']);
  }); // prettier-ignore

  test('an unknown commit is undetermined; projects without checks are listed; nothing deployed is no pass', () => {
    expect(codes(deployed({}, { project_id: '1' }))).toEqual(['commit_unknown']);
    expect(deployed({ projects: [] }).run('T-28')).toMatchObject({ excluded: { no_checks_required: 1 }, result: 'did_not_operate' });
    expect(createFixture({ projects }).run('T-28')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  }); // prettier-ignore

  test('a check that arrives late heals it from then on', () => {
    const fixture = deployed();
    check(fixture, 'unit', EARLY);
    check(fixture, 'scan', EARLY, { received: '2026-03-12T00:00:00Z' });
    expect(fixture.run('T-28', { asOf: '2026-03-11T00:00:00Z' })).toMatchObject({ exceptions: 1 });
    expect(fixture.run('T-28', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ passed: 1 });
  });
});

describe('T-30 break-glass bounded and alerted', () => {
  const role = { role: PRODUCTION_ROLE, environment: 'production', use: 'break_glass' };
  const alert = (raised: string, more: object = {}): object => ({
    id: 'a1',
    kind: 'break_glass',
    severity: 'high',
    subject: tokenOf(1),
    raised_at: raised,
    triaged_at: raised,
    ...more,
  });
  function opened(lifeS: number | undefined, findings: readonly object[] = [alert('2026-03-10T12:01:00Z')]): Fixture {
    const fixture = createFixture({ roles: [role], findings });
    addRun(fixture, { job: 1, issuedAt: WHEN, lifeS });
    return fixture;
  } // prettier-ignore
  const codes = (fixture: Fixture, asOf?: string): (string | undefined)[] =>
    fixture.run('T-30', asOf === undefined ? {} : { asOf }).items.map(({ attribute }) => attribute);

  test('at the limits of length and alert it passes', () => {
    expect(opened(14_400, [alert('2026-03-10T12:15:00Z')]).run('T-30')).toMatchObject({ population: { count: 1 }, passed: 1 });
  }); // prettier-ignore

  test.each([
    ['one millisecond over', 14_400.001, 'order_within_skew'],
    ['exactly eps', 14_404.002, 'order_within_skew'],
    ['a millisecond more', 14_404.003, 'too_long'],
  ])('open for %s', (_what, lifeS, attribute) => {
    expect(codes(opened(lifeS))).toEqual([attribute]);
  });

  test.each([
    ['one millisecond over', '2026-03-10T12:15:00.001Z', 'order_within_skew'],
    // Skew and resolution of the issuer, and the microsecond of the register.
    ['exactly eps', '2026-03-10T12:15:02.001001Z', 'order_within_skew'],
    ['a microsecond more', '2026-03-10T12:15:02.001002Z', 'late_alert'],
  ])('alerted %s', (_what, raised, attribute) => {
    expect(codes(opened(600, [alert(raised)]))).toEqual([attribute]);
  });

  test('no alert, none of the register, and none that anybody saw', () => {
    expect(codes(opened(600, [alert(WHEN, { subject: 'other' })]))).toEqual(['no_alert']);
    expect(codes(opened(600, []))).toEqual(['no_alert_source']);
    expect(codes(opened(600, [alert(WHEN, { triaged_at: undefined })]))).toEqual(['not_acknowledged']);
    expect(codes(opened(600, []), '2026-03-10T12:14:59Z')).toEqual(['not_yet_due']);
  });

  test('what is open, and what has no end', () => {
    expect(codes(opened(7_200), '2026-03-10T13:00:00Z')).toEqual(['still_open']);
    const endless = opened(undefined);
    expect(codes(endless, '2026-03-10T16:00:03Z')).toEqual(['too_long']);
    endless.add({ name: 'revoke', family: 'ce', action: 'token.revoke', at: '2026-03-10T12:30:00Z', received: '2026-03-11T00:00:00Z', keys: [['ends', tokenOf(1)]] });
    expect(codes(endless, '2026-03-10T20:00:00Z')).toEqual(['too_long']);
    expect(codes(endless)).toEqual([]);
  }); // prettier-ignore

  test('a credential without an end that was only used once more must be replaced', () => {
    const fixture = opened(undefined);
    expect(fixture.run('T-30').items[0]?.finding).toContain('Still open');
    fixture.add({ name: 'rotate', family: 'gitlab.audit', action: 'credential.rotate', at: '2026-03-10T13:00:00Z', keys: [['target', tokenOf(1)]] });
    // It is replaced, but nothing says that the access ended.
    expect(codes(fixture)).toEqual(['too_long']);
  }); // prettier-ignore

  test('a token without an end must be replaced, also where the session that it opened is over', () => {
    const fixture = opened(undefined);
    openSession(fixture, 1, 'aws:accesskey:ASIABG', '2026-03-10T12:00:05Z');
    expect(codes(fixture, '2026-03-10T15:59:59Z')).toEqual(['not_yet_due']);
    expect(fixture.run('T-30').items).toMatchObject([{ verdict: 'exception', attribute: 'not_rotated' }]);
    fixture.add({ name: 'rotate', family: 'gitlab.audit', action: 'credential.rotate', at: '2026-03-10T13:00:00Z', keys: [['target', tokenOf(1)]] });
    expect(codes(fixture)).toEqual([]);
  }); // prettier-ignore

  // The issuer's token is used at AWS at 12:30, and replaced by GitLab: eps = 4.002 s on either side.
  test.each([
    ['2026-03-10T12:29:55.997Z', 'not_rotated'],
    ['2026-03-10T12:29:55.998Z', 'order_within_skew'],
    ['2026-03-10T12:30:04.002Z', 'order_within_skew'],
    ['2026-03-10T12:30:04.003Z', undefined],
  ])('a token without an end, last used at 12:30, replaced at %s', (when, attribute) => {
    const fixture = opened(undefined);
    openSession(fixture, 1, 'aws:accesskey:ASIABG', '2026-03-10T12:30:00.000Z');
    fixture.add({ name: 'rotate', family: 'gitlab.audit', action: 'credential.rotate', at: when, keys: [['target', tokenOf(1)]] });
    expect(codes(fixture)).toEqual(attribute === undefined ? [] : [attribute]);
  }); // prettier-ignore

  test('what is open when it is looked at counts as too long only beyond what the clocks leave open', () => {
    const week = opened(604_800);
    expect(codes(week, '2026-03-10T16:00:02.001001Z')).toEqual(['order_within_skew']);
    expect(codes(week, '2026-03-10T16:00:02.001002Z')).toEqual(['too_long']);
  });

  test('refusals are told beside the result; no emergency is no pass', () => {
    const fixture = createFixture({ roles: [role] });
    fixture.add({ name: 'no', family: 'ce', action: 'token.issue', at: WHEN, outcome: 'denied', actor: PEOPLE.asker });
    const result = fixture.run('T-30');
    expect(result).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(result.analytics?.['refused attempts of ordinary issue (T-30b)']).toMatch(/^1, which supports/);
    expect(createFixture().run('T-30').analytics?.['refused attempts of ordinary issue (T-30b)']).toBe('0, which supports nothing');
  }); // prettier-ignore
});
