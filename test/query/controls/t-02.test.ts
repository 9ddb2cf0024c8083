import { describe, expect, test } from 'vitest';
import type { ActorRef } from '../../../model/actor.ts';
import { createFixture, gitlabUser, person } from '../../support/control-fixture.ts';
import { addRequest, addRun, decideDeployment, decideRequest, tokenOf } from '../../support/control-story.ts';

const ISSUED = '2026-03-10T10:00:00Z';
const IDP = 'idp:user:https://idp.example';

/** Anna has two accounts at GitLab; Bo, Cy and Di have one each; a bot and an agent are registered. */
const identities = [
  { person: `${IDP}/anna`, aliases: ['gitlab:user:gitlab.example/1', 'gitlab:user:gitlab.example/11'] },
  { person: `${IDP}/bo`, aliases: ['gitlab:user:gitlab.example/2'] },
  { person: `${IDP}/cy`, aliases: ['gitlab:user:gitlab.example/3'] },
  { person: `${IDP}/di`, aliases: ['gitlab:user:gitlab.example/4'] },
  { person: 'gitlab:user:gitlab.example/9', kind: 'service', owner: `${IDP}/bo` },
  { person: 'idp:user:https://agents.example/helper', kind: 'ai_agent', sponsor: `${IDP}/cy` },
];
const agent: ActorRef = { kind: 'ai_agent', key: 'idp:user:https://agents.example/helper' };

describe('T-02 approver independent of requester', () => {
  test('passes where another person approved', () => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(1), runner: gitlabUser(1) });
    addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z', person('anna'));
    decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', person('bo'));
    const result = fixture.run('T-02');
    expect(result).toMatchObject({ passed: 1, population: { count: 1 }, result: 'no_exceptions_noted' });
  });

  test('one person with two accounts is one person', () => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(1), runner: gitlabUser(2) });
    const approval = decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(11));
    const { items } = fixture.run('T-02');
    expect(items).toMatchObject([
      { item: approval.event, aliases: [tokenOf(1)], verdict: 'exception', attribute: 'same_person' },
    ]);
    expect(items[0]?.finding).toContain('pipeline creator');
    expect(items[0]?.finding).toContain('gitlab:user:gitlab.example/11');
  });

  test.each([
    ['requester', { asker: 'bo', creator: 1, runner: 1 }],
    ['pipeline creator', { asker: 'anna', creator: 2, runner: 1 }],
    ['job user', { asker: 'anna', creator: 1, runner: 2 }],
  ] as const)('the approver must not be the %s', (role, who) => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(who.creator), runner: gitlabUser(who.runner) });
    addRequest(fixture, 'r1', 1, '2026-03-10T08:00:00Z', person(who.asker));
    decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', person('bo'));
    const { items } = fixture.run('T-02');
    expect(items).toMatchObject([{ verdict: 'exception', attribute: 'same_person' }]);
    expect(items[0]?.finding).toContain(role);
  });

  test('the sponsor of an agent, and the owner of a bot, are the agent and the bot', () => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(1), runner: gitlabUser(1), agent });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(3));
    addRun(fixture, { job: 2, issuedAt: ISSUED, creator: gitlabUser(9, 'service'), runner: gitlabUser(1) });
    decideDeployment(fixture, 2, '2026-03-10T09:00:01Z', gitlabUser(2));
    const { items } = fixture.run('T-02');
    expect(items.map((item) => item.attribute)).toEqual(['same_person', 'same_person']);
    expect(items.map((item) => item.finding).join()).toMatch(/sponsor of the agent.*owner of the account/);
  });

  test.each([
    ['a system', { kind: 'system', key: 'idp:user:https://idp.example/rule' }],
    ['a service', { kind: 'service', key: 'gitlab:user:gitlab.example/55' }],
    ['an agent', agent],
    ['a bot that its system calls a user', gitlabUser(9)],
  ] as const)('the approver must not be %s', (_what, by) => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', by);
    expect(fixture.run('T-02').items).toMatchObject([{ verdict: 'exception', attribute: 'approver_not_human' }]);
  });

  test('an account that nothing ties to a person leaves it undetermined', () => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(1), runner: gitlabUser(1) });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(77));
    const result = fixture.run('T-02');
    expect(result).toMatchObject({
      result: 'unable_to_conclude',
      items: [{ verdict: 'undetermined', attribute: 'unresolved_identity' }],
    });
  });

  test('an approval that two credentials rely on is judged for each', () => {
    const fixture = createFixture({ identities });
    for (const job of [1, 2]) {
      addRun(fixture, { job, issuedAt: ISSUED, creator: gitlabUser(1), runner: gitlabUser(job === 1 ? 1 : 2) });
      addRequest(fixture, 'r1', job, '2026-03-10T08:00:00Z', person('anna'));
    }
    decideRequest(fixture, 'r1', '2026-03-10T09:00:00Z', person('bo'));
    expect(fixture.run('T-02')).toMatchObject({
      population: { count: 2 },
      passed: 1,
      items: [{ aliases: [tokenOf(2)], attribute: 'same_person' }],
    });
  });

  test('where nobody is known to have asked, started or run, nobody can be told from them', () => {
    const fixture = createFixture({ identities });
    const nobody = { kind: 'unknown', key: '' } as const;
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: nobody, runner: nobody });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(2));
    expect(fixture.run('T-02').items).toMatchObject([{ verdict: 'undetermined', attribute: 'no_requester_known' }]);
  });

  test('an approval that arrives late is relied on from then on', () => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED, creator: gitlabUser(1), runner: gitlabUser(2) });
    decideDeployment(fixture, 1, '2026-03-10T09:00:00Z', gitlabUser(2), 'approved', '2026-03-20T00:00:00Z');
    expect(fixture.run('T-02', { asOf: '2026-03-19T00:00:00Z' }).population.count).toBe(0);
    expect(fixture.run('T-02').items).toMatchObject([{ verdict: 'exception', attribute: 'same_person' }]);
  });

  test('an approval after the issue was not relied on, so the population is empty', () => {
    const fixture = createFixture({ identities });
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    decideDeployment(fixture, 1, '2026-03-10T10:05:00Z', gitlabUser(2));
    expect(fixture.run('T-02')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});
