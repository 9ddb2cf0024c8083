import { describe, expect, test } from 'vitest';
import { createFixture, PRODUCTION_ROLE, STAGING_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addCall, addRun, decideDeployment, jobOf, openSession, tokenOf } from '../../support/control-story.ts';
import { gitlabUser, at } from '../../support/control-fixture.ts';

const WHEN = '2026-03-10T12:00:00Z';

describe('T-21 production jobs on controlled runners', () => {
  const runner = { id: 5, environment: 'production', protected: true };
  function job(extra: Record<string, unknown>, facts: object = { runner_id: '5' }, ci?: object): Fixture {
    const fixture = createFixture(extra);
    addRun(fixture, { job: 1, issuedAt: WHEN, jobFacts: { started_at: at(WHEN), ...facts }, ...(ci === undefined ? {} : { ci }) });
    return fixture;
  } // prettier-ignore
  const codes = (fixture: Fixture): (string | undefined)[] =>
    fixture.run('T-21').items.map(({ attribute }) => attribute);

  test('a registered, protected runner for production passes', () => {
    const result = job({ runners: [runner] }).run('T-21');
    expect(result).toMatchObject({ population: { count: 1 }, passed: 1, strata: { 'runner 5': 1 } });
  });

  test.each([
    ['shared by the word of the forge', { runner_id: '5', runner_type: 'instance_type' }, runner, 'runner_shared'],
    ['shared, as older servers say it', { runner_id: '5', runner_shared: true }, runner, 'runner_shared'],
    ['shared by the register', { runner_id: '5' }, { ...runner, shared: true }, 'runner_shared'],
    ['not in the register', { runner_id: '6' }, runner, 'runner_not_registered'],
    ['no longer in the register', { runner_id: '5' }, { ...runner, to: WHEN }, 'runner_not_registered'],
    ['for staging', { runner_id: '5' }, { ...runner, environment: 'staging' }, 'runner_not_for_production'],
    ['by its tags for something else', { runner_id: '5', runner_tags: ['docker'] }, { id: 5, protected: true }, 'runner_not_for_production'],
    ['taking any ref', { runner_id: '5' }, { ...runner, protected: false }, 'runner_unprotected'],
  ])('a runner %s is an exception', (_what, facts, entry, attribute) => {
    expect(codes(job({ runners: [entry] }, facts))).toEqual([attribute]);
  }); // prettier-ignore

  test('a tag of production stands for the environment that the register leaves out', () => {
    expect(codes(job({ runners: [{ id: 5, protected: true, tags: ['prod'] }] }))).toEqual([]);
    expect(codes(job({ runners: [{ id: 5, protected: true, from: WHEN, tags: ['prod'] }] }))).toEqual([]);
  });

  test.each([
    ['runner', {}, runner, 'runner_unknown'],
    ['environment', { runner_id: '5' }, { id: 5, protected: true }, 'runner_unclassified'],
    ['protection', { runner_id: '5' }, { ...runner, protected: undefined }, 'protection_unknown'],
  ])('without a word on the %s it is undetermined', (_what, facts, entry, attribute) => {
    expect(job({ runners: [entry] }, facts).run('T-21')).toMatchObject({
      result: 'unable_to_conclude',
      items: [{ verdict: 'undetermined', attribute }],
    });
  });

  test('where a project pins images, the job must have run in one of them', () => {
    const extra = { runners: [runner], projects: [{ id: 1, image_digests: ['sha256:aa'] }] };
    const claims = { project_id: '1', environment: 'production' };
    expect(codes(job(extra, { runner_id: '5' }, { ...claims, image_digest: 'sha256:aa' }))).toEqual([]);
    expect(codes(job(extra, { runner_id: '5' }, { ...claims, image_digest: 'sha256:bb' }))).toEqual(['image_not_pinned']);
    expect(codes(job(extra, { runner_id: '5' }, claims))).toEqual(['image_unknown']);
  }); // prettier-ignore

  test('a staging job is no member, and none at all is no pass', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: WHEN, role: STAGING_ROLE, jobFacts: { started_at: at(WHEN) } });
    expect(fixture.run('T-21')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });

  test('an event of the job that arrives late tells of the runner from then on', () => {
    const fixture = job({ runners: [runner] }, {});
    fixture.add({
      name: 'end', family: 'gitlab.hook', action: 'job.finish', at: '2026-03-10T12:05:00Z', received: '2026-03-12T00:00:00Z',
      facts: { job: { runner_id: '5', environment: 'production', started_at: at(WHEN) } }, keys: [['subject', jobOf(1)]],
    });
    expect(fixture.run('T-21', { asOf: '2026-03-11T00:00:00Z' }).items).toMatchObject([{ attribute: 'runner_unknown' }]);
    expect(fixture.run('T-21', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ passed: 1 });
  }); // prettier-ignore
});

