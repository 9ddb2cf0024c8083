import { describe, expect, test } from 'vitest';
import { createFixture, STAGING_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addCall, addRun, jobOf, openSession, tokenOf } from '../../support/control-story.ts';
import { at } from '../../support/control-fixture.ts';
import { fitsPattern } from '../../../query/controls/protections.ts';

const ISSUED = '2026-03-10T10:00:00.000Z';
const KEY = 'aws:accesskey:ASIAEXAMPLE000000001';
const CI = { project_id: '7', project_path: 'team/app', ref: 'main', ref_protected: true, environment: 'production' };
const POLICY = {
  runners: [
    { id: 3, network: 'runners', egress_ips: ['198.51.100.1', '198.51.100.2'] },
    { id: 4, network: 'others', egress_ips: ['198.51.100.9'] },
  ],
};

function verdictsOf(fixture: Fixture, id: 'T-10' | 'T-11' | 'T-20', options = {}): string[] {
  return fixture.run(id, options).items.map((item) => `${item.verdict} ${item.attribute}`);
}

/** A job that ran from 10:00 to 10:05 on runner 3, and a session that it opened. */
function job(extra: Record<string, unknown> = {}, facts: Record<string, unknown> = {}): Fixture {
  const fixture = createFixture({ ...POLICY, ...extra });
  const jobFacts = { started_at: at(ISSUED), finished_at: at('2026-03-10T10:05:00Z'), runner_id: '3', ...facts };
  addRun(fixture, { job: 1, issuedAt: ISSUED, jobFacts });
  openSession(fixture, 1, KEY, '2026-03-10T10:00:05Z');
  return fixture;
}

function call(
  fixture: Fixture,
  name: string,
  when: string,
  sourceIp: string | undefined,
  outcome = 'success',
  received = when,
): void {
  const event = addCall(fixture, name, when, { key: KEY, outcome, received });
  if (sourceIp !== undefined) Object.assign(event, { sourceIp });
}

describe('T-10 credential used only by its job, in its window', () => {
  // Grace 300 s; eps 2 s + 2 s + 1 ms + 1 ms.
  test.each([
    ['2026-03-10T10:10:00.000Z', []],
    ['2026-03-10T10:10:00.001Z', ['undetermined order_within_skew']],
    ['2026-03-10T10:10:04.002Z', ['undetermined order_within_skew']],
    ['2026-03-10T10:10:04.003Z', ['exception outside_window']],
    ['2026-03-10T09:59:55.998Z', []],
    ['2026-03-10T09:59:55.997Z', ['exception outside_window']],
  ])('a use at %s of a job from 10:00 to 10:05', (when, verdicts) => {
    const fixture = job();
    call(fixture, 'use', when, '198.51.100.1');
    expect(verdictsOf(fixture, 'T-10')).toEqual(verdicts);
  });

  test.each([
    ['another address of the runner', '198.51.100.2', 'success', []],
    ['a strange address', '192.0.2.1', 'success', ['exception foreign_address']],
    ['a strange address, refused', '192.0.2.1', 'denied', []],
    ['a service of the provider', 'cloudformation.amazonaws.com', 'success', []],
    ['no address', undefined, 'success', ['undetermined no_address']],
  ])('from %s', (_what, ip, outcome, verdicts) => {
    const fixture = job();
    call(fixture, 'use', '2026-03-10T10:01:00Z', ip, outcome);
    expect(verdictsOf(fixture, 'T-10')).toEqual(verdicts);
  });

  test('what nobody tells of job or runner leaves it open', () => {
    const windowless = job({}, { started_at: undefined, finished_at: undefined });
    call(windowless, 'use', '2026-03-10T10:01:00Z', '198.51.100.1');
    expect(verdictsOf(windowless, 'T-10')).toEqual(['undetermined job_window_unknown']);
    const nowhere = job({}, { runner_id: undefined });
    call(nowhere, 'use', '2026-03-10T10:01:00Z', '198.51.100.1');
    expect(verdictsOf(nowhere, 'T-10')).toEqual(['undetermined runner_unknown']);
    const unregistered = job({ runners: [] });
    call(unregistered, 'use', '2026-03-10T10:01:00Z', '198.51.100.1');
    expect(verdictsOf(unregistered, 'T-10')).toEqual(['undetermined no_runner_addresses']);
  });

  test('a use that arrives late is judged from then on; no use is no operation', () => {
    const fixture = job();
    expect(fixture.run('T-10').result).toBe('did_not_operate');
    call(fixture, 'use', '2026-03-10T11:00:00Z', '198.51.100.1', 'success', '2026-03-20T00:00:00Z');
    expect(fixture.run('T-10', { asOf: '2026-03-19T00:00:00Z' }).population.count).toBe(0);
    expect(verdictsOf(fixture, 'T-10')).toEqual(['exception outside_window']);
  });
});

