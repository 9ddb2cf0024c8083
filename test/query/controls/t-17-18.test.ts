import { describe, expect, test } from 'vitest';
import { createFixture, gitlabUser, PEOPLE, person } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import type { ActorRef } from '../../../model/actor.ts';

const WHEN = '2026-03-10T12:00:00Z';
const OWNER = PEOPLE.approver.key;
const BOT = gitlabUser(50, 'service');

describe('T-17 every actor is a known principal', () => {
  function act(fixture: Fixture, actor: ActorRef, when = WHEN, received = when): void {
    fixture.add({ name: `act-${actor.key}-${when}`, family: 'gitlab.hook', action: 'pipeline.create', at: when, received, actor });
  } // prettier-ignore
  const bot = (entry: object): object => ({ person: BOT.key, kind: 'service', ...entry });

  test('each account of each source is one item; an account of nobody is an exception', () => {
    const fixture = createFixture();
    act(fixture, PEOPLE.asker);
    act(fixture, PEOPLE.asker, '2026-03-11T12:00:00Z');
    act(fixture, gitlabUser(9));
    const result = fixture.run('T-17');
    expect(result).toMatchObject({ population: { count: 2, source: 'independent' }, passed: 1 });
    expect(result.items).toMatchObject([{ item: gitlabUser(9).key, attribute: 'unresolved' }]);
  });

  test('two accounts of one person both resolve to him', () => {
    const fixture = createFixture({ identities: [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key, gitlabUser(2).key] }] });
    act(fixture, gitlabUser(1));
    act(fixture, gitlabUser(2));
    expect(fixture.run('T-17')).toMatchObject({ population: { count: 2 }, passed: 2, result: 'no_exceptions_noted' });
  }); // prettier-ignore

  test.each([
    ['an owner', { owner: OWNER }, undefined],
    ['none', {}, 'ownerless'],
    ['a service for an owner', { owner: 'gitlab:user:gitlab.example/51' }, 'ownerless'],
    ['several users, and an owner', { shared: true, owner: OWNER }, undefined],
    ['several users, and none', { shared: true }, 'shared_unregistered'],
  ])('a service account with %s', (_what, entry, attribute) => {
    const other = { person: 'gitlab:user:gitlab.example/51', kind: 'service', owner: OWNER };
    const fixture = createFixture({ identities: [bot(entry), other] });
    act(fixture, BOT);
    const result = fixture.run('T-17');
    expect(result.items.map((item) => item.attribute)).toEqual(attribute === undefined ? [] : [attribute]);
    expect(result.passed).toBe(attribute === undefined ? 1 : 0);
  });

  test('an account of which nobody knows the kind', () => {
    const fixture = createFixture({ identities: [] });
    fixture.add({ name: 'login', family: 'okta.log', action: 'session.login', at: WHEN, actor: { kind: 'human', key: OWNER, aliases: ['gitlab:user:gitlab.example/60'] } });
    act(fixture, { kind: 'unknown', key: 'gitlab:user:gitlab.example/60' });
    expect(fixture.run('T-17').items).toMatchObject([{ attribute: 'kind_unknown' }]);
  }); // prettier-ignore

  test.each([
    ['before the owner left', '2026-03-10T12:00:04.003Z', undefined, 'ok'],
    ['exactly eps before', '2026-03-10T12:00:02.001Z', 'order_within_skew', 'undetermined'],
    ['after the owner had left', '2026-03-10T11:59:00Z', 'owner_inactive', 'exception'],
  ])('a service that acts %s', (_what, leftAt, attribute, verdict) => {
    const fixture = createFixture({ identities: [bot({ owner: OWNER })] });
    fixture.add({ name: 'left', family: 'okta.log', action: 'user.deactivate', at: leftAt, keys: [['target', OWNER]] });
    act(fixture, BOT);
    const result = fixture.run('T-17');
    expect(result.items.map((item) => [item.attribute, item.verdict])).toEqual(
      attribute === undefined ? [] : [[attribute, verdict]],
    );
  });

  test('within the days of grace nobody can tell yet, to the moment', () => {
    const fixture = createFixture();
    act(fixture, gitlabUser(9));
    expect(fixture.run('T-17', { asOf: '2026-03-17T11:59:59.999Z' }).items).toMatchObject([{ attribute: 'not_yet_due' }]);
    expect(fixture.run('T-17', { asOf: '2026-03-17T12:00:00Z' }).items).toMatchObject([{ attribute: 'unresolved' }]);
  }); // prettier-ignore

  test('what the system does itself, registered automation and roles of flows are left out and listed', () => {
    const role = 'arn:aws:iam::111111111111:role/deploy';
    const fixture = createFixture({
      roles: [{ role, environment: 'production' }],
      automation: [{ name: 'controllers', match: { k8s_username: 'system:hpa' } }],
    });
    act(fixture, { kind: 'system', key: 'gitlab:system' });
    fixture.add({ name: 'hpa', family: 'k8s.audit', action: 'api.update', at: WHEN, actor: { kind: 'service', key: 'k8s:user:prod/system:hpa' } });
    fixture.add({ name: 'call', family: 'aws.cloudtrail', action: 'api.read', at: WHEN, actor: { kind: 'service', key: `aws:role:${role}` } });
    expect(fixture.run('T-17')).toMatchObject({
      excluded: { part_of_the_system: 1, registered_automation: 1, role_of_a_flow: 1 },
      result: 'did_not_operate',
    });
  }); // prettier-ignore

  test('an event that arrives late makes a member from then on; nobody active is no pass', () => {
    const fixture = createFixture();
    act(fixture, PEOPLE.asker, WHEN, '2026-03-20T00:00:00Z');
    expect(fixture.run('T-17', { asOf: '2026-03-19T00:00:00Z' })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-17', { asOf: '2026-03-20T00:00:00Z' })).toMatchObject({ population: { count: 1 }, passed: 1 });
  }); // prettier-ignore
});