describe('T-23 touches stay inside the approved target set', () => {
  const KEY = 'aws:accesskey:ASIAJOB';
  function session(extra: Record<string, unknown> = {}): Fixture {
    const fixture = createFixture(extra);
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:30:00Z' });
    decideDeployment(fixture, 1, '2026-03-10T11:00:00Z', gitlabUser(2));
    openSession(fixture, 1, KEY, '2026-03-10T11:30:05Z');
    return fixture;
  }
  const role = (targets: readonly string[]): Record<string, unknown> => ({
    roles: [{ role: PRODUCTION_ROLE, environment: 'production', targets }],
  });
  const other = {
    environments: {
      aws_accounts: { '111111111111': 'production', '333333333333': 'production' },
      kubernetes_clusters: { prod: 'production' },
    },
  };

  test('a change in the account of the role passes, in another production account it is an exception', () => {
    const fixture = session(other);
    addCall(fixture, 'home', WHEN, { key: KEY });
    addCall(fixture, 'abroad', WHEN, { key: KEY, account: '333333333333' });
    const result = fixture.run('T-23');
    expect(result).toMatchObject({ population: { count: 2 }, passed: 1 });
    expect(result.items).toMatchObject([{ item: 'event:aws.cloudtrail/abroad', attribute: 'outside_place' }]);
  });

  test('where the role declares its targets, the resource must be one of them', () => {
    const inside = session(role(['arn:aws:ecs:::service/*']));
    addCall(inside, 'call', WHEN, { key: KEY });
    expect(inside.run('T-23')).toMatchObject({ passed: 1 });
    const outside = session(role(['arn:aws:ecs:::service/web']));
    addCall(outside, 'call', WHEN, { key: KEY });
    expect(outside.run('T-23').items).toMatchObject([{ attribute: 'outside_targets' }]);
    const earlier = session({ roles: [{ role: PRODUCTION_ROLE, environment: 'production', targets: ['x'], to: WHEN }, { role: PRODUCTION_ROLE, environment: 'production', from: WHEN }] });
    addCall(earlier, 'call', WHEN, { key: KEY });
    expect(earlier.run('T-23')).toMatchObject({ passed: 1 });
  }); // prettier-ignore

  test('a place of a kind that nobody names is undetermined, and so is an unknown resource', () => {
    const fixture = session();
    fixture.add({
      name: 'patch', family: 'k8s.audit', action: 'api.update', at: WHEN, credential: tokenOf(1), resource: 'k8s:object:prod/apps/web',
      facts: { call: { service: 'k8s', operation: 'patch', write: true } }, keys: [['uses', tokenOf(1)]],
    });
    expect(fixture.run('T-23')).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'no_target_set' }] });
    const unnamed = session(role(['arn:*']));
    unnamed.add({
      name: 'call', family: 'aws.cloudtrail', action: 'api.update', at: WHEN, credential: KEY,
      facts: { call: { service: 'ecs', operation: 'UpdateService', write: true, account: '111111111111' } }, keys: [['uses', KEY]],
    });
    expect(unnamed.run('T-23').items).toMatchObject([{ attribute: 'resource_unknown' }]);
  }); // prettier-ignore

  test('automation, changes without a chain, reads, dry runs and refusals', () => {
    const fixture = session({ automation: [{ name: 'scaler', match: { aws_role_arn: 'arn:aws:iam::111111111111:role/scaler' } }] });
    addCall(fixture, 'scaler', WHEN, { key: 'aws:accesskey:ASIAS', principal: 'arn:aws:iam::111111111111:role/scaler' });
    addCall(fixture, 'console', WHEN, { key: 'aws:accesskey:ASIAC' });
    addCall(fixture, 'read', WHEN, { key: KEY, write: false });
    addCall(fixture, 'dry', WHEN, { key: KEY, dryRun: true });
    addCall(fixture, 'refused', WHEN, { key: KEY, outcome: 'denied' });
    expect(fixture.run('T-23')).toMatchObject({
      population: { count: 2 },
      excluded: { registered_automation: 1, no_chain: 1 },
      result: 'did_not_operate',
    });
  }); // prettier-ignore

  test('a chain that arrives late lets it be judged from then on; no change is no pass', () => {
    const fixture = session();
    const late = fixture.add({ name: 'assume', family: 'aws.cloudtrail', action: 'session.assume', at: '2026-03-10T11:40:00Z', received: '2026-03-12T00:00:00Z', keys: [['creates', 'aws:accesskey:ASIAL']] });
    fixture.link(tokenOf(1), 'assumed', 'aws:accesskey:ASIAL', late);
    expect(fixture.run('T-23')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    addCall(fixture, 'call', WHEN, { key: 'aws:accesskey:ASIAL' });
    expect(fixture.run('T-23', { asOf: '2026-03-11T00:00:00Z' }).excluded).toEqual({ no_chain: 1 });
    expect(fixture.run('T-23', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ passed: 1 });
  }); // prettier-ignore
});