describe('T-11 one credential, one holder', () => {
  test.each([
    ['two addresses of one network', ['198.51.100.1', '198.51.100.2'], []],
    ['two networks', ['198.51.100.1', '192.0.2.1'], ['exception two_networks']],
    ['two networks of runners', ['198.51.100.1', '198.51.100.9'], ['exception two_networks']],
    ['a service of the provider beside its own', ['198.51.100.1', 'ecs.amazonaws.com'], []],
    ['nowhere that was recorded', [undefined, undefined], ['undetermined no_address']],
  ])('used from %s', (_what, addresses, verdicts) => {
    const fixture = job();
    addresses.forEach((ip, index) => call(fixture, `use-${index}`, `2026-03-10T10:01:0${index}Z`, ip));
    const result = fixture.run('T-11');
    expect(result.population.count).toBe(1);
    expect(result.items.map((item) => `${item.verdict} ${item.attribute}`)).toEqual(verdicts);
    if (result.items[0]) expect(result.items[0]).toMatchObject({ item: tokenOf(1), aliases: [KEY] });
  });

  test('one id that calls of two jobs carry has several holders', () => {
    const fixture = job();
    addRun(fixture, { job: 2, issuedAt: ISSUED });
    const id = 'token:jti:https://gitlab.example/shared';
    for (const number of [1, 2]) {
      const use = fixture.add({
        name: `call-${number}`, family: 'k8s.audit', action: 'api.update', at: `2026-03-10T10:02:0${number}Z`, credential: id,
        facts: { call: { service: 'kubernetes', operation: 'update', write: true } }, keys: [['uses', id], ['uses', jobOf(number)]],
      }); // prettier-ignore
      fixture.link(jobOf(number), 'issued_to', id, use);
    }
    expect(fixture.run('T-11').items).toMatchObject([{ item: id, verdict: 'exception', attribute: 'several_holders' }]);
  });

  test('an id that its issuer tells of twice', () => {
    const fixture = job();
    call(fixture, 'use', '2026-03-10T10:01:00Z', '198.51.100.1');
    fixture.add({
      name: 'issue-again', family: 'ce', action: 'token.issue', at: '2026-03-10T10:02:00Z',
      facts: { credential: { key: tokenOf(1) } }, keys: [['creates', tokenOf(1)]],
    }); // prettier-ignore
    expect(verdictsOf(fixture, 'T-11')).toEqual(['exception issued_twice']);
  });

  test('a use that arrives late shows the second network from then on', () => {
    const fixture = job();
    call(fixture, 'use', '2026-03-10T10:01:00Z', '198.51.100.1');
    call(fixture, 'late', '2026-03-10T10:02:00Z', '192.0.2.1', 'success', '2026-03-20T00:00:00Z');
    expect(fixture.run('T-11', { asOf: '2026-03-19T00:00:00Z' })).toMatchObject({ passed: 1, items: [] });
    expect(verdictsOf(fixture, 'T-11')).toEqual(['exception two_networks']);
  });

  test('a standing key is no item, nor is a token that nobody used', () => {
    const fixture = job();
    addCall(fixture, 'standing', '2026-03-10T10:01:00Z', { key: 'aws:accesskey:AKIAEXAMPLE000000001' });
    expect(fixture.run('T-11').result).toBe('did_not_operate');
  });
});