describe('T-18 access review done and acted on', () => {
  const systems = [{ system: 'aws', from: '2025-12-10T12:00:00Z' }];
  const group = { group: 'approvers', applies_to: 'production', members: [{ person: PEOPLE.asker.key }] };
  const entitlement = `approver-group:approvers/${PEOPLE.asker.key}`;
  const review = (when: string, decisions: readonly object[] = [], reviewer = OWNER): object => ({
    subject_type: 'access',
    subject_id: 'aws',
    reviewer,
    at: when,
    decisions,
  });
  const run = (extra: Record<string, unknown>, asOf?: string): ReturnType<Fixture['run']> =>
    createFixture({ access_reviews: systems, ...extra }).run('T-18', asOf === undefined ? {} : { asOf }); // prettier-ignore

  test('ninety days after the first moment a review is due, to the moment', () => {
    expect(run({ reviews: [review(WHEN)] })).toMatchObject({ population: { count: 1 }, passed: 1 });
    const late = run({ reviews: [review('2026-03-10T12:00:00.001Z')] });
    expect(late.items).toMatchObject([{ item: 'access-review:aws@2026-03-10T12:00:00.000000Z', attribute: 'review_missed' }]);
    expect(run({}).items[0]?.finding).toContain('was not reviewed');
  }); // prettier-ignore

  test('before its date nobody can tell yet', () => {
    expect(run({}, '2026-03-10T11:59:59Z')).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'not_yet_due' }] });
    // A review that was recorded later than as-of is not seen.
    expect(run({ reviews: [review(WHEN)] }, '2026-03-10T11:00:00Z').items).toMatchObject([{ attribute: 'not_yet_due' }]);
  }); // prettier-ignore

  test('each entitlement of that moment is decided on, by somebody else than its holder', () => {
    const keep = { entitlement, decision: 'keep' };
    const groups = { approver_groups: [group] };
    expect(run({ ...groups, reviews: [review(WHEN, [keep])] })).toMatchObject({ population: { count: 2 }, passed: 2 });
    expect(run({ ...groups, reviews: [review(WHEN)] }).items).toMatchObject([{ item: entitlement, attribute: 'not_decided' }]);
    expect(run({ ...groups, reviews: [review(WHEN, [keep], PEOPLE.asker.key)] }).items).toMatchObject([{ attribute: 'self_reviewed' }]);
    const gone = { ...group, members: [{ person: PEOPLE.asker.key, to: WHEN }] };
    expect(run({ approver_groups: [gone], reviews: [review(WHEN)] }).population.count).toBe(1);
  }); // prettier-ignore

  test('two accounts of one person are one, and an unknown account cannot be told apart', () => {
    const keep = { entitlement, decision: 'keep', by: gitlabUser(1).key };
    const base = { approver_groups: [group], reviews: [review(WHEN, [keep])] };
    const identities = [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key] }];
    expect(run({ ...base, identities }).items).toMatchObject([{ attribute: 'self_reviewed' }]);
    expect(run(base).items).toMatchObject([{ verdict: 'undetermined', attribute: 'unresolved_identity' }]);
  });

  test.each([
    ['on the fifth business day', '2026-03-17T12:00:00Z', undefined],
    ['a millisecond later', '2026-03-17T12:00:00.001Z', 'not_carried_out'],
    ['never', undefined, 'not_carried_out'],
  ])('a removal that is carried out %s', (_what, done, attribute) => {
    const remove = { entitlement, decision: 'remove', ...(done === undefined ? {} : { carried_out_at: done }) };
    const extra = { approver_groups: [group], reviews: [review(WHEN, [remove])] };
    expect(run(extra).items.map((item) => item.attribute)).toEqual(attribute === undefined ? [] : [attribute]);
    expect(run(extra, '2026-03-16T00:00:00Z').items).toMatchObject([{ attribute: 'not_yet_due' }]);
  });

  test('projects of production roles are entitlements too', () => {
    const roles = [{ role: 'arn:r', environment: 'production', projects: [7] }, { role: 'arn:s', environment: 'staging', projects: [8] }];
    expect(run({ roles, reviews: [review(WHEN)] }).items).toMatchObject([{ item: 'role:arn:r/project:7', attribute: 'not_decided' }]);
  }); // prettier-ignore

  test('no system to be reviewed is no pass', () => {
    expect(createFixture().run('T-18')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});

test('a person at the provider needs no register to be one', () => {
  const fixture = createFixture();
  fixture.add({ name: 'login', family: 'okta.log', action: 'session.login', at: WHEN, actor: person('u-new') });
  expect(fixture.run('T-17')).toMatchObject({ passed: 1 });
});