describe('T-20 privileged role only from a protected ref of an allowed project', () => {
  const REGISTERED = {
    projects: [{ id: 7, path: 'team/app', protected_refs: ['main', 'v*'] }],
    roles: [
      { role: 'arn:aws:iam::111111111111:role/deploy', environment: 'production', projects: [7], refs: ['main', 'v*'] },
    ],
  };
  const issued = (ci: Record<string, unknown>, extra: Record<string, unknown> = {}): Fixture => {
    const fixture = createFixture({ ...REGISTERED, ...extra });
    addRun(fixture, { job: 1, issuedAt: ISSUED, ci: { ...CI, ...ci } });
    return fixture;
  };

  test.each([
    ['as it should be', {}, []],
    ['a tag of the pattern', { ref: 'v1.2' }, []],
    ['another project', { project_id: '8', project_path: 'team/other' }, ['exception project_not_allowed']],
    ['another environment', { environment: 'staging' }, ['exception environment_mismatch']],
    ['an unprotected ref', { ref: 'fix', ref_protected: false }, ['exception ref_unprotected']],
    ['a protected ref that is not of the role', { ref: 'release' }, ['exception ref_not_allowed']],
    ['no word of the protection', { ref_protected: undefined }, ['undetermined claims_not_kept']],
    ['no word of the environment', { environment: undefined }, ['undetermined claims_not_kept']],
  ])('%s', (_what, ci, verdicts) => {
    expect(verdictsOf(issued(ci), 'T-20')).toEqual(verdicts);
  });

  // The register states times without play: eps is 2 s + 1 ms of the issuer, and 1 us.
  test.each([
    ['2026-03-10T09:59:57.998Z', '2026-03-10T11:00:00Z', ['exception ref_unprotected_at_that_time']],
    ['2026-03-10T09:59:57.999Z', '2026-03-10T11:00:00Z', ['undetermined order_within_skew']],
    ['2026-03-10T09:00:00Z', '2026-03-10T10:00:02.001Z', ['undetermined order_within_skew']],
    ['2026-03-10T09:00:00Z', '2026-03-10T10:00:02.002Z', ['exception ref_unprotected_at_that_time']],
    ['2026-03-10T09:00:00Z', '2026-03-10T09:59:57.000Z', []],
  ])('not protected from %s to %s, issued at 10:00', (from, to, verdicts) => {
    const history = [{ project_id: 7, ref: 'main', protected: false, from, to }];
    expect(verdictsOf(issued({}, { protected_refs_history: history }), 'T-20')).toEqual(verdicts);
  });

  test("the forge's own audit events tell the same, also when they come late", () => {
    const fixture = issued({});
    const tell = (type: string, when: string): void => {
      const event = fixture.add({
        name: type, family: 'gitlab.audit', action: 'config.change', at: when, received: '2026-03-20T00:00:00Z',
        keys: [['place', 'gitlab:project:gitlab.example/7']], resource: 'gitlab://gitlab.example/protected_branch/1',
      }); // prettier-ignore
      Object.assign(event, { type, resource: { ...event.resource, display: 'main' } });
    };
    tell('protected_branch_removed', '2026-03-10T09:00:00Z');
    tell('protected_branch_created', '2026-03-10T11:00:00Z');
    expect(verdictsOf(fixture, 'T-20', { asOf: '2026-03-19T00:00:00Z' })).toEqual([]);
    expect(verdictsOf(fixture, 'T-20')).toEqual(['exception ref_unprotected_at_that_time']);
  });

  test('a session that crossed over from another environment is excluded; a staging token is no item', () => {
    const fixture = createFixture(REGISTERED);
    addRun(fixture, { job: 1, issuedAt: ISSUED, role: STAGING_ROLE });
    expect(fixture.run('T-20').result).toBe('did_not_operate');
    openSession(fixture, 1, KEY, '2026-03-10T10:00:05Z');
    expect(fixture.run('T-20').excluded).toEqual({ crossed_environments: 1 });
  });

  test('patterns fit as GitLab fits them', () => {
    expect(['v1', 'v', 'av1'].map((ref) => fitsPattern(ref, 'v*'))).toEqual([true, true, false]);
    expect(['release/1/x', 'release/x'].map((ref) => fitsPattern(ref, 'release/*/x'))).toEqual([true, false]);
    expect(fitsPattern('main', 'main') && !fitsPattern('main2', 'main') && fitsPattern('any', '*')).toBe(true);
  });
});
